//! Where a webhook is sent and with which secrets it is signed: sealed together, because an address can be a secret too.

use database::Webhook;
use domain::{UnixMillis, WebhookId};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    AppError,
    sealing::{Purpose, TenantKey},
    signatures::{SignatureScheme, SigningSecret},
};

/// How long a secret is signed with after there is another one: a receiver has this long to learn the new one.
const PREVIOUS_KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// What is sealed of a webhook.
#[derive(Serialize, Deserialize)]
pub(super) struct Target {
    /// The address.
    pub(super) url: String,
    /// The secret, `whsec_…`.
    secret: String,
    /// The one before, and until when it is signed with.
    previous: Option<Previous>,
}

#[derive(Serialize, Deserialize)]
struct Previous {
    secret: String,
    until_ms: i64,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.url.zeroize();
        self.secret.zeroize();
    }
}

impl Drop for Previous {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl Target {
    /// A target at `url` with a new secret; answers its text too.
    ///
    /// # Errors
    /// [`AppError::Internal`] where there are no random bytes.
    pub(super) fn new(url: String) -> Result<(Self, Zeroizing<String>), AppError> {
        let secret = SigningSecret::generate(&SignatureScheme::Standard)?;
        Ok((Self { url, secret: secret.to_string(), previous: None }, secret))
    }

    /// Take a new secret, and keep the one before for a day; answers its text. One before that is not kept any more.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn rotate(&mut self, now: UnixMillis) -> Result<Zeroizing<String>, AppError> {
        let secret = SigningSecret::generate(&SignatureScheme::Standard)?;
        let previous = std::mem::replace(&mut self.secret, secret.to_string());
        let until_ms = now.0.saturating_add(PREVIOUS_KEPT_MS);
        self.previous = Some(Previous { secret: previous, until_ms });
        Ok(secret)
    }

    /// Until when the secret before the last one is signed with, where it still is.
    pub(super) fn previous_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.previous.as_ref().map(|previous| UnixMillis(previous.until_ms)).filter(|until| *until > now)
    }

    /// The secrets to sign with at `now`.
    ///
    /// # Errors
    /// [`AppError::Internal`] for what is no secret, which nobody wrote.
    pub(super) fn secrets(&self, now: UnixMillis) -> Result<Vec<SigningSecret>, AppError> {
        let previous = self.previous.as_ref().filter(|previous| previous.until_ms > now.0);
        let texts = std::iter::once(&self.secret).chain(previous.map(|previous| &previous.secret));
        texts.map(|text| SigningSecret::standard(text).map_err(AppError::internal)).collect()
    }

    /// # Errors
    /// [`AppError::Internal`]; never.
    pub(super) fn seal(&self, key: &TenantKey, id: WebhookId) -> Result<Vec<u8>, AppError> {
        let plain = Zeroizing::new(serde_json::to_vec(self).map_err(AppError::internal)?);
        Ok(key.seal(Purpose::Webhook, id.as_bytes(), &plain))
    }

    /// # Errors
    /// [`AppError::Internal`] for what was not sealed for this webhook.
    pub(super) fn open(key: &TenantKey, webhook: &Webhook) -> Result<Self, AppError> {
        let plain = key.open(Purpose::Webhook, webhook.id.as_bytes(), &webhook.target).map_err(AppError::internal)?;
        serde_json::from_slice(&Zeroizing::new(plain)).map_err(AppError::internal)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn the_secret_before_the_last_one_is_signed_with_for_a_day_and_the_one_before_that_not_at_all() {
        let (mut target, first) = Target::new(String::from("https://a.example/")).unwrap();
        assert!(first.starts_with("whsec_"));
        assert_eq!(target.secrets(UnixMillis(0)).unwrap().len(), 1);
        let second = target.rotate(UnixMillis(0)).unwrap();
        assert_ne!(*first, *second);
        assert_eq!(target.secrets(UnixMillis(PREVIOUS_KEPT_MS - 1)).unwrap().len(), 2);
        assert_eq!(target.secrets(UnixMillis(PREVIOUS_KEPT_MS)).unwrap().len(), 1);
        target.rotate(UnixMillis(1)).unwrap();
        assert_eq!(target.secrets(UnixMillis(2)).unwrap().len(), 2);
        assert_eq!(target.previous.as_ref().unwrap().secret, *second);
    }
}
