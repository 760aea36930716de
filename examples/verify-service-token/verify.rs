//! Verifies the token that each call of a service of yours carries (docs/services.md). Needs `ring`, `base64` and
//! `serde_json`.
//!
//! The keys are what `/.well-known/jwks.json` answered: fetch them at the start, and again when a token names a key that
//! is not among them, at most once a minute.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest,
    signature::{ED25519, UnparsedPublicKey},
};
use serde_json::Value;

const CLOCK_SKEW_SECONDS: i64 = 30;

/// Knows the keys, and which tokens were used.
#[derive(Debug)]
pub struct Verifier {
    keys: HashMap<String, Vec<u8>>,
    issuer: String,
    audience: String,
    /// When each token that was used ends, by its id.
    seen: HashMap<String, i64>,
}

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The header `Authorization`.
    pub authorization: &'a str,
    pub method: &'a str,
    /// The request's own path, query included.
    pub path: &'a str,
    pub body: &'a [u8],
}

impl Verifier {
    /// Verify tokens that `issuer` made for `audience`.
    pub fn new(jwks: &Value, issuer: &str, audience: &str) -> Self {
        let is_usable = |key: &&Value| key["kty"] == "OKP" && key["crv"] == "Ed25519";
        let keys = jwks["keys"].as_array().into_iter().flatten().filter(is_usable).filter_map(|key| {
            Some((key["kid"].as_str()?.to_owned(), URL_SAFE_NO_PAD.decode(key["x"].as_str()?).ok()?))
        });
        Self { keys: keys.collect(), issuer: issuer.to_owned(), audience: audience.to_owned(), seen: HashMap::new() }
    }

    /// The claims of a request that came from Skerry; `now` in seconds of Unix time.
    ///
    /// # Errors
    /// Why it is refused, for the log: answer 401 and nothing more.
    pub fn verify(&mut self, request: Request<'_>, now: i64) -> Result<Value, &'static str> {
        let token = request.authorization.strip_prefix("Bearer ").ok_or("there is no token")?;
        let (signed, signature) = token.rsplit_once('.').ok_or("it is no token")?;
        let (header, claims) = signed.split_once('.').ok_or("it is no token")?;
        let (header, claims) = (part(header)?, part(claims)?);
        let key = header["kid"].as_str().and_then(|id| self.keys.get(id)).ok_or("its key is not known")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "it is no token")?;
        // The algorithm is the key's. The token does not choose it.
        let holds = UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature).is_ok();
        if header["alg"] != "EdDSA" || !holds {
            return Err("its signature does not hold");
        }
        if claims["iss"] != self.issuer.as_str() || claims["aud"] != self.audience.as_str() {
            return Err("it is for somebody else");
        }
        let (Some(issued), Some(expires)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
            return Err("it is not valid now");
        };
        if issued > now + CLOCK_SKEW_SECONDS || expires <= now - CLOCK_SKEW_SECONDS {
            return Err("it is not valid now");
        }
        let body = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, request.body));
        if claims["method"] != request.method
            || claims["path"] != request.path
            || claims["body_sha256"] != body.as_str()
        {
            return Err("it is for another request");
        }
        let id = claims["jti"].as_str().ok_or("it is no token")?;
        self.seen.retain(|_, end| *end >= now - CLOCK_SKEW_SECONDS);
        match self.seen.insert(id.to_owned(), expires) {
            Some(_) => Err("it was used before"),
            None => Ok(claims),
        }
    }
}

fn part(text: &str) -> Result<Value, &'static str> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "it is no token")?;
    serde_json::from_slice(&bytes).map_err(|_| "it is no token")
}
