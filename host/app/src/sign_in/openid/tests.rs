//! Signing in by an identity provider that the tests are, over TLS and the egress policy; and by tokens of a platform.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod issuer;
mod platform;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use database::MembershipStatus;
use domain::{Permission, Permissions, Principal};
use serde_json::{Value, json};

use super::*;
use crate::{App, AppConfig, EgressConfig, HostPattern, OPENID_PATH, ProviderInput, jwt::tests::Signer};
use issuer::Issuer;

const ISSUER: &str = "https://login.test/realm";
const ORIGIN: &str = "https://skerry.test";

struct Stage {
    app: App,
    principal: Principal,
    issuer: Arc<Issuer>,
    now: UnixMillis,
}

/// A browser that went to the provider, and what it was given to take back.
struct Gone {
    asked: BTreeMap<String, String>,
    browser: String,
}

fn input() -> ProviderInput {
    ProviderInput {
        name: String::from("Login"),
        issuer: ISSUER.to_owned(),
        client_id: String::from("skerry"),
        client_secret: Some(String::from("marker of the client's secret")),
        group_claim: Some(String::from("groups")),
        rules: vec![(String::from("ops"), String::from("admin")), (String::from("dev"), String::from("editor"))],
        default_role: None,
        is_active: true,
    }
}

fn visitor() -> Visitor {
    Visitor { address: IpAddr::V4(Ipv4Addr::LOCALHOST), device: String::new(), session: None }
}

impl Stage {
    async fn set() -> Self {
        Self::with_hosts(vec![HostPattern::ANY]).await
    }

    async fn with_hosts(hosts: Vec<HostPattern>) -> Self {
        let issuer = Issuer::new();
        let egress = EgressConfig { hosts, ca_file: Some(issuer.authority().to_owned()), ..EgressConfig::default() };
        let network = Arc::clone(&issuer) as Arc<dyn crate::Network>;
        let app = App::open_offline(AppConfig { egress, network, ..AppConfig::in_memory() }).unwrap();
        let bootstrap = app.bootstrap(false).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
        Self { app, principal, issuer, now: UnixMillis::now() }
    }

    async fn provider(&self, input: ProviderInput) -> IdentityProviderId {
        self.app.providers().create(&self.principal, input).await.unwrap().id
    }

    async fn go(&self, provider: IdentityProviderId) -> Gone {
        let slug = TenantSlug::parse("main").unwrap();
        let begun =
            self.app.sign_in().begin_openid((&slug, provider), (ORIGIN, "/scripts?a=b"), self.now).await.unwrap();
        let url = Url::parse(&begun.url).unwrap();
        assert!(begun.url.starts_with("https://login.test/realm/authorize?"), "{}", begun.url);
        Gone { asked: url.query_pairs().into_owned().collect(), browser: begun.browser }
    }

    /// The claims of a token that is right.
    fn claims(&self, gone: &Gone) -> Value {
        let now = self.now.0 / 1000;
        json!({
            "iss": ISSUER, "aud": "skerry", "sub": "ada-1", "nonce": gone.asked["nonce"], "iat": now, "exp": now + 300,
            "name": "Ada", "email": "operator@localhost", "groups": ["dev"],
        })
    }

    /// Come back with a code, for which the provider gives this token.
    async fn come_back(&self, gone: &Gone, token: String) -> Result<(IssuedSession, String), AppError> {
        self.issuer.gives(token);
        self.finish(gone, "marker-code", None, self.now).await
    }

    async fn finish(
        &self,
        gone: &Gone,
        code: &str,
        issuer: Option<&str>,
        now: UnixMillis,
    ) -> Result<(IssuedSession, String), AppError> {
        let returned = OpenIdReturn { state: &gone.asked["state"], code, issuer, browser: &gone.browser };
        self.app.sign_in().finish_openid(returned, &visitor(), now).await
    }

    async fn sign_in(
        &self,
        provider: IdentityProviderId,
        change: impl FnOnce(&mut Value),
    ) -> Result<Principal, AppError> {
        let gone = self.go(provider).await;
        let mut claims = self.claims(&gone);
        change(&mut claims);
        let (issued, _) = self.come_back(&gone, self.issuer.signer.sign(&claims)).await?;
        let person = self.app.sessions().authenticate(&issued.text, self.now)?;
        assert!(person.is_confined() && person.operator().is_err());
        person.principal()
    }
}

fn has_failed<T>(result: &Result<T, AppError>) -> bool {
    matches!(result, Err(AppError::SignInFailed))
}

#[tokio::test]
async fn a_person_signs_in_by_a_provider_and_is_known_by_issuer_and_subject_alone() {
    let stage = Stage::set().await;
    let provider = stage.provider(input()).await;
    let gone = stage.go(provider).await;
    assert_eq!(gone.asked["redirect_uri"], format!("{ORIGIN}{OPENID_PATH}"));
    assert_eq!((gone.asked["response_type"].as_str(), gone.asked["scope"].as_str()), ("code", "openid profile email"));
    let token = stage.issuer.signer.sign(&stage.claims(&gone));
    let (issued, return_to) = stage.come_back(&gone, token).await.unwrap();
    assert_eq!(return_to, "/scripts?a=b");

    let form = stage.issuer.exchanged().unwrap();
    assert_eq!((form["grant_type"].as_str(), form["code"].as_str()), ("authorization_code", "marker-code"));
    assert_eq!(challenge(&form["code_verifier"]), gone.asked["code_challenge"]);
    assert_eq!(gone.asked["code_challenge_method"], "S256");
    assert_eq!(form["redirect_uri"], gone.asked["redirect_uri"]);
    assert_eq!(form["authorization"], "Basic c2tlcnJ5Om1hcmtlcitvZit0aGUrY2xpZW50JTI3cytzZWNyZXQ=");

    // Whose address the provider claims is the operator's; the person is somebody else, and no operator.
    let person = stage.app.sessions().authenticate(&issued.text, stage.now).unwrap();
    let first = person.principal().unwrap();
    assert_eq!(first.tenant, stage.principal.tenant);
    assert_ne!(first.user(), stage.principal.user());
    assert_eq!(first.permissions, domain::BuiltInRole::Editor.permissions());
    assert!(person.is_confined() && person.operator().is_err());
    let details = stage.app.sessions().describe(&person).unwrap();
    assert!(details.user.email.ends_with("@identity.invalid") && details.user.name == "Ada", "{details:?}");

    // The same subject is the same person, with the role of this time; another one is another.
    let again = stage.sign_in(provider, |claims| claims["groups"] = json!(["x", "ops"])).await.unwrap();
    assert_eq!((again.user(), again.permissions), (first.user(), Permissions::all()));
    let other = stage.sign_in(provider, |claims| claims["sub"] = json!("eve-1")).await.unwrap();
    assert_ne!(other.user(), first.user());
}

#[tokio::test]
async fn a_token_that_is_not_of_this_sign_in_opens_nothing() {
    let stage = Stage::set().await;
    let provider = stage.provider(input()).await;
    let now = stage.now.0 / 1000;
    let changes: [(&str, Value); 16] = [
        ("iss", json!("https://other.test")),
        ("iss", json!(format!("{ISSUER}/"))),
        ("aud", json!("somebody-else")),
        ("aud", json!(["skerry", "somebody-else"])),
        ("azp", json!("somebody-else")),
        ("nonce", json!("another")),
        ("nonce", json!("")),
        ("nonce", Value::Null),
        ("exp", json!(now - 11)),
        ("iat", json!(now + 60)),
        ("iat", json!(now - 3_600)),
        ("sub", json!("")),
        ("sub", json!("x".repeat(256))),
        ("groups", json!([])),
        ("groups", json!("nobody")),
        ("groups", json!({ "dev": true })),
    ];
    for (claim, value) in changes {
        let answer = stage.sign_in(provider, |claims| claims[claim] = value.clone()).await;
        assert!(has_failed(&answer), "{claim} {value}: {answer:?}");
    }
    let shared = stage.sign_in(provider, |claims| {
        claims["aud"] = json!(["skerry", "somebody-else"]);
        claims["azp"] = json!("skerry");
    });
    assert!(shared.await.is_ok());
}

#[tokio::test]
async fn no_signature_a_shared_secret_and_another_signer_open_nothing() {
    let stage = Stage::set().await;
    let provider = stage.provider(input()).await;
    let signer = &stage.issuer.signer;
    let forgeries: [fn(&Signer, &Value) -> String; 5] = [
        |signer, claims| signer.sign_as(&json!({ "alg": "none" }), claims),
        |signer, claims| signer.sign_as(&json!({ "alg": "HS256", "kid": "ec" }), claims),
        |signer, claims| signer.sign_as(&json!({ "alg": "ES256", "kid": "unknown" }), claims),
        |_, claims| Signer::new().sign(claims),
        |signer, claims| signer.sign(claims).replacen('.', ".e", 1),
    ];
    for (at, forge) in forgeries.into_iter().enumerate() {
        let gone = stage.go(provider).await;
        let token = forge(signer, &stage.claims(&gone));
        assert!(has_failed(&stage.come_back(&gone, token).await), "forgery {at}");
    }
    assert!(stage.sign_in(provider, |_| ()).await.is_ok());
}

#[tokio::test]
async fn a_sign_in_is_finished_once_by_the_browser_that_began_and_in_time() {
    let stage = Stage::set().await;
    let provider = stage.provider(input()).await;
    let token = |gone: &Gone| stage.issuer.signer.sign(&stage.claims(gone));

    let gone = stage.go(provider).await;
    assert!(stage.come_back(&gone, token(&gone)).await.is_ok());
    assert!(has_failed(&stage.come_back(&gone, token(&gone)).await), "state and code again");

    // Somebody else's browser: the victim is sent back with the attacker's state and code.
    let (own, other) = (stage.go(provider).await, stage.go(provider).await);
    let mixed = Gone { asked: other.asked.clone(), browser: own.browser.clone() };
    assert!(has_failed(&stage.come_back(&mixed, token(&other)).await));
    let without = Gone { asked: own.asked.clone(), browser: String::new() };
    assert!(has_failed(&stage.come_back(&without, token(&own)).await));
    // A token of the one sign-in does not finish the other.
    assert!(has_failed(&stage.come_back(&own, token(&other)).await));

    let gone = stage.go(provider).await;
    stage.issuer.gives(token(&gone));
    let later = UnixMillis(stage.now.0 + 10 * 60 * 1000);
    assert!(has_failed(&stage.finish(&gone, "marker-code", None, later).await));
    assert!(has_failed(&stage.finish(&gone, "", None, stage.now).await));
}

#[tokio::test]
async fn an_answer_of_another_provider_finishes_nothing() {
    let stage = Stage::set().await;
    let provider = stage.provider(input()).await;
    let finish = async |issuer: Option<&str>| {
        let gone = stage.go(provider).await;
        stage.issuer.gives(stage.issuer.signer.sign(&stage.claims(&gone)));
        stage.finish(&gone, "marker-code", issuer, stage.now).await
    };
    assert!(finish(Some(ISSUER)).await.is_ok());
    assert!(has_failed(&finish(Some("https://evil.test")).await));
    assert!(finish(None).await.is_ok(), "it does not say that it says so");
    // One that says who it is in each answer: none that does not is its own.
    let stage = Stage::set().await;
    stage.issuer.says("authorization_response_iss_parameter_supported", json!(true));
    let provider = stage.provider(input()).await;
    let gone = stage.go(provider).await;
    stage.issuer.gives(stage.issuer.signer.sign(&stage.claims(&gone)));
    assert!(has_failed(&stage.finish(&gone, "marker-code", None, stage.now).await));
}

#[tokio::test]
async fn a_provider_that_says_to_be_another_or_has_no_tls_is_not_asked() {
    for (member, value) in [
        ("issuer", json!("https://other.test")),
        ("token_endpoint", json!("http://login.test/token")),
        ("jwks_uri", json!("file:///etc/passwd")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
    ] {
        let stage = Stage::set().await;
        stage.issuer.says(member, value);
        let provider = stage.provider(input()).await;
        let slug = TenantSlug::parse("main").unwrap();
        let begun = stage.app.sign_in().begin_openid((&slug, provider), (ORIGIN, "/"), stage.now).await;
        assert!(matches!(begun, Err(AppError::ProviderFailed)), "{member}: {begun:?}");
    }
}

#[tokio::test]
async fn a_provider_is_asked_through_the_egress_policy() {
    let slug = TenantSlug::parse("main").unwrap();
    let nobody = Stage::with_hosts(Vec::new()).await;
    let listed = nobody.provider(input()).await;
    let refused = nobody.app.sign_in().begin_openid((&slug, listed), (ORIGIN, "/"), nobody.now).await;
    assert!(matches!(refused, Err(AppError::ProviderFailed)), "the operator's list does not name it: {refused:?}");
    let stage = Stage::set().await;
    for host in ["private.test", "127.0.0.1", "localhost"] {
        let issuer = format!("https://{host}/realm");
        let provider = stage.provider(ProviderInput { issuer, ..input() }).await;
        let refused = stage.app.sign_in().begin_openid((&slug, provider), (ORIGIN, "/"), stage.now).await;
        assert!(matches!(refused, Err(AppError::ProviderFailed)), "{host}: {refused:?}");
    }
    assert_eq!(stage.issuer.asked(), 0);
}

#[tokio::test]
async fn a_page_to_return_to_is_one_of_ours() {
    let stage = Stage::set().await;
    let provider = stage.provider(input()).await;
    let slug = TenantSlug::parse("main").unwrap();
    for page in ["", "scripts", "//evil.test", "/\\evil.test", "https://evil.test", "/a b", "/\r\nx: y", "/ä"] {
        let refused = stage.app.sign_in().begin_openid((&slug, provider), (ORIGIN, page), stage.now).await;
        assert!(matches!(refused, Err(AppError::Invalid(_))), "{page}");
    }
}

#[tokio::test]
async fn a_provider_gives_no_more_than_whoever_set_it_holds_and_lets_in_nobody_who_was_removed() {
    let stage = Stage::set().await;
    let narrow = Permissions::from_iter([Permission::SignInManage, Permission::ScriptsRead]);
    let less = Principal { permissions: narrow, ..stage.principal.clone() };
    let refused = stage.app.providers().create(&less, input()).await;
    assert!(matches!(refused, Err(AppError::Forbidden(_))), "{refused:?}");

    let provider = stage.provider(input()).await;
    let member = stage.sign_in(provider, |_| ()).await.unwrap();
    let database = &stage.app.inner.database;
    let tenant = member.tenant;
    let set = async |user, permissions, status| {
        let membership = database::Membership { user, permissions, status, created_at: UnixMillis(1) };
        database.put_membership(tenant, membership).await.unwrap();
    };
    let setter = stage.principal.user().unwrap();
    set(setter, Permissions::NONE, MembershipStatus::Active).await;
    assert!(has_failed(&stage.sign_in(provider, |_| ()).await), "who set it may not give that any more");
    set(setter, Permissions::all(), MembershipStatus::Active).await;
    assert!(stage.sign_in(provider, |_| ()).await.is_ok());

    set(member.user().unwrap(), Permissions::NONE, MembershipStatus::Removed).await;
    assert!(has_failed(&stage.sign_in(provider, |_| ()).await), "the tenant removed that person");
}

#[tokio::test]
async fn a_provider_is_set_with_care_and_removed() {
    let stage = Stage::set().await;
    let providers = stage.app.providers();
    let wrong = |change: fn(&mut ProviderInput)| {
        let mut input = input();
        change(&mut input);
        providers.create(&stage.principal, input)
    };
    let changes: [fn(&mut ProviderInput); 10] = [
        |input| input.name = String::new(),
        |input| input.name = String::from("a\u{202e}b"),
        |input| input.issuer = String::from("http://login.test"),
        |input| input.issuer = String::from("https://login.test/?a"),
        |input| input.issuer = String::from("https://u@login.test/"),
        |input| input.client_id = String::new(),
        |input| input.client_secret = Some("x".repeat(501)),
        |input| input.group_claim = None,
        |input| input.default_role = Some(String::from("nobody")),
        |input| input.rules = vec![(String::from("x"), String::from("admin")); 101],
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let refused = wrong(change).await;
        assert!(matches!(refused, Err(AppError::Invalid(_))), "{at}: {refused:?}");
    }
    let made = providers.create(&stage.principal, input()).await.unwrap();
    assert!(matches!(providers.create(&stage.principal, input()).await, Err(AppError::Invalid(_))), "there is one");
    let without = || ProviderInput { client_secret: None, ..input() };
    let kept = providers.replace(&stage.principal, made.id, Some(made.revision), without()).await.unwrap();
    assert!(kept.client_secret.is_some() && kept.revision != made.revision);
    let stale = providers.replace(&stage.principal, made.id, Some(made.revision), without()).await;
    assert!(matches!(stale, Err(AppError::Stale { .. })), "{stale:?}");
    let elsewhere = ProviderInput { issuer: String::from("https://evil.test"), ..without() };
    let refused = providers.replace(&stage.principal, made.id, None, elsewhere).await;
    assert!(matches!(refused, Err(AppError::ValueRequired)), "{refused:?}");

    assert_eq!(stage.app.sign_in().providers_of(&TenantSlug::parse("main").unwrap()).unwrap().len(), 1);
    assert!(stage.app.sign_in().providers_of(&TenantSlug::parse("nowhere").unwrap()).unwrap().is_empty());
    let gone = stage.go(made.id).await;
    providers.delete(&stage.principal, made.id).await.unwrap();
    let token = stage.issuer.signer.sign(&stage.claims(&gone));
    assert!(has_failed(&stage.come_back(&gone, token).await));
    assert!(matches!(providers.get(&stage.principal, made.id), Err(AppError::NotFound { .. })));
}
