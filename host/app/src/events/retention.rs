//! How long events are kept: 30 days, and as long as somebody still needs them.

use database::EventPosition;
use domain::{TenantId, UnixMillis};

use crate::{AppError, Inner};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long events are kept, and so how long their ids deduplicate.
const EVENTS_KEPT_MS: i64 = 30 * DAY_MS;
/// How long dead letters are kept that nobody looks at. An event with one is kept as long.
const LETTERS_KEPT_MS: i64 = 90 * DAY_MS;
/// Rows that are looked at by one read, and letters that are removed in one transaction: it takes some milliseconds.
const PURGED_AT_ONCE: u32 = 200;

impl Inner {
    /// Remove the tenant's dead letters and events of long ago, with what became of their deliveries.
    pub(crate) async fn purge_events(&self, tenant: TenantId, now: UnixMillis) -> Result<(), AppError> {
        let letters_before = UnixMillis(now.0.saturating_sub(LETTERS_KEPT_MS));
        let before = UnixMillis(now.0.saturating_sub(EVENTS_KEPT_MS));
        // A read, because most tenants have nothing to be removed at most times.
        if !self.database.has_old_events(tenant, before, letters_before)? {
            return Ok(());
        }
        while self.database.purge_dead_letters(tenant, letters_before, PURGED_AT_ONCE).await? > 0 {}
        let mut after = EventPosition::default();
        while let Some(next) = self.database.purge_events(tenant, before, after, PURGED_AT_ONCE).await?.next {
            after = next;
        }
        Ok(())
    }
}
