//! What holds for every request to the API, whichever use case it is for: keys by which a request is told again, cursors
//! that nobody else can make, and how many requests there may be.

mod cursors;
mod keys;
mod rates;

use std::{fmt, sync::Arc, time::Duration};

use database::{AuditEntry, AuditWatch};
use domain::TenantId;
use moka::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard};

pub use cursors::CursorScope;
pub use keys::{KeyedRequest, RequestKey, StoredAnswer};
pub use rates::RequestRate;

pub(crate) use rates::RequestRates;

use crate::{AppError, Inner};

/// What holds for every request to the API.
#[derive(Clone)]
pub struct RequestService {
    inner: Arc<Inner>,
    turns: Cache<Option<TenantId>, Arc<Mutex<()>>>,
}

/// Tenants whose changes take turns at once.
const TURNS_MAX: u64 = 10_000;

/// How long a tenant's turns are kept that nobody takes.
const TURNS_KEPT: Duration = Duration::from_secs(10 * 60);

impl RequestService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        let turns = Cache::builder().max_capacity(TURNS_MAX).time_to_idle(TURNS_KEPT).build();
        Self { inner, turns }
    }

    /// The turn of a change that compares what is there before it is made: of a tenant's, one at a time.
    pub async fn turn(&self, tenant: Option<TenantId>) -> OwnedMutexGuard<()> {
        self.turns.get_with(tenant, Arc::default).lock_owned().await
    }

    /// Look at what was changed of a tenant, or by operators: what is read after this is what a change rests on that names
    /// this in its [`crate::RequestOrigin`].
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    pub fn watch(&self, tenant: Option<TenantId>) -> Result<AuditWatch, AppError> {
        Ok(self.inner.database.watch_audit(tenant.unwrap_or_else(AuditEntry::deployment))?)
    }

    /// The tag of what is answered: another one for every other answer.
    pub fn tag(&self, answer: &[u8]) -> String {
        blake3::hash(answer).to_hex()[..32].to_owned()
    }
}

impl fmt::Debug for RequestService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestService").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use domain::{AuditAction, AuditOutcome, Principal, UnixMillis};

    use super::*;
    use crate::{App, AppConfig, RequestOrigin};

    async fn stage() -> (App, Principal) {
        let app = App::open_offline(AppConfig::in_memory()).unwrap();
        let made = app.bootstrap(false).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&made.token).unwrap();
        (app, principal)
    }

    /// Write as a request does that rests on `watch`.
    async fn write(
        app: &App,
        principal: &Principal,
        watch: Option<&AuditWatch>,
        hosts: &str,
    ) -> Result<(), database::DatabaseError> {
        let origin = RequestOrigin { watch: watch.cloned(), ..RequestOrigin::default() };
        let hosts = Some(vec![hosts.to_owned()]);
        let written = async {
            let audited = app.inner.audited(principal, AuditAction::EgressUpdate, "egress");
            audited.set_egress_hosts(principal.tenant, hosts, None, UnixMillis(1)).await
        };
        origin.scope(written).await
    }

    fn hosts(app: &App, principal: &Principal) -> Option<Vec<String>> {
        app.inner.database.egress_hosts(principal.tenant).unwrap()
    }

    #[tokio::test]
    async fn of_two_writers_the_one_that_compared_before_the_other_wrote_writes_nothing() {
        let (app, principal) = stage().await;
        let watch = app.requests().watch(Some(principal.tenant)).unwrap();
        // The other one has no tag, and so compares nothing.
        write(&app, &principal, None, "other.example").await.unwrap();
        let refused = write(&app, &principal, Some(&watch), "own.example").await;
        assert!(matches!(refused, Err(database::DatabaseError::Busy)), "{refused:?}");
        assert!(watch.is_broken());
        assert_eq!(hosts(&app, &principal), Some(vec![String::from("other.example")]));
    }

    #[tokio::test]
    async fn two_writers_side_by_side_are_never_both_first() {
        let (app, principal) = stage().await;
        for _ in 0..50 {
            let watch = app.requests().watch(Some(principal.tenant)).unwrap();
            let (own, other) = tokio::join!(
                write(&app, &principal, Some(&watch), "own.example"),
                write(&app, &principal, None, "other.example"),
            );
            other.unwrap();
            assert_eq!(own.is_err(), watch.is_broken());
            assert_eq!(
                hosts(&app, &principal),
                Some(vec![String::from("other.example")]),
                "it was told that it was written"
            );
        }
    }

    #[tokio::test]
    async fn a_request_that_writes_twice_rests_on_what_it_saw_once() {
        let (app, principal) = stage().await;
        let watch = app.requests().watch(Some(principal.tenant)).unwrap();
        for name in ["one.example", "two.example"] {
            write(&app, &principal, Some(&watch), name).await.unwrap();
        }
        assert!(!watch.is_broken());
    }

    #[tokio::test]
    async fn what_was_refused_or_done_elsewhere_changes_nothing_for_a_watch() {
        let (app, principal) = stage().await;
        let watch = app.requests().watch(Some(principal.tenant)).unwrap();
        let entry = app.inner.audit_entry(&principal, AuditAction::RequestsRefuse, "x");
        let refused = AuditEntry { outcome: AuditOutcome::Refused, ..entry.clone() };
        app.inner.database.append_audit(refused).await.unwrap();
        app.inner.database.append_audit(AuditEntry { tenant: AuditEntry::deployment(), ..entry }).await.unwrap();
        write(&app, &principal, Some(&watch), "own.example").await.unwrap();
    }
}
