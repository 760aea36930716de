//! Sign one of your platform's users in to a tenant: the token for `POST /api/v1/sign-in/platform` (docs/sign-in.md).
//!
//! Needs the crates base64, ring and serde_json. The key is an Ed25519 key in PKCS#8; Skerry knows its public half by
//! 'keys' of [[sign_in.platform]].

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::Ed25519KeyPair;
use serde_json::json;

/// Whom the token is for.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// What your platform knows the person by, for ever: not an address.
    pub id: &'a str,
    /// The name for people.
    pub name: &'a str,
    /// The tenant, by its name in addresses.
    pub tenant: &'a str,
    /// The role there.
    pub role: &'a str,
}

/// A token that is good once and for 30 seconds. `issuer` and `key` are your platform's, `deployment` is the address of
/// Skerry, `id` was never used before, and `now` is in seconds since 1970.
pub fn sign(key: &Ed25519KeyPair, (issuer, deployment): (&str, &str), user: User<'_>, id: &str, now: i64) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "JWT" });
    let claims = json!({
        "iss": issuer,
        "aud": deployment,
        "sub": user.id,
        "name": user.name,
        "tenant": user.tenant,
        "role": user.role,
        "jti": id,
        "iat": now,
        "exp": now + 30,
    });
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = encode(key.sign(message.as_bytes()).as_ref());
    format!("{message}.{signature}")
}
