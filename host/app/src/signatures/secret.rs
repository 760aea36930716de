//! The secrets that requests are signed with: each scheme has its own text for one.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Invalid;
use zeroize::Zeroizing;

use super::{SignatureHash, SignatureScheme};
use crate::{AppError, sealing::hex};

/// Before the base64 text of a secret of Standard Webhooks.
const STANDARD_PREFIX: &str = "whsec_";
/// The bytes of a secret of Standard Webhooks: 192 to 512 bits.
const STANDARD_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The bytes of any other secret: shorter ones can be guessed, longer ones nobody sends.
const OTHER_BYTES: std::ops::RangeInclusive<usize> = 16..=256;
/// The bytes of a secret that is made here.
const GENERATED_BYTES: usize = 32;

/// A secret's key, wiped from memory when it is dropped. Shows itself to nobody.
#[derive(Clone)]
pub(crate) struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// The key in the text of a secret of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// What is wrong with it, and nothing of it.
    pub(crate) fn standard(text: &str) -> Result<Self, Invalid> {
        let key = text.strip_prefix(STANDARD_PREFIX).and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
        match key {
            Some(key) if STANDARD_BYTES.contains(&key.len()) => Ok(Self(key)),
            _ => Err(Invalid::new("secret", "the secret is 'whsec_' and the base64 of 24 to 64 bytes")),
        }
    }

    /// The key in a secret's text, as `scheme` has it: all but Standard Webhooks sign with the bytes of the text itself.
    ///
    /// # Errors
    /// What is wrong with it, and nothing of it.
    pub(crate) fn of_scheme(scheme: &SignatureScheme, text: &str) -> Result<Self, Invalid> {
        if *scheme == SignatureScheme::Standard {
            return Self::standard(text);
        }
        if !OTHER_BYTES.contains(&text.len()) || text.chars().any(char::is_control) {
            let message = "the secret has 16 to 256 bytes and no control characters";
            return Err(Invalid::new("secret", message));
        }
        Ok(Self(Zeroizing::new(text.as_bytes().to_vec())))
    }

    /// The text of a new secret of 256 random bits.
    ///
    /// # Errors
    /// [`AppError::Internal`] where the operating system gives no random bytes.
    pub(crate) fn generate(scheme: &SignatureScheme) -> Result<Zeroizing<String>, AppError> {
        let mut key = Zeroizing::new([0; GENERATED_BYTES]);
        getrandom::fill(key.as_mut_slice()).map_err(AppError::internal)?;
        if *scheme != SignatureScheme::Standard {
            return Ok(hex::write(key.as_slice()));
        }
        let mut text = Zeroizing::new(String::with_capacity(STANDARD_PREFIX.len() + 2 * GENERATED_BYTES));
        text.push_str(STANDARD_PREFIX);
        STANDARD.encode_string(key.as_slice(), &mut text);
        Ok(text)
    }

    /// The MAC over `parts`, one after another.
    pub(super) fn mac(&self, hash: SignatureHash, parts: &[&[u8]]) -> Vec<u8> {
        hash.mac(&self.0, parts)
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningSecret").finish_non_exhaustive()
    }
}
