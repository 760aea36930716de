//! What has to be done from time to time, beside everything that somebody waits for: entries that have expired, what is
//! known of slots, events and dead letters of long ago, and what tenants left that were deleted, are removed.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use database::{AuditEntry, TenantStatus};
use domain::{TenantId, TenantSlug, UnixMillis};

use crate::{AppError, Inner, collections::TENANTS_AT_ONCE};

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(60);
/// How long an entry stays once it has expired: a run that found it so must not be repeated because it went away.
const GRACE_MS: i64 = 5 * 60 * 1000;
/// Entries that are removed in one transaction: it takes some milliseconds.
const PURGED_AT_ONCE: u32 = 500;

/// Go round until the application is gone.
pub(crate) fn start(inner: &Arc<Inner>) {
    let inner = Arc::downgrade(inner);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(PAUSE).await;
            if !round(&inner).await {
                return;
            }
        }
    });
}

/// One round; answers whether there is still somebody to do it for.
async fn round(inner: &Weak<Inner>) -> bool {
    let Some(inner) = inner.upgrade() else { return false };
    if let Err(error) = inner.purge_expired(UnixMillis::now()).await {
        tracing::warn!(%error, "expired entries could not be removed");
    }
    if let Err(error) = inner.purge_sign_ins(UnixMillis::now()).await {
        tracing::warn!(%error, "sign-ins of long ago could not be forgotten");
    }
    if let Err(error) = inner.purge_requests(AuditEntry::deployment(), UnixMillis::now()).await {
        tracing::warn!(%error, "operators' requests of long ago could not be forgotten");
    }
    inner.keep_audit(UnixMillis::now()).await;
    if let Err(error) = inner.fuel.give_back(&inner.database).await {
        tracing::warn!(%error, "fuel that was reserved and not used stays counted for now");
    }
    true
}

impl Inner {
    /// Remove the entries of every tenant that have expired some minutes ago.
    pub(crate) async fn purge_expired(&self, now: UnixMillis) -> Result<(), AppError> {
        let expired_by = UnixMillis(now.0.saturating_sub(GRACE_MS));
        let mut after: Option<TenantSlug> = None;
        loop {
            let tenants = self.database.list_tenants(after.as_ref(), TENANTS_AT_ONCE)?;
            let Some(last) = tenants.last() else { return Ok(()) };
            after = Some(last.slug.clone());
            for tenant in &tenants {
                let purged = match tenant.status {
                    TenantStatus::Deleted => self.purge_deleted(tenant.id).await,
                    TenantStatus::Active | TenantStatus::Suspended => {
                        self.purge_all_of(tenant.id, expired_by, now).await
                    }
                };
                // One tenant's rows that cannot be removed keep nobody else's.
                if let Err(error) = purged {
                    tracing::warn!(tenant.id = %tenant.id, %error, "a tenant's old rows stay for now");
                }
            }
        }
    }

    /// What is left of a tenant that was deleted.
    async fn purge_deleted(&self, tenant: TenantId) -> Result<(), AppError> {
        while self.database.purge_deleted(tenant).await? {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn purge_all_of(&self, tenant: TenantId, expired_by: UnixMillis, now: UnixMillis) -> Result<(), AppError> {
        self.purge_tenant(tenant, expired_by).await?;
        self.purge_webhook_deliveries(tenant, now).await?;
        self.purge_schedule_slots(tenant, now).await?;
        self.purge_events(tenant, now).await?;
        self.purge_refusals(tenant, now).await?;
        self.purge_requests(tenant, now).await
    }

    /// Forget the requests with keys of a tenant, or of operators, that are known long enough.
    async fn purge_requests(&self, tenant: TenantId, now: UnixMillis) -> Result<(), AppError> {
        while self.database.purge_requests(tenant, now, PURGED_AT_ONCE).await? == PURGED_AT_ONCE as usize {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn purge_tenant(&self, tenant: TenantId, expired_by: UnixMillis) -> Result<(), AppError> {
        while self.database.purge_expired(tenant, expired_by, PURGED_AT_ONCE).await? == PURGED_AT_ONCE as usize {
            tokio::task::yield_now().await;
        }
        while self.database.purge_answers(tenant, expired_by, PURGED_AT_ONCE).await? == PURGED_AT_ONCE as usize {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::{App, AppConfig};

    #[tokio::test]
    async fn entries_go_some_minutes_after_they_have_expired() {
        let app = App::open(AppConfig::in_memory()).await.unwrap();
        let made = app.bootstrap(false).await.unwrap().unwrap();
        let run = crate::LocalRun {
            file_name: String::from("session.js"),
            language: domain::Language::JavaScript,
            text: String::from("export default () => storage.set('session', 1, { ttl: 1 })"),
            kind: domain::ScriptKind::OneOff,
            input: String::from("null"),
            limits: domain::Limits::DEFAULT,
        };
        app.run_local(run).await.unwrap();
        let tenants = app.inner.database.list_tenants(None, 10).unwrap();
        let tenant = tenants.iter().find(|tenant| tenant.id != made.tenant).unwrap().id;
        let stored = || app.inner.database.storage_bytes(tenant).unwrap();
        assert!(stored() > 0);
        app.inner.purge_expired(UnixMillis(UnixMillis::now().0 + 60_000)).await.unwrap();
        assert!(stored() > 0, "it has only just expired");
        app.inner.purge_expired(UnixMillis(UnixMillis::now().0 + GRACE_MS + 60_000)).await.unwrap();
        assert_eq!(stored(), 0);
        assert_eq!(app.inner.database.storage_bytes(made.tenant).unwrap(), 0);
        assert!(round(&Arc::downgrade(&app.inner)).await);
        assert!(!round(&Weak::new()).await);
    }
}
