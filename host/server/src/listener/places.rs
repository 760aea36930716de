//! The connections of one listener: how many there may be, in all and of one address, and what becomes of each.
//!
//! When every place is taken, connections that ask nothing give way to new ones, the longest silent first: whoever opens
//! connections and says nothing keeps nobody out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

use super::{
    activity::{Activity, Verdict},
    limits::ConnectionLimits,
};
use crate::web::peer::Neighbourhood;

/// One place in this many is cleared at once, so that a flood of new connections does not search for each.
const CLEARED_AT_ONCE: usize = 32;

/// The connections of one listener.
#[derive(Debug)]
pub(super) struct Places {
    limits: ConnectionLimits,
    table: Mutex<Table>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Table {
    connections: HashMap<u64, Arc<Connection>>,
    by_address: HashMap<Neighbourhood, usize>,
    last: u64,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Whom it counts for; `None` for a trusted proxy.
    neighbourhood: Option<Neighbourhood>,
    activity: Mutex<Activity>,
    order: Mutex<Verdict>,
    ordered: Notify,
}

/// A taken place, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    connection: Arc<Connection>,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The address has all that one may have.
    Address,
    /// All are taken, and every one has a request in progress.
    All,
}

impl Places {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, table: Mutex::default(), emptied: Notify::new() })
    }

    /// Take a place for a connection of `neighbourhood`.
    ///
    /// # Errors
    /// [`NoPlace`] says which bound is reached.
    pub(super) fn enter(self: &Arc<Self>, neighbourhood: Option<Neighbourhood>) -> Result<Place, NoPlace> {
        let mut table = lock(&self.table);
        let most = self.limits.connections_per_address;
        if neighbourhood.is_some_and(|of| table.by_address.get(&of).is_some_and(|count| *count >= most)) {
            return Err(NoPlace::Address);
        }
        if table.connections.len() >= self.limits.connections && table.clear(self.limits.connections) == 0 {
            return Err(NoPlace::All);
        }
        table.last += 1;
        let number = table.last;
        let connection = Arc::new(Connection::new(neighbourhood));
        table.connections.insert(number, Arc::clone(&connection));
        if let Some(of) = neighbourhood {
            *table.by_address.entry(of).or_default() += 1;
        }
        Ok(Place { places: Arc::clone(self), number, connection })
    }

    /// Close the longest silent connections. For when the process has no file descriptor left.
    pub(super) fn clear(&self) {
        lock(&self.table).clear(self.limits.connections);
    }

    /// Look at every connection, and end those that are not what they have to be.
    pub(super) fn judge(&self, now: Instant) {
        for connection in lock(&self.table).connections.values() {
            let verdict = lock(&connection.activity).judge(now, &self.limits);
            connection.order(verdict);
        }
    }

    /// Have every connection answer what it was asked, and end.
    pub(super) fn finish(&self) {
        for connection in lock(&self.table).connections.values() {
            connection.order(Verdict::Finish);
        }
    }

    /// Ends when there is no connection any more.
    pub(super) async fn until_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if lock(&self.table).connections.is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

impl Table {
    /// Cut the longest silent connections; answers how many.
    fn clear(&mut self, most: usize) -> usize {
        let quiet =
            |(number, connection): (&u64, &Arc<Connection>)| Some((lock(&connection.activity).quiet_since()?, *number));
        let mut quiet: Vec<(Instant, u64)> = self.connections.iter().filter_map(quiet).collect();
        quiet.sort_unstable();
        quiet.truncate(most.div_ceil(CLEARED_AT_ONCE));
        for (_, number) in &quiet {
            if let Some(connection) = self.remove(*number) {
                connection.order(Verdict::Cut("its place is needed"));
            }
        }
        quiet.len()
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Connection>> {
        let connection = self.connections.remove(&number)?;
        if let Some(of) = connection.neighbourhood
            && let Some(count) = self.by_address.get_mut(&of)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&of);
            }
        }
        Some(connection)
    }
}

impl Connection {
    fn new(neighbourhood: Option<Neighbourhood>) -> Self {
        let activity = Mutex::new(Activity::new(Instant::now()));
        Self { neighbourhood, activity, order: Mutex::new(Verdict::Keep), ordered: Notify::new() }
    }

    /// What it does.
    pub(super) fn activity(&self) -> MutexGuard<'_, Activity> {
        lock(&self.activity)
    }

    /// A head is coming in, or none is any more.
    pub(super) fn note_head(&self, now: Option<Instant>) {
        self.activity().note_head(now);
    }

    /// Ends when there is an order other than the one that is `known`.
    pub(super) async fn next_order(&self, known: Verdict) -> Verdict {
        loop {
            let ordered = self.ordered.notified();
            let order = *lock(&self.order);
            if order != known {
                return order;
            }
            ordered.await;
        }
    }

    /// An order is only ever followed by a harder one.
    fn order(&self, verdict: Verdict) {
        let mut order = lock(&self.order);
        let is_harder = matches!((*order, verdict), (Verdict::Keep, Verdict::Finish | Verdict::Cut(_)))
            || matches!((*order, verdict), (Verdict::Finish, Verdict::Cut(_)));
        if is_harder {
            *order = verdict;
            self.ordered.notify_one();
        }
    }
}

impl Place {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = lock(&self.places.table);
        table.remove(self.number);
        if table.connections.is_empty() {
            self.places.emptied.notify_waiters();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn of(address: &str) -> Option<Neighbourhood> {
        address.parse::<IpAddr>().ok().map(Neighbourhood::from)
    }

    fn places(connections: usize, connections_per_address: usize) -> Arc<Places> {
        Places::new(ConnectionLimits { connections, connections_per_address, ..ConnectionLimits::default() })
    }

    #[test]
    fn one_address_has_only_its_share_and_a_trusted_proxy_is_not_counted() {
        let places = places(100, 2);
        let taken = [places.enter(of("2001:db8::1")), places.enter(of("2001:db8::2"))];
        assert!(taken.iter().all(Result::is_ok));
        assert_eq!(places.enter(of("2001:db8::3")).err(), Some(NoPlace::Address));
        assert!(places.enter(of("2001:db8:0:1::1")).is_ok());
        assert!((0..10).map(|_| places.enter(None)).all(|place| place.is_ok()));
        drop(taken);
        assert!(places.enter(of("2001:db8::3")).is_ok());
    }

    #[test]
    fn a_full_house_drops_who_asks_nothing_and_keeps_who_does() {
        let places = places(2, 2);
        let busy = places.enter(of("192.0.2.1")).expect("a place");
        busy.connection().activity().begin_request();
        let silent = places.enter(of("192.0.2.2")).expect("a place");
        let third = places.enter(of("192.0.2.3")).expect("the silent one gives way");
        assert!(matches!(*lock(&silent.connection().order), Verdict::Cut(_)));
        assert_eq!(*lock(&busy.connection().order), Verdict::Keep);
        third.connection().activity().begin_request();
        assert_eq!(places.enter(of("192.0.2.4")).err(), Some(NoPlace::All));
        drop(silent);
        assert_eq!(places.enter(of("192.0.2.4")).err(), Some(NoPlace::All), "its place was given away already");
    }

    #[tokio::test]
    async fn an_order_is_heard_whenever_it_was_given() {
        let places = places(2, 2);
        let place = places.enter(None).expect("a place");
        places.finish();
        assert_eq!(place.connection().next_order(Verdict::Keep).await, Verdict::Finish);
        places.clear();
        assert!(matches!(place.connection().next_order(Verdict::Finish).await, Verdict::Cut(_)));
    }
}
