//! Signed tokens of others (JWT, RFC 7519): verified by their issuer's public keys, and by nothing else.
//!
//! Only asymmetric signatures exist here: EdDSA with Ed25519, ES256, and RS256 with 2048 bits or more. The key says by
//! which of them it verifies, and not the token: `none`, and a public key that is taken for a shared secret, have no form
//! in this module (RFC 8725).

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::UnixMillis;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use rustls::pki_types::{SubjectPublicKeyInfoDer, pem::PemObject};
use serde::{Deserialize, de::DeserializeOwned};

/// The most bytes of a token: identity providers put groups into them.
const TOKEN_BYTES_MAX: usize = 32 << 10;

/// The most keys of a set.
const KEYS_MAX: usize = 100;

/// How far clocks may differ, in seconds.
pub(crate) const LEEWAY_S: i64 = 10;

/// What stands before the key in a SubjectPublicKeyInfo (RFC 8410, RFC 5480, RFC 8017), after its outer header.
const ED25519_INFO: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
const P256_INFO: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];
const RSA_INFO: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// Why a token is none. For the operator's log; whoever presents it learns less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwtError {
    /// It has another form.
    #[error("it is no signed token")]
    Malformed,
    /// It is signed in a way that is not taken, or none of the keys is for it.
    #[error("it is signed in a way, or by a key, that is not known")]
    UnknownKey,
    /// None of the keys has signed it.
    #[error("its signature is not right")]
    Signature,
    /// Its claims have another form.
    #[error("its claims are not as they have to be")]
    Claims,
}

/// The ways to sign that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    EdDsa,
    Es256,
    Rs256,
}

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        match name {
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
struct VerifyingKey {
    id: Option<String>,
    material: Material,
}

#[derive(Clone, PartialEq, Eq)]
enum Material {
    /// 32 bytes.
    Ed25519(Vec<u8>),
    /// An uncompressed point.
    P256(Vec<u8>),
    /// Modulus and exponent.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// The same as RFC 8017 encodes them.
    RsaDer(Vec<u8>),
}

/// The public keys of an issuer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct VerifyingKeys(Vec<VerifyingKey>);

impl fmt::Debug for VerifyingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKeys({})", self.0.len())
    }
}

/// A key in a set (RFC 7517).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    crv: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// Whom a token is for: one, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// Whether it is for `audience`.
    pub(crate) fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(only) => only == audience,
            Self::Several(all) => all.iter().any(|one| one == audience),
        }
    }

    /// Whether it is for somebody else too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Several(all) if all.len() > 1)
    }
}

impl VerifyingKeys {
    /// Read a file of keys: a JWK set as JSON, or public keys in PEM.
    ///
    /// # Errors
    /// Says what is wrong, for whoever wrote the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let keys = if text.trim_start().starts_with('{') { Self::of_jwks(text) } else { Self::of_pem(text) }?;
        if keys.0.is_empty() {
            return Err(String::from("it has no public key of the kinds Ed25519, P-256 or RSA from 2048 bits on"));
        }
        Ok(keys)
    }

    /// Read a JWK set. Keys of other kinds and for other uses are left out, as RFC 7517 asks.
    pub(crate) fn of_jwks(text: &str) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_str(text).map_err(|error| format!("it is no JWK set: {error}"))?;
        let keys = set.keys.into_iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        Ok(Self(keys.filter_map(|key| VerifyingKey::of_jwk(&key)).collect()))
    }

    fn of_pem(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for info in SubjectPublicKeyInfoDer::pem_slice_iter(text.as_bytes()) {
            let info = info.map_err(|error| format!("it is neither a JWK set nor PEM: {error}"))?;
            let known = Material::of_info(&info);
            let material = known.ok_or("it has a key of another kind than Ed25519, P-256 and RSA from 2048 bits on")?;
            keys.push(VerifyingKey { id: None, material });
        }
        Ok(Self(keys))
    }

    /// The claims of a token that one of these keys signed.
    ///
    /// # Errors
    /// [`JwtError`].
    pub(crate) fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, JwtError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwtError::Malformed);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwtError::Malformed);
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed);
        let signed = token.get(..header.len() + 1 + claims.len()).ok_or(JwtError::Malformed)?;
        let (head, signature) = (decode(header)?, decode(signature)?);
        let head: Header = serde_json::from_slice(&head).map_err(|_| JwtError::Malformed)?;
        self.verify_signature(&head, signed.as_bytes(), &signature)?;
        serde_json::from_slice(&decode(claims)?).map_err(|_| JwtError::Claims)
    }

    fn verify_signature(&self, head: &Header, signed: &[u8], signature: &[u8]) -> Result<(), JwtError> {
        // What a header calls critical has to be understood, and nothing is here.
        let algorithm = Algorithm::of(&head.alg).filter(|_| head.crit.is_none()).ok_or(JwtError::UnknownKey)?;
        let is_named = |key: &&VerifyingKey| match (&key.id, &head.kid) {
            (Some(own), Some(named)) => own == named,
            _ => true,
        };
        let mut keys = self.0.iter().filter(|key| key.material.algorithm() == algorithm).filter(is_named).peekable();
        if keys.peek().is_none() {
            return Err(JwtError::UnknownKey);
        }
        if keys.any(|key| key.material.has_signed(signed, signature)) { Ok(()) } else { Err(JwtError::Signature) }
    }
}

impl VerifyingKey {
    fn of_jwk(key: &Jwk) -> Option<Self> {
        if key.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let material = match (key.kty.as_str(), key.crv.as_str()) {
            ("OKP", "Ed25519") => Material::Ed25519(bytes(&key.x).filter(|x| x.len() == 32)?),
            ("EC", "P-256") => {
                let (x, y) = (bytes(&key.x)?, bytes(&key.y)?);
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                Material::P256((x.len() == 32 && y.len() == 32).then_some(point)?)
            }
            ("RSA", "") => Material::Rsa { n: bytes(&key.n)?, e: bytes(&key.e)? },
            _ => return None,
        };
        let is_for_another = key.alg.as_deref().is_some_and(|alg| Algorithm::of(alg) != Some(material.algorithm()));
        (!is_for_another).then(|| Self { id: key.kid.clone(), material })
    }
}

/// Makes a key of its bytes.
type MakeMaterial = fn(Vec<u8>) -> Material;

impl Material {
    /// A key as X.509 writes it.
    fn of_info(info: &[u8]) -> Option<Self> {
        let (body, []) = element(0x30, info)? else { return None };
        let kinds: [(&[u8], MakeMaterial); 3] =
            [(ED25519_INFO, Self::Ed25519), (P256_INFO, Self::P256), (RSA_INFO, Self::RsaDer)];
        let (rest, kind) = kinds.iter().find_map(|(prefix, kind)| Some((body.strip_prefix(*prefix)?, kind)))?;
        // A bit string whose last byte has no unused bits.
        let (bits, []) = element(0x03, rest)? else { return None };
        let key = kind(bits.strip_prefix(&[0])?.to_vec());
        let is_whole = match &key {
            Self::Ed25519(bytes) => bytes.len() == 32,
            Self::P256(bytes) => bytes.len() == 65,
            Self::Rsa { .. } | Self::RsaDer(_) => true,
        };
        is_whole.then_some(key)
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::P256(_) => Algorithm::Es256,
            Self::Rsa { .. } | Self::RsaDer(_) => Algorithm::Rs256,
        }
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::P256(key) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature),
            Self::RsaDer(key) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(message, signature),
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        verified.is_ok()
    }
}

/// An element of DER with this tag, and what follows it. Lengths of up to two bytes, which is more than any key has.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&[tag])?;
    let (length, rest) = match rest {
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x82, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
        [length @ ..=0x7f, rest @ ..] => (usize::from(*length), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// Whether a token is of now: neither at its end nor from the future.
pub(crate) fn is_current(issued_at: i64, expires_at: i64, now: UnixMillis) -> bool {
    let now = now.0.div_euclid(1000);
    issued_at <= now.saturating_add(LEEWAY_S) && now < expires_at.saturating_add(LEEWAY_S)
}

#[cfg(test)]
pub(crate) mod tests;
