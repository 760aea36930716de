//! How much one listener takes on at once: requests, and bytes of their bodies, in all and for one caller or tenant.
//!
//! What does not fit is answered 503 at once. Both bounds are on what is in memory, so that a flood is turned away before
//! the process is at stake; no tenant's name gets more than a quarter of either, and no caller's address more than half of
//! that, so that others still find room. A request counts from when all of its body is there: before that it is a
//! connection that waits, its bytes are only its caller's, and whoever sends slowly to a tenant takes no room from the
//! tenant's other callers. Nor does whoever reads slowly: once there
//! is an answer, only its bytes count, for its caller, and only where it is too large to be handed on at once.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    body::Body as AxumBody,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{Uri, header};
use hyper::body::{Body, Frame, SizeHint};

use super::{
    peer::{Neighbourhood, PeerAddress},
    problem::{Problem, kinds},
};

/// The part of each bound that one tenant may have, and one caller of the answers that wait for him.
const SHARE: usize = 4;

/// The part that one caller may have of requests and their bodies: no single one takes all of what a tenant has.
const CALLER_SHARE: usize = 2 * SHARE;

/// Requests whose bodies are still coming, for each one that may be there whole.
const ARRIVING: usize = 4;

/// Bytes of an answer that count for nothing: it is handed on at once, and waits with the connection.
const ANSWER_BYTES_FREE: usize = 16 << 10;

/// After how many seconds asking again is worth it.
const RETRY_AFTER_S: u64 = 1;

/// The bounds of one listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverloadLimits {
    /// Requests at once, until there is an answer.
    pub(crate) requests: usize,
    /// Bytes of the bodies of these requests; and as many again of answers that wait for their peers.
    pub(crate) body_bytes: usize,
    /// Whom a request is counted for beside its caller.
    pub(crate) judge: fn(&Uri) -> Account,
}

/// Whom a request is counted for beside its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// Nobody: it is answered whatever happens.
    Exempt,
    /// Nobody else.
    Caller,
    /// The tenant that it says it is for.
    Tenant(String),
}

/// What a listener has taken on. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Overload(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: OverloadLimits,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: Load,
    by_key: HashMap<Key, Load>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    arriving: usize,
    /// Bytes of bodies that are still coming.
    arriving_bytes: usize,
    requests: usize,
    /// Bytes of bodies that are there.
    bytes: usize,
    answer_bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Caller(Neighbourhood),
    Tenant(String),
}

/// What one request holds of the bounds, until the last clone is dropped: with the last byte of its answer, or with what
/// goes on for a caller who went away.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "it is held, and never looked at")]
pub(crate) struct Held(Arc<Permit>);

#[derive(Debug)]
struct Permit {
    shared: Arc<Shared>,
    caller: Option<Key>,
    tenant: Option<Key>,
    held: Mutex<Load>,
}

/// The server has no room for a request or its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overloaded;

impl fmt::Display for Overloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many requests are under way")
    }
}

impl std::error::Error for Overloaded {}

impl From<Overloaded> for Problem {
    fn from(overloaded: Overloaded) -> Self {
        Self::new(&kinds::OVERLOADED, format!("{overloaded}: try again in a while"))
            .with_header(header::RETRY_AFTER, RETRY_AFTER_S)
    }
}

impl Overload {
    pub(crate) fn new(limits: OverloadLimits) -> Self {
        Self(Arc::new(Shared { limits, used: Mutex::default() }))
    }

    /// Take on a request whose body is still to come.
    fn begin(&self, caller: Option<Key>, tenant: Option<Key>) -> Result<Arc<Permit>, Overloaded> {
        let permit = Permit { shared: Arc::clone(&self.0), caller, tenant, held: Mutex::default() };
        permit.take(Load { arriving: 1, ..Load::default() })?;
        Ok(Arc::new(permit))
    }
}

impl Used {
    /// Add `more` for everybody, or for nobody.
    fn add(&mut self, keys: &[&Key], more: Load, limits: &OverloadLimits) -> Result<(), Overloaded> {
        let fits = |load: Load, part: usize, answers_part: usize| {
            let load = load.plus(more);
            load.arriving <= (limits.requests * ARRIVING / part).max(1)
                && load.requests <= (limits.requests / part).max(1)
                && load.arriving_bytes + load.bytes <= limits.body_bytes / part
                && load.answer_bytes <= limits.body_bytes / answers_part
        };
        let of_key = |key: &Key| self.by_key.get(key).copied().unwrap_or_default();
        if !fits(self.all, 1, 1) || !keys.iter().all(|key| fits(of_key(key), key.part(), SHARE)) {
            return Err(Overloaded);
        }
        self.all.add(more);
        for key in keys {
            self.by_key.entry((*key).clone()).or_default().add(more);
        }
        Ok(())
    }

    fn remove(&mut self, keys: &[&Key], less: Load) {
        self.all.remove(less);
        for key in keys {
            if let Some(load) = self.by_key.get_mut(*key) {
                load.remove(less);
                if *load == Load::default() {
                    self.by_key.remove(*key);
                }
            }
        }
    }
}

impl Key {
    /// The part of requests and their bodies that it may have.
    fn part(&self) -> usize {
        match self {
            Self::Caller(_) => CALLER_SHARE,
            Self::Tenant(_) => SHARE,
        }
    }
}

impl Load {
    fn plus(mut self, more: Self) -> Self {
        self.add(more);
        self
    }

    fn add(&mut self, more: Self) {
        self.arriving += more.arriving;
        self.arriving_bytes += more.arriving_bytes;
        self.requests += more.requests;
        self.bytes += more.bytes;
        self.answer_bytes += more.answer_bytes;
    }

    fn remove(&mut self, less: Self) {
        self.arriving = self.arriving.saturating_sub(less.arriving);
        self.arriving_bytes = self.arriving_bytes.saturating_sub(less.arriving_bytes);
        self.requests = self.requests.saturating_sub(less.requests);
        self.bytes = self.bytes.saturating_sub(less.bytes);
        self.answer_bytes = self.answer_bytes.saturating_sub(less.answer_bytes);
    }
}

impl Permit {
    /// Hold `more` beside what is held already.
    fn take(&self, more: Load) -> Result<(), Overloaded> {
        lock(&self.shared.used).add(&self.keys(more), more, &self.shared.limits)?;
        lock(&self.held).add(more);
        Ok(())
    }

    fn give_back(&self, less: Load) {
        lock(&self.shared.used).remove(&self.keys(less), less);
        lock(&self.held).remove(less);
    }

    /// For whom such a load counts. What is only arriving, and what waits to be taken, is nobody's but its caller's.
    fn keys(&self, load: Load) -> Vec<&Key> {
        let tenant = self.tenant.as_ref().filter(|_| load.requests > 0 || load.bytes > 0);
        self.caller.iter().chain(tenant).collect()
    }

    /// All of the body is there.
    fn arrive(&self) -> Result<(), Overloaded> {
        let Load { arriving, arriving_bytes, .. } = *lock(&self.held);
        if arriving == 0 {
            return Ok(());
        }
        self.give_back(Load { arriving, arriving_bytes, ..Load::default() });
        self.take(Load { requests: 1, bytes: arriving_bytes, ..Load::default() })
    }
}

impl Permit {
    /// There is an answer of so many bytes: nothing else is held any more.
    fn answer(&self, bytes: usize) -> Result<(), Overloaded> {
        self.give_all_back();
        if bytes <= ANSWER_BYTES_FREE { Ok(()) } else { self.take(Load { answer_bytes: bytes, ..Load::default() }) }
    }

    fn give_all_back(&self) {
        let Load { arriving, arriving_bytes, requests, bytes, answer_bytes } = *lock(&self.held);
        self.give_back(Load { arriving, arriving_bytes, ..Load::default() });
        self.give_back(Load { requests, bytes, ..Load::default() });
        self.give_back(Load { answer_bytes, ..Load::default() });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_all_back();
    }
}

/// Let a request through if there is room for it, and its body as long as there is.
pub(crate) async fn bound_load(State(overload): State<Overload>, request: Request, next: Next) -> Response {
    let account = (overload.0.limits.judge)(request.uri());
    if account == Account::Exempt {
        return next.run(request).await;
    }
    let caller = request.extensions().get::<PeerAddress>().map(|peer| Key::Caller(peer.0.into()));
    let tenant = match account {
        Account::Tenant(name) => Some(Key::Tenant(name)),
        _ => None,
    };
    let is_whole = request.body().is_end_stream();
    let begun = overload.begin(caller, tenant);
    let permit = match begun.and_then(|permit| if is_whole { permit.arrive().map(|()| permit) } else { Ok(permit) }) {
        Ok(permit) => permit,
        Err(overloaded) => return Problem::from(overloaded).into_response(),
    };
    let counted = |body: AxumBody| match is_whole {
        true => body,
        false => AxumBody::new(CountedBody { body, permit: Arc::clone(&permit) }),
    };
    let mut request = request.map(counted);
    // For what goes on where the caller does not wait for it.
    request.extensions_mut().insert(Held(Arc::clone(&permit)));
    let mut response = next.run(request).await;
    let bytes = usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX);
    if permit.answer(bytes).is_err() {
        // Without a word on when to ask again: what was asked for was done.
        return Problem::new(&kinds::OVERLOADED, "there was no room for the answer; what was asked for was done")
            .into_response();
    }
    response.extensions_mut().insert(Held(permit));
    response
}

/// Whether this error, or what caused it, is that there is no room.
pub(crate) fn is_overloaded(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<Overloaded>())
}

/// A body whose bytes are counted as they come.
#[derive(Debug)]
struct CountedBody {
    body: AxumBody,
    permit: Arc<Permit>,
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        let mut taken = match bytes {
            0 => Ok(()),
            arriving_bytes => this.permit.take(Load { arriving_bytes, ..Load::default() }),
        };
        if frame.is_none() || this.body.is_end_stream() {
            taken = taken.and_then(|()| this.permit.arrive());
        }
        Poll::Ready(match taken {
            Ok(()) => frame,
            Err(overloaded) => Some(Err(axum::Error::new(overloaded))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn overload(requests: usize, body_bytes: usize) -> Overload {
        Overload::new(OverloadLimits { requests, body_bytes, judge: |_| Account::Caller })
    }

    fn caller(last: u8) -> Option<Key> {
        Some(Key::Caller(IpAddr::from([192, 0, 2, last]).into()))
    }

    /// A request whose body is there.
    fn begin(overload: &Overload, caller: Option<Key>, tenant: &str) -> Result<Arc<Permit>, Overloaded> {
        let permit = overload.begin(caller, Some(Key::Tenant(tenant.to_owned())))?;
        permit.arrive().map(|()| permit)
    }

    fn bytes(bytes: usize) -> Load {
        Load { bytes, ..Load::default() }
    }

    #[test]
    fn requests_are_bounded_in_all_and_by_caller() {
        let overload = overload(16, 1000);
        let mut held: Vec<_> = (0..2).map(|_| begin(&overload, caller(1), "one").expect("room")).collect();
        assert!(begin(&overload, caller(1), "one").is_err(), "one caller has half of what a tenant has");
        for last in 2..9 {
            let tenant = last.to_string();
            held.extend((0..2).map(|_| begin(&overload, caller(last), &tenant).expect("room")));
        }
        assert!(begin(&overload, caller(9), "nine").is_err());
        held.clear();
        assert!(begin(&overload, caller(9), "nine").is_ok());
        assert!(lock(&overload.0.used).by_key.is_empty(), "nothing is kept of who is gone");
        assert_eq!(lock(&overload.0.used).all, Load::default());
    }

    #[test]
    fn whoever_sends_slowly_to_a_tenant_takes_no_place_from_its_other_callers() {
        let overload = overload(8, 1000);
        let acme = || Some(Key::Tenant(String::from("acme")));
        let slow: Vec<_> = (0..20).map(|last| overload.begin(caller(last), acme()).expect("room")).collect();
        let quick = [begin(&overload, caller(99), "acme"), begin(&overload, caller(98), "acme")];
        assert!(quick.iter().all(Result::is_ok));
        assert!(slow[0].arrive().is_err(), "the tenant has a quarter of those that are there");
        let many: Vec<_> = (100..112).map(|last| overload.begin(caller(last), acme()).expect("room")).collect();
        assert!(overload.begin(caller(200), acme()).is_ok(), "one of them was given back");
        drop((slow, quick, many));
        assert_eq!(lock(&overload.0.used).all, Load::default());
    }

    #[test]
    fn bytes_that_still_come_are_only_their_callers() {
        let overload = overload(100, 1000);
        let of = |last| overload.begin(caller(last), Some(Key::Tenant(String::from("acme")))).expect("room");
        let coming = |bytes| Load { arriving_bytes: bytes, ..Load::default() };
        let slow: Vec<_> = (0..4).map(of).collect();
        assert!(slow.iter().all(|permit| permit.take(coming(125)).is_ok()), "twice what the tenant has");
        assert!(slow[0].take(coming(1)).is_err(), "one caller has an eighth");
        let [quick, more] = [of(9), of(10)];
        assert!(quick.take(coming(125)).is_ok() && quick.arrive().is_ok());
        assert!(slow[0].arrive().is_ok(), "they are the tenant's once they are there");
        assert!(more.take(coming(1)).is_ok() && more.arrive().is_err());
        drop((slow, quick, more));
        assert_eq!(lock(&overload.0.used).all, Load::default());
    }

    #[test]
    fn bytes_of_bodies_are_bounded_in_all_and_by_tenant() {
        let overload = overload(100, 2000);
        let of = |last: u8, tenant: &str| begin(&overload, caller(last), tenant).expect("room");
        let (first, second, other) = (of(1, "acme"), of(2, "acme"), of(3, "beta"));
        let third = of(4, "acme");
        assert!(first.take(bytes(250)).is_ok() && second.take(bytes(200)).is_ok());
        assert!(third.take(bytes(100)).is_err(), "the tenant has a quarter");
        assert!(third.take(bytes(50)).is_ok() && other.take(bytes(250)).is_ok());
        drop((first, second, third));
        assert_eq!(lock(&overload.0.used).all, Load { requests: 1, ..bytes(250) });
    }

    #[test]
    fn whoever_reads_slowly_takes_no_place_from_others_and_holds_only_so_much() {
        let overload = overload(4, 400_000);
        let answered = |last, bytes| {
            let permit = begin(&overload, caller(last), "acme").expect("room");
            permit.answer(bytes).map(|()| permit)
        };
        let mut held: Vec<_> = (0..100).map(|_| answered(1, 16 << 10).expect("it is handed on at once")).collect();
        held.extend((0..2).map(|_| answered(1, 50_000).expect("room")));
        assert!(answered(1, 50_000).is_err(), "one caller has a quarter");
        assert!(answered(2, 100_000).is_ok() && answered(1, 10).is_ok());
        held.clear();
        assert_eq!(lock(&overload.0.used).all, Load::default());
        assert!(lock(&overload.0.used).by_key.is_empty());
    }

    #[tokio::test]
    async fn a_body_for_which_there_is_no_room_is_answered_503_with_when_to_come_again() {
        let permit = overload(4, 400).begin(caller(1), None).expect("room");
        let body = AxumBody::new(CountedBody { body: AxumBody::from(vec![0_u8; 101]), permit });
        let problem = crate::web::body::read(body, 1000).await.expect_err("no room");
        assert_eq!(problem.kind(), &kinds::OVERLOADED);
        assert_eq!(problem.into_response().headers()[header::RETRY_AFTER], "1");
    }

    #[test]
    fn what_goes_on_for_a_caller_who_went_away_keeps_its_room() {
        let overload = overload(8, 1000);
        let permit = begin(&overload, caller(1), "acme").expect("room");
        let goes_on = Held(Arc::clone(&permit));
        drop(permit);
        assert!(begin(&overload, caller(1), "acme").is_err());
        drop(goes_on);
        assert!(begin(&overload, caller(1), "acme").is_ok());
    }
}
