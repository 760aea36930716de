//! Signed requests: who knows a secret signs the raw bytes of what is sent, and whoever shares it verifies them.
//!
//! Five schemes, each by its service's published rules, all of them HMACs. Nothing here reads a clock, a database or a
//! body's meaning: a request is verified from its headers, its bytes, the secrets and the time that the caller gives.

mod generic;
mod github;
mod secret;
mod slack;
pub(crate) mod standard;
mod stripe;

#[cfg(test)]
mod tests;

use domain::UnixMillis;
use hmac::{Hmac, KeyInit, Mac};
use runtime::Header;
use serde::{Deserialize, Serialize};
use sha2::{Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};

pub use generic::{GenericSignature, SignatureEncoding};
pub(crate) use secret::SigningSecret;

/// How far a request's time may be from ours, both ways (SPEC section 4.2): long enough for clocks that differ, short
/// enough that a request that somebody kept is soon worth nothing.
const TOLERANCE_S: u64 = 5 * 60;

/// The most signatures that one request may offer: a sender needs one for each live secret. What is past it is not read.
const CANDIDATES_MAX: usize = 16;

/// How a request is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case")]
pub enum SignatureScheme {
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    Standard,
    /// As Stripe signs: `Stripe-Signature: t=…,v1=…`.
    Stripe,
    /// As GitHub signs: `X-Hub-Signature-256: sha256=…`. It has no timestamp, so that only a deduplicated id tells a
    /// request that is sent again.
    Github,
    /// As Slack signs: `X-Slack-Signature: v0=…` and `X-Slack-Request-Timestamp`.
    Slack,
    /// A header that the tenant describes.
    Generic(GenericSignature),
}

/// The hash under a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureHash {
    /// HMAC-SHA-256.
    #[default]
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// A request that is to be verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedRequest<'a> {
    /// Every header, as it came.
    pub(crate) headers: &'a [Header],
    /// The body's raw bytes.
    pub(crate) body: &'a [u8],
    /// The time here.
    pub(crate) now: UnixMillis,
}

/// No live secret signed this request, or not now. It says no more: whoever forges learns nothing from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request is not signed by any live secret")]
pub(crate) struct NotSigned;

/// What a scheme reads in a request's headers: nothing of it is trusted before a signature is right.
#[derive(Debug, Default)]
struct Presented {
    /// What is signed before the body.
    prefix: Vec<u8>,
    /// What is said to be the MAC; any of them may be it.
    candidates: Vec<Vec<u8>>,
    hash: SignatureHash,
    /// When it was signed, in Unix seconds; `None` where the scheme has no time.
    signed_at_s: Option<u64>,
}

impl SignatureScheme {
    /// See that one of `secrets` signed the request, within five minutes of now where the scheme has a time. The MAC of
    /// each is computed, whatever the headers say, and compared in constant time.
    ///
    /// # Errors
    /// [`NotSigned`], for every reason alike.
    pub(crate) fn verify<'a>(
        &self,
        request: &SignedRequest<'_>,
        secrets: impl IntoIterator<Item = &'a SigningSecret>,
    ) -> Result<(), NotSigned> {
        let presented = self.presented(request.headers).unwrap_or_default();
        let mut signed = Choice::from(0);
        for secret in secrets {
            let right = secret.mac(presented.hash, &[&presented.prefix, request.body]);
            for candidate in presented.candidates.iter().take(CANDIDATES_MAX) {
                signed |= right.as_slice().ct_eq(candidate);
            }
        }
        let is_timely = presented.signed_at_s.is_none_or(|signed_at| is_timely(signed_at, request.now));
        if bool::from(signed) && is_timely { Ok(()) } else { Err(NotSigned) }
    }

    /// Whether a signature is good for some minutes only.
    pub(crate) fn has_time(&self) -> bool {
        match self {
            Self::Standard | Self::Stripe | Self::Slack => true,
            Self::Github => false,
            Self::Generic(generic) => generic.timestamp_header.is_some(),
        }
    }

    /// Whether a header authenticates, so that no script sees it (RULES 27). `name` is in lower case.
    pub(crate) fn is_credential(&self, name: &str) -> bool {
        match self {
            Self::Standard => name == standard::SIGNATURE,
            Self::Stripe => name == stripe::SIGNATURE,
            Self::Github => github::SIGNATURES.contains(&name),
            Self::Slack => name == slack::SIGNATURE,
            Self::Generic(generic) => generic.header == name,
        }
    }

    fn presented(&self, headers: &[Header]) -> Option<Presented> {
        match self {
            Self::Standard => standard::presented(headers),
            Self::Stripe => stripe::presented(headers),
            Self::Github => github::presented(headers),
            Self::Slack => slack::presented(headers),
            Self::Generic(generic) => generic.presented(headers),
        }
    }
}

/// The value of the one header of this name; of two, nobody knows which one the sender meant.
fn only<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    let mut named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    let value = named.next()?.value.trim_matches([' ', '\t']);
    named.next().is_none().then_some(value)
}

/// Unix seconds in plain digits: a sign, a space or a fraction is none.
fn seconds(text: &str) -> Option<u64> {
    let is_plain = text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

fn is_timely(signed_at_s: u64, now: UnixMillis) -> bool {
    let now_s = u64::try_from(now.0 / 1_000).unwrap_or_default();
    now_s.abs_diff(signed_at_s) <= TOLERANCE_S
}

/// The bytes of hexadecimal digits, as they are sent: in either case.
fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; digits.len() / 2];
    crate::sealing::hex::read(digits.to_ascii_lowercase().as_bytes(), &mut bytes)?;
    Some(bytes)
}

fn mac_of<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("an HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

impl SignatureHash {
    fn mac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha256 => mac_of::<Hmac<Sha256>>(key, parts),
            Self::Sha512 => mac_of::<Hmac<Sha512>>(key, parts),
        }
    }
}
