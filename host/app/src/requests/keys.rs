//! `Idempotency-Key`: a request that comes again with its key is not done again, and is answered as it was.
//!
//! The key is the caller's own: that of another person, token or tenant is another key. What was answered is kept for a day,
//! sealed under the tenant's key, and what operators were answered under the deployment's.

use database::{AuditEntry, ClaimedRequest, RequestClaim, RequestMark};
use domain::{Actor, Invalid, UnixMillis};
use serde::{Deserialize, Serialize};

use super::RequestService;
use crate::{
    AppError,
    audit::AuditSubject,
    sealing::{Purpose, hex},
};

/// How long an answer is kept.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// The most bytes of a key.
const KEY_BYTES_MAX: usize = 255;

/// The most bytes of an answer that is kept. A longer one is not: whoever asks again is told that it was done.
const ANSWER_BYTES_MAX: usize = 2 << 20;

/// A key as a caller sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey(String);

impl RequestKey {
    /// Read a key.
    ///
    /// # Errors
    /// It is not 1 to 255 visible characters of ASCII.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("Idempotency-Key", "'Idempotency-Key' is one text of 1 to 255 visible characters"))
        }
    }
}

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers that belong to what was done.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// What becomes of a request with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyedRequest {
    /// It is handled now; its end is told by [`RequestService::settle`].
    New(RequestMark),
    /// It was answered so before.
    Answered(StoredAnswer),
    /// It is being handled.
    UnderWay,
    /// It was done, and its answer is not there any more.
    AnswerLost,
    /// The key came with another request before.
    Another,
}

impl RequestService {
    /// Begin a request of a tenant's caller, or of an operator, that came with a key. `asked` is all that it asks for.
    ///
    /// # Errors
    /// Whatever keeps it from being written: then nothing may be done.
    pub async fn begin(
        &self,
        by: impl Into<AuditSubject>,
        key: &RequestKey,
        asked: &[&[u8]],
        now: UnixMillis,
    ) -> Result<KeyedRequest, AppError> {
        let AuditSubject { tenant, actor } = by.into();
        let tenant = tenant.unwrap_or_else(AuditEntry::deployment);
        let tenant_key = self.inner.keyring.tenant(&self.inner.database, tenant)?;
        let who = match actor {
            Actor::Token { token, .. } => format!("token {token}"),
            Actor::Session { user, .. } => format!("user {user}"),
            Actor::Local | Actor::PublicCaller | Actor::System => String::from("other"),
        };
        let request = tenant_key.mac(Purpose::ApiAnswer, &[who.as_bytes(), key.0.as_bytes()]);
        let mark = RequestMark { tenant, request: hex::write(&request).as_str().to_owned() };
        let claim = RequestClaim {
            mark: mark.clone(),
            fingerprint: tenant_key.mac(Purpose::ApiAnswer, asked),
            now,
            expires_at: UnixMillis(now.0.saturating_add(KEPT_MS)),
        };
        Ok(match self.inner.database.claim_request(claim).await? {
            ClaimedRequest::New => KeyedRequest::New(mark),
            ClaimedRequest::UnderWay => KeyedRequest::UnderWay,
            ClaimedRequest::AnswerLost => KeyedRequest::AnswerLost,
            ClaimedRequest::Another => KeyedRequest::Another,
            ClaimedRequest::Answered(sealed) => {
                let opened = tenant_key.open(Purpose::ApiAnswer, mark.request.as_bytes(), &sealed);
                let opened = opened.map_err(AppError::internal)?;
                KeyedRequest::Answered(postcard::from_bytes(&opened).map_err(AppError::internal)?)
            }
        })
    }

    /// Tell what a request was answered. One that failed and did nothing is forgotten, so that it can be asked again.
    ///
    /// # Errors
    /// Whatever keeps it from being written: whoever asks again is then told that it is under way, and after the next start
    /// that it was done, or it is done.
    pub async fn settle(&self, mark: RequestMark, answer: &StoredAnswer) -> Result<(), AppError> {
        if answer.status >= 400 && !self.inner.database.release_request(mark.clone()).await? {
            return Ok(());
        }
        let key = self.inner.keyring.tenant(&self.inner.database, mark.tenant)?;
        let plain = postcard::to_stdvec(answer).map_err(AppError::internal)?;
        let kept = plain.len() <= ANSWER_BYTES_MAX;
        let sealed = kept.then(|| key.seal(Purpose::ApiAnswer, mark.request.as_bytes(), &plain));
        Ok(self.inner.database.settle_request(mark, sealed).await?)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use domain::{AuditAction, Operator, Principal, TokenId};

    use super::*;
    use crate::{App, AppConfig, DataLocation, RequestOrigin};

    async fn opened(config: AppConfig) -> (App, Principal) {
        let app = App::open_offline(config).unwrap();
        let made = app.bootstrap(false).await.unwrap();
        let principal = match made {
            Some(made) => app.tokens().authenticate(&made.token).unwrap(),
            None => {
                let tenant = app.tenant_id(&domain::TenantSlug::parse("main").unwrap()).unwrap();
                let issued = app.operator_token(&domain::TenantSlug::parse("main").unwrap()).await.unwrap();
                let principal = app.tokens().authenticate(&issued.text).unwrap();
                assert_eq!(principal.tenant, tenant);
                principal
            }
        };
        (app, principal)
    }

    fn key(text: &str) -> RequestKey {
        RequestKey::parse(text).unwrap()
    }

    fn answer(status: u16) -> StoredAnswer {
        let headers = vec![(String::from("location"), String::from("/x"))];
        StoredAnswer { status, headers, body: b"{}".to_vec() }
    }

    async fn begin(app: &App, principal: &Principal, text: &str, body: &[u8]) -> KeyedRequest {
        app.requests().begin(principal, &key(text), &[b"POST", b"/x", body], UnixMillis(1)).await.unwrap()
    }

    fn mark(begun: KeyedRequest) -> RequestMark {
        let KeyedRequest::New(mark) = begun else { panic!("{begun:?}") };
        mark
    }

    #[tokio::test]
    async fn a_request_that_comes_again_is_answered_as_it_was_and_another_one_refused() {
        let (app, principal) = opened(AppConfig::in_memory()).await;
        let mark = mark(begin(&app, &principal, "k", b"1").await);
        assert_eq!(begin(&app, &principal, "k", b"1").await, KeyedRequest::UnderWay);
        app.requests().settle(mark, &answer(201)).await.unwrap();
        assert_eq!(begin(&app, &principal, "k", b"1").await, KeyedRequest::Answered(answer(201)));
        assert_eq!(begin(&app, &principal, "k", b"2").await, KeyedRequest::Another);
        assert!(matches!(begin(&app, &principal, "other", b"2").await, KeyedRequest::New(_)));
        let Actor::Token { user, .. } = principal.actor else { panic!() };
        let other = Principal { actor: Actor::Token { token: TokenId::generate(), user }, ..principal.clone() };
        assert!(matches!(begin(&app, &other, "k", b"2").await, KeyedRequest::New(_)), "another token's key");
        let later = UnixMillis(2 + KEPT_MS);
        let again = app.requests().begin(&principal, &key("k"), &[b"2"], later).await.unwrap();
        assert!(matches!(again, KeyedRequest::New(_)), "a day later the key is free");
    }

    #[tokio::test]
    async fn what_failed_and_did_nothing_can_be_asked_again() {
        let (app, principal) = opened(AppConfig::in_memory()).await;
        let mark = mark(begin(&app, &principal, "k", b"1").await);
        app.requests().settle(mark, &answer(422)).await.unwrap();
        assert!(matches!(begin(&app, &principal, "k", b"2").await, KeyedRequest::New(_)));
    }

    #[tokio::test]
    async fn a_crash_before_the_effect_lets_it_be_done_and_one_behind_it_does_not_let_it_be_done_again() {
        let directory = tempfile::tempdir().unwrap();
        let config = || AppConfig { data: DataLocation::Directory(directory.path().into()), ..AppConfig::in_memory() };
        let (app, principal) = opened(config()).await;
        // A token of its own for the time after the crash, because keys are a token's.
        let before = mark(begin(&app, &principal, "before", b"1").await);
        let behind = mark(begin(&app, &principal, "behind", b"1").await);
        assert_ne!(before, behind);
        let origin = RequestOrigin { mark: Some(behind), ..RequestOrigin::default() };
        let written = async {
            let audited = app.inner.audited(&principal, AuditAction::EgressUpdate, "egress");
            audited.set_egress_hosts(principal.tenant, None, None, UnixMillis(1)).await
        };
        origin.scope(written).await.unwrap();
        drop(app);

        let app = App::open_offline(config()).unwrap();
        assert!(matches!(begin(&app, &principal, "before", b"1").await, KeyedRequest::New(_)));
        assert_eq!(begin(&app, &principal, "behind", b"1").await, KeyedRequest::AnswerLost);
    }

    #[tokio::test]
    async fn an_operators_key_is_nobody_elses() {
        let (app, principal) = opened(AppConfig::in_memory()).await;
        let operator = Operator { actor: principal.actor };
        let ask = async |body: &[u8]| {
            app.requests().begin(&operator, &key("k"), &[b"POST", b"/x", body], UnixMillis(1)).await.unwrap()
        };
        let mark = mark(ask(b"1").await);
        assert!(
            matches!(begin(&app, &principal, "k", b"1").await, KeyedRequest::New(_)),
            "the same person's in a tenant"
        );
        app.requests().settle(mark, &answer(201)).await.unwrap();
        assert_eq!(ask(b"1").await, KeyedRequest::Answered(answer(201)));
        assert_eq!(ask(b"2").await, KeyedRequest::Another);
    }

    #[test]
    fn a_key_is_a_short_visible_text() {
        assert!(RequestKey::parse("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"").is_ok());
        for text in ["", "a b", "ä", "a\n", &"k".repeat(256)] {
            assert!(RequestKey::parse(text).is_err(), "{text:?}");
        }
    }
}
