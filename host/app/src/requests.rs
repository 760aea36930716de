//! What holds for every request to the API, whichever use case it is for: keys by which a request is told again, cursors
//! that nobody else can make, and how many requests there may be.

mod cursors;
mod keys;
mod rates;

use std::{fmt, sync::Arc, time::Duration};

use domain::TenantId;
use moka::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard};

pub use cursors::CursorScope;
pub use keys::{KeyedRequest, RequestKey, StoredAnswer};
pub use rates::RequestRate;

pub(crate) use rates::RequestRates;

use crate::Inner;

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
