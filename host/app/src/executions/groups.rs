//! How many executions of a script go side by side, where the script says so.
//!
//! The queue keeps what waits in it apart by its rows. This keeps both apart that go on in this process: what was taken
//! from the queue, and what somebody waits for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use domain::WhenFull;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Order, ends, queue::group_key};
use crate::AppError;

/// How long somebody waits for a place before they are told to come back.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The groups of which something goes on.
#[derive(Default)]
pub(crate) struct Groups(Mutex<HashMap<(String, u32), Weak<Semaphore>>>);

impl Groups {
    /// Wait for a place in the order's group; `None` where it has none.
    ///
    /// # Errors
    /// [`AppError::ConcurrencyFull`] where the script does not want to wait, or the queue does; [`AppError::Overloaded`] after ten seconds.
    pub(crate) async fn enter(&self, order: &Order) -> Result<Option<OwnedSemaphorePermit>, AppError> {
        let Some(concurrency) = ends::policy(order).concurrency else { return Ok(None) };
        let key = group_key(order.target.script.id, &concurrency, &order.input);
        let places = self.places(key, concurrency.max);
        let full = || AppError::ConcurrencyFull { max: concurrency.max };
        // What the queue has goes back to it, and holds no slot meanwhile.
        if concurrency.when_full == WhenFull::Skip || !order.is_waited_for() {
            return places.try_acquire_owned().map(Some).map_err(|_| full());
        }
        match tokio::time::timeout(WAIT_MAX, places.acquire_owned()).await {
            Ok(place) => Ok(place.ok()),
            Err(_) => Err(AppError::Overloaded { retry_after: Duration::from_secs(2) }),
        }
    }

    fn places(&self, key: String, max: u32) -> Arc<Semaphore> {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (key, max);
        if let Some(places) = groups.get(&key).and_then(Weak::upgrade) {
            return places;
        }
        groups.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(max.max(1) as usize));
        groups.insert(key, Arc::downgrade(&places));
        places
    }
}
