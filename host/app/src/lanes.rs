//! A tenant's write lane: commits go side by side in it, and the last repeat of a run has it for itself (SPEC 2.2).
//!
//! It only keeps others back; that nothing is lost is the check at commit. No lock of the database is held meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use domain::TenantId;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// How long one run may have the lane for itself.
pub(crate) const EXCLUSIVE_MAX: Duration = Duration::from_secs(5);

/// The lanes of all tenants that have one open.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<TenantId, Weak<RwLock<()>>>>);

impl Lanes {
    /// Commit beside others.
    pub(crate) async fn shared(&self, tenant: TenantId) -> OwnedRwLockReadGuard<()> {
        self.lane(tenant).read_owned().await
    }

    /// Keep every other commit of the tenant back until the guard is dropped.
    pub(crate) async fn exclusive(&self, tenant: TenantId) -> OwnedRwLockWriteGuard<()> {
        self.lane(tenant).write_owned().await
    }

    fn lane(&self, tenant: TenantId) -> Arc<RwLock<()>> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&tenant).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Arc::new(RwLock::new(()));
        lanes.insert(tenant, Arc::downgrade(&lane));
        lane
    }
}
