//! Promises that were rejected while nobody listened.
//!
//! Whether a rejection stays unhandled is known only at the end of a run: a script may well start two calls, and come
//! to the second promise long after it was rejected.

use std::cell::RefCell;
use std::collections::BTreeMap;

use javy::quickjs::{Ctx, Persistent, Runtime, Value};

use crate::{failure, globals};

/// More lines would repeat themselves: a loop without `await` makes thousands.
const REPORTED: usize = 10;

/// A rejected promise (kept, so that its address stays its own) and the reason.
struct Rejection {
    ordinal: u64,
    promise: Persistent<Value<'static>>,
    reason: Persistent<Value<'static>>,
}

/// The unhandled rejections, by the address of the promise: a script may make thousands, and handle them one by one.
#[derive(Default)]
struct Unhandled {
    next: u64,
    rejections: BTreeMap<u64, Rejection>,
}

thread_local! {
    static UNHANDLED: RefCell<Unhandled> = const { RefCell::new(Unhandled { next: 0, rejections: BTreeMap::new() }) };
}

/// Have QuickJS report rejections here.
pub(crate) fn register(runtime: &Runtime) {
    runtime.set_host_promise_rejection_tracker(Some(Box::new(|cx, promise, reason, handled| {
        let address = promise.as_raw();
        UNHANDLED.with_borrow_mut(|unhandled| {
            if handled {
                unhandled.rejections.remove(&address);
            } else {
                let (promise, reason) = (Persistent::save(&cx, promise), Persistent::save(&cx, reason));
                let rejection = Rejection { ordinal: unhandled.next, promise, reason };
                unhandled.rejections.insert(address, rejection);
                unhandled.next += 1;
            }
        });
    })));
}

/// Write one warning line for each of the first unhandled rejections, but not for the entry's own promise.
pub(crate) fn report<'js>(cx: &Ctx<'js>, entry_promise: Option<&Value<'js>>) {
    let mut rejections: Vec<Rejection> = UNHANDLED.take().rejections.into_values().collect();
    rejections.sort_by_key(|rejection| rejection.ordinal);
    let reasons = rejections.into_iter().filter_map(|rejection| {
        let promise = rejection.promise.restore(cx).ok()?;
        let reason = rejection.reason.restore(cx).ok()?;
        (Some(&promise) != entry_promise).then_some(reason)
    });
    for reason in reasons.take(REPORTED) {
        let failure = failure::rejected(cx, reason);
        globals::warn(&format!("unhandled rejection: {}: {}", failure.name, failure.message));
    }
}
