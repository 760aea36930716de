//! Tokens signed here, and those that somebody would like to be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};

use super::*;

/// Somebody who signs tokens by Ed25519 and by ES256.
pub(crate) struct Signer {
    ed25519: Ed25519KeyPair,
    p256: EcdsaKeyPair,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self {
            ed25519: Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap(),
            p256: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, p256.as_ref(), &random).unwrap(),
        }
    }

    /// Its public keys, as an issuer publishes them.
    pub(crate) fn jwks(&self) -> Value {
        let x = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = self.p256.public_key().as_ref();
        json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig", "x": x(self.ed25519.public_key().as_ref()) },
            { "kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256", "x": x(&point[1..33]), "y": x(&point[33..]) },
            { "kty": "oct", "k": "c2VjcmV0" },
        ] })
    }

    pub(crate) fn keys(&self) -> VerifyingKeys {
        VerifyingKeys::parse(&self.jwks().to_string()).unwrap()
    }

    /// A token with these claims, by ES256.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": "ES256", "kid": "ec", "typ": "JWT" }), claims)
    }

    /// A token with this header, signed as it says.
    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let message = unsigned(header, claims);
        let signature = match header["alg"].as_str().unwrap() {
            "ES256" => self.p256.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed25519.sign(message.as_bytes()).as_ref().to_vec(),
            "HS256" => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.p256.public_key().as_ref());
                hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn verified(keys: &VerifyingKeys, token: &str) -> Result<Value, JwtError> {
    keys.verify(token)
}

#[test]
fn a_token_of_a_known_key_is_verified_and_one_that_was_changed_is_not() {
    let signer = Signer::new();
    let (keys, claims) = (signer.keys(), json!({ "sub": "ada" }));
    for header in
        [json!({ "alg": "ES256", "kid": "ec" }), json!({ "alg": "EdDSA", "kid": "ed" }), json!({ "alg": "EdDSA" })]
    {
        let token = signer.sign_as(&header, &claims);
        assert_eq!(verified(&keys, &token), Ok(claims.clone()), "{header}");
        let (message, signature) = token.rsplit_once('.').unwrap();
        let other = unsigned(&header, &json!({ "sub": "eve" }));
        assert_eq!(verified(&keys, &format!("{other}.{signature}")), Err(JwtError::Signature), "{header}");
        assert!(verified(&keys, message).is_err() && verified(&keys, &format!("{token}.")).is_err());
        assert!(verified(&Signer::new().keys(), &token).is_err(), "somebody else's key");
    }
}

#[test]
fn no_signature_a_shared_secret_and_another_algorithm_than_the_keys_have_no_form() {
    let signer = Signer::new();
    let (keys, claims) = (signer.keys(), json!({ "sub": "eve" }));
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "None" }),
        json!({ "alg": "HS256", "kid": "ec" }),
        json!({ "alg": "ES256", "kid": "ed" }),
        json!({ "alg": "ES256", "kid": "unknown" }),
        json!({ "alg": "ES256", "crit": ["exp"] }),
        json!({ "alg": "RS256" }),
    ] {
        let token = signer.sign_as(&header, &claims);
        assert_eq!(verified(&keys, &token), Err(JwtError::UnknownKey), "{header}");
    }
    let header = json!({ "alg": "none" });
    assert!(verified(&keys, &format!("{}.", unsigned(&header, &claims))).is_err());
}

#[test]
fn what_is_no_token_is_refused() {
    let keys = Signer::new().keys();
    for token in ["", ".", "..", "...", "a.b.c", "{}.{}.{}", "e30.e30.e30", &"x".repeat(100_000)] {
        assert_eq!(verified(&keys, token), Err(JwtError::Malformed), "{token:.20}");
    }
}

#[test]
fn an_rsa_signature_of_another_implementation_is_verified() {
    // By OpenSSL, with the private key of `rsa2048.pem`, which is gone.
    let token = include_str!("rs256_token.txt").trim();
    for keys in [include_str!("rs256_key.json"), include_str!("rsa2048.pem")] {
        let keys = VerifyingKeys::parse(keys).unwrap();
        assert_eq!(verified(&keys, token).unwrap()["iss"], "joe");
        let (message, signature) = token.rsplit_once('.').unwrap();
        let changed = message.replacen('.', ".e30", 1);
        assert!(verified(&keys, &format!("{changed}.{signature}")).is_err());
    }
}

#[test]
fn keys_are_read_from_pem_and_nothing_else_is_taken_for_one() {
    for (pem, algorithm) in [
        (include_str!("ed25519.pem"), Algorithm::EdDsa),
        (include_str!("p256.pem"), Algorithm::Es256),
        (include_str!("rsa2048.pem"), Algorithm::Rs256),
    ] {
        let keys = VerifyingKeys::parse(pem).unwrap();
        assert_eq!(keys.0.iter().map(|key| key.material.algorithm()).collect::<Vec<_>>(), [algorithm]);
    }
    for text in ["", "{}", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}", "secret", "-----BEGIN"]
    {
        assert!(VerifyingKeys::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_token_is_current_from_its_time_to_its_end() {
    let at = |seconds: i64| UnixMillis(seconds * 1000);
    assert!(is_current(100, 160, at(100)) && is_current(100, 160, at(90)) && is_current(100, 160, at(169)));
    assert!(!is_current(100, 160, at(89)) && !is_current(100, 160, at(170)));
    assert!(!is_current(i64::MAX, i64::MAX, at(1)) && !is_current(0, i64::MIN, at(1)));
}
