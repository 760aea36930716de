//! The token that each call of an operator's service carries: a JWT (RFC 7519) signed with Ed25519 (RFC 8037), made for
//! one request and good for a minute (RULES 34). `docs/services.md` is the manual for whoever verifies one.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::UnixMillis;
use ring::{
    digest,
    signature::{Ed25519KeyPair, KeyPair},
};
use serde::Serialize;

use super::ServiceCall;
use crate::{AppOpenError, sealing::Keyring};

/// How long a token is good for, in seconds: RULES 34 allows no more.
const LIFE_SECONDS: i64 = 60;

/// How tokens are made in this deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTokenConfig {
    /// Who issues them: the claim `iss`.
    pub issuer: String,
    /// Which of the deployment's keys signs. Counting on is how it is rotated.
    pub generation: u32,
}

impl Default for ServiceTokenConfig {
    fn default() -> Self {
        Self { issuer: String::from("skerry"), generation: 1 }
    }
}

/// The public half of a key that signs tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    /// Its name: the RFC 7638 thumbprint.
    pub id: String,
    /// The 32 bytes of the public key, in base64url.
    pub x: String,
}

/// Makes the tokens. Shows its keys to nobody.
pub(crate) struct TokenSigner {
    issuer: String,
    key: Ed25519KeyPair,
    header: String,
    published: Vec<ServiceKey>,
}

/// The request that a token is for.
pub(crate) struct SignedRequest<'a> {
    /// Whose token it is: the claim `aud`.
    pub(crate) audience: &'a str,
    pub(crate) method: &'a str,
    /// Path and query, as in the request's first line.
    pub(crate) target: &'a str,
    pub(crate) body: &'a [u8],
}

/// The claims, in the order of the manual.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: String,
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    script: String,
    execution: String,
    method: &'a str,
    path: &'a str,
    body_sha256: String,
    jti: String,
    iat: i64,
    exp: i64,
}

impl TokenSigner {
    /// The deployment's signer.
    ///
    /// # Errors
    /// [`AppOpenError::ServiceKey`] only where the seed is no key, which 32 bytes always are.
    pub(crate) fn new(keyring: &Keyring, config: &ServiceTokenConfig) -> Result<Self, AppOpenError> {
        let open = |generation| {
            Ed25519KeyPair::from_seed_unchecked(keyring.service_seed(generation).as_slice())
                .map_err(|_| AppOpenError::ServiceKey)
        };
        let key = open(config.generation)?;
        // The one before, for tokens that are under way; the one after, so that who keeps keys knows it in time.
        let around = [config.generation.saturating_sub(1), config.generation, config.generation.saturating_add(1)];
        let mut published = Vec::new();
        for generation in around {
            let known = published_key(&open(generation)?);
            if !published.contains(&known) {
                published.push(known);
            }
        }
        let header = serde_json::json!({ "alg": "EdDSA", "kid": published_key(&key).id, "typ": "JWT" }).to_string();
        Ok(Self { issuer: config.issuer.clone(), key, header: URL_SAFE_NO_PAD.encode(header), published })
    }

    /// The public keys, the current one among them.
    pub(crate) fn published(&self) -> &[ServiceKey] {
        &self.published
    }

    /// A token for one request.
    ///
    /// # Errors
    /// None that a text and numbers can cause; the serializer's where there is one.
    pub(crate) fn sign(
        &self,
        call: &ServiceCall,
        request: &SignedRequest<'_>,
        now: UnixMillis,
    ) -> serde_json::Result<String> {
        let iat = now.0.div_euclid(1000);
        let claims = Claims {
            iss: &self.issuer,
            aud: request.audience,
            // Who decides by the subject alone keeps tenants apart.
            sub: call.tenant.to_string(),
            tenant: call.tenant.to_string(),
            user: call.user.map(|user| user.to_string()),
            script: call.script.to_string(),
            execution: call.execution.to_string(),
            method: request.method,
            path: request.target,
            body_sha256: URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, request.body)),
            jti: uuid::Uuid::now_v7().to_string(),
            iat,
            exp: iat + LIFE_SECONDS,
        };
        let mut token = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims)?));
        let signature = self.key.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        Ok(token)
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

fn published_key(key: &Ed25519KeyPair) -> ServiceKey {
    let x = URL_SAFE_NO_PAD.encode(key.public_key());
    // RFC 7638: the required members in the order of their names, without white space.
    let thumbprint =
        digest::digest(&digest::SHA256, format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes());
    ServiceKey { id: URL_SAFE_NO_PAD.encode(thumbprint), x }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use std::time::Duration;

    use domain::{ExecutionId, ScriptId, TenantId, UserId};
    use ring::signature::{ED25519, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    fn call(user: Option<UserId>) -> ServiceCall {
        ServiceCall {
            tenant: TenantId::generate(),
            user,
            script: ScriptId::generate(),
            execution: ExecutionId::generate(),
            method: String::from("getInvoice"),
            arguments: Vec::new(),
            idempotency_key: String::new(),
            lineage: String::new(),
            time_left: Duration::from_secs(1),
        }
    }

    fn part(text: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn a_token_is_for_one_request_and_one_minute_and_verifies_with_the_published_key() {
        let signer = TokenSigner::new(&Keyring::ephemeral().unwrap(), &ServiceTokenConfig::default()).unwrap();
        let request = SignedRequest { audience: "billing", method: "PUT", target: "/v1/a?b=c", body: b"{}" };
        let call = call(Some(UserId::generate()));
        let token = signer.sign(&call, &request, UnixMillis(1_700_000_000_999)).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let key = signer.published().iter().find(|key| part(header)["kid"] == key.id.as_str()).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, URL_SAFE_NO_PAD.decode(&key.x).unwrap());
        public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let claims = part(claims);
        assert_eq!(claims["iat"], 1_700_000_000);
        assert_eq!(claims["exp"], 1_700_000_060);
        assert_eq!(
            (&claims["aud"], &claims["method"], &claims["path"]),
            (&"billing".into(), &"PUT".into(), &"/v1/a?b=c".into())
        );
        assert_eq!(claims["tenant"], call.tenant.to_string());
        assert_eq!(claims["sub"], claims["tenant"]);
        assert_eq!(claims["user"], call.user.unwrap().to_string());
        assert_eq!(claims["body_sha256"], "RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o");
    }

    #[test]
    fn nobody_is_no_user_and_each_token_has_an_id_of_its_own() {
        let signer = TokenSigner::new(&Keyring::ephemeral().unwrap(), &ServiceTokenConfig::default()).unwrap();
        let request = SignedRequest { audience: "billing", method: "GET", target: "/", body: b"" };
        let call = call(None);
        let claims = [(), ()].map(|()| {
            let token = signer.sign(&call, &request, UnixMillis(0)).unwrap();
            part(token.split('.').nth(1).unwrap())
        });
        assert_eq!(claims[0].get("user"), None);
        assert_ne!(claims[0]["jti"], claims[1]["jti"]);
    }

    #[test]
    fn the_next_key_is_known_before_it_signs_and_the_last_one_for_a_while_after() {
        let keyring = Keyring::ephemeral().unwrap();
        let generation = |generation| {
            let config = ServiceTokenConfig { generation, ..ServiceTokenConfig::default() };
            TokenSigner::new(&keyring, &config).unwrap()
        };
        let current = |signer: &TokenSigner| {
            let header = part(&signer.header);
            signer.published().iter().find(|key| header["kid"] == key.id.as_str()).unwrap().clone()
        };
        let (now, next, after) = (generation(4), generation(5), generation(6));
        assert!(now.published().contains(&current(&next)));
        assert!(next.published().contains(&current(&now)));
        assert!(!after.published().contains(&current(&now)));
        assert_ne!(current(&now), current(&next));
    }
}
