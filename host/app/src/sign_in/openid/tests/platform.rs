//! Tokens by which the host platform signs in its own users.

use domain::BuiltInRole;

use super::*;
use crate::{PlatformConfig, SignInConfig};

const PLATFORM: &str = "https://shop.test";
const ADDRESS: &str = "https://skerry.test";

struct Platform {
    app: App,
    operator: Principal,
    signer: Signer,
    now: UnixMillis,
}

impl Platform {
    async fn set(max_role: BuiltInRole, tenants: Option<Vec<TenantSlug>>) -> Self {
        let signer = Signer::new();
        let platform = PlatformConfig {
            name: String::from("shop"),
            issuer: PLATFORM.to_owned(),
            keys: signer.keys(),
            max_role,
            tenants,
        };
        let sign_in =
            SignInConfig { address: ADDRESS.to_owned(), platforms: vec![platform], ..SignInConfig::default() };
        let app = App::open_offline(AppConfig { sign_in, ..AppConfig::in_memory() }).unwrap();
        let bootstrap = app.bootstrap(false).await.unwrap().unwrap();
        let operator = app.tokens().authenticate(&bootstrap.token).unwrap();
        Self { app, operator, signer, now: UnixMillis::now() }
    }

    fn claims(&self, id: &str) -> Value {
        let now = self.now.0 / 1000;
        json!({
            "iss": PLATFORM, "aud": ADDRESS, "sub": "user-7", "tenant": "main", "role": "editor", "jti": id, "iat": now,
            "exp": now + 60, "name": "Ada", "email": "operator@localhost",
        })
    }

    async fn present(&self, token: &str) -> Result<Principal, AppError> {
        let issued = self.app.sign_in().by_platform_token(token, &visitor(), self.now).await?;
        let person = self.app.sessions().authenticate(&issued.text, self.now)?;
        assert!(person.is_confined() && person.operator().is_err());
        assert_eq!(person.method(), SignInMethod::Platform);
        person.principal()
    }
}

#[tokio::test]
async fn a_platform_signs_its_users_in_to_one_tenant_each_by_tokens_that_are_good_once() {
    let platform = Platform::set(BuiltInRole::Editor, None).await;
    let token = platform.signer.sign(&platform.claims("1"));
    let first = platform.present(&token).await.unwrap();
    assert_eq!((first.tenant, first.permissions), (platform.operator.tenant, BuiltInRole::Editor.permissions()));
    assert_ne!(first.user(), platform.operator.user());
    assert!(has_failed(&platform.present(&token).await), "it was presented before");
    let mut claims = platform.claims("2");
    claims["role"] = json!("viewer");
    let by_ed25519 = platform.signer.sign_as(&json!({ "alg": "EdDSA" }), &claims);
    let again = platform.present(&by_ed25519).await.unwrap();
    assert_eq!((again.user(), again.permissions), (first.user(), BuiltInRole::Viewer.permissions()));
}

#[tokio::test]
async fn two_that_present_one_token_at_once_are_one() {
    let platform = Arc::new(Platform::set(BuiltInRole::Editor, None).await);
    let token = platform.signer.sign(&platform.claims("1"));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (platform, token) = (Arc::clone(&platform), token.clone());
            tokio::spawn(async move { platform.present(&token).await.is_ok() })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += usize::from(task.await.unwrap());
    }
    assert_eq!(admitted, 1);
}

#[tokio::test]
async fn a_token_that_is_not_for_us_not_of_now_or_gives_too_much_opens_nothing() {
    let slug = TenantSlug::parse("main").unwrap();
    let platform = Platform::set(BuiltInRole::Editor, Some(vec![slug])).await;
    platform
        .app
        .tenant_with_member(&TenantSlug::parse("other").unwrap(), "Other", platform.operator.user().unwrap())
        .await
        .unwrap();
    let now = platform.now.0 / 1000;
    let changes: [(&str, Value); 20] = [
        ("iss", json!("https://evil.test")),
        ("aud", json!("https://other.test")),
        ("aud", json!([ADDRESS, "https://other.test"])),
        ("exp", json!(now + 61)),
        ("exp", json!(now)),
        ("exp", json!(now - 30)),
        ("exp", json!(i64::MAX)),
        ("iat", json!(i64::MIN)),
        ("iat", json!(now + 30)),
        ("jti", json!("")),
        ("jti", json!("x".repeat(201))),
        ("jti", Value::Null),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("tenant", json!("nowhere")),
        ("tenant", json!("other")),
        ("tenant", json!("../main")),
        ("role", json!("admin")),
        ("role", json!("no-such-role")),
        ("role", Value::Null),
    ];
    for (at, (claim, value)) in changes.into_iter().enumerate() {
        let mut claims = platform.claims(&at.to_string());
        claims[claim] = value.clone();
        let answer = platform.present(&platform.signer.sign(&claims)).await;
        assert!(has_failed(&answer), "{claim} {value}: {answer:?}");
    }
    let claims = platform.claims("forged");
    for token in [
        Signer::new().sign(&claims),
        platform.signer.sign_as(&json!({ "alg": "none" }), &claims),
        platform.signer.sign_as(&json!({ "alg": "HS256" }), &claims),
        String::from("rubbish"),
    ] {
        assert!(has_failed(&platform.present(&token).await));
    }
    assert!(platform.present(&platform.signer.sign(&claims)).await.is_ok());
}

/// The example of `docs/sign-in.md`.
#[path = "../../../../../../examples/sign-in-token/sign.rs"]
#[expect(unreachable_pub, reason = "it is a file for others to copy")]
mod sign;

#[tokio::test]
async fn the_examples_token_is_taken() {
    let document = ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
    let key = ring::signature::Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(ring::signature::KeyPair::public_key(&key).as_ref());
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x }] });
    let platform = PlatformConfig {
        name: String::from("shop"),
        issuer: PLATFORM.to_owned(),
        keys: crate::VerifyingKeys::parse(&keys.to_string()).unwrap(),
        max_role: BuiltInRole::Editor,
        tenants: None,
    };
    let sign_in = SignInConfig { address: ADDRESS.to_owned(), platforms: vec![platform], ..SignInConfig::default() };
    let app = App::open_offline(AppConfig { sign_in, ..AppConfig::in_memory() }).unwrap();
    app.bootstrap(false).await.unwrap();
    let now = UnixMillis::now();
    let user = sign::User { id: "user-7", name: "Ada", tenant: "main", role: "editor" };
    let token = sign::sign(&key, (PLATFORM, ADDRESS), user, "1", now.0 / 1000);
    let issued = app.sign_in().by_platform_token(&token, &visitor(), now).await.unwrap();
    let person = app.sessions().authenticate(&issued.text, now).unwrap();
    assert_eq!(app.sessions().describe(&person).unwrap().user.name, "Ada");
}
