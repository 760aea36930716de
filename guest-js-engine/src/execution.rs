//! The execution that this instance serves: its phase, the calls that are under way, and the loop that drives it.
//!
//! Host calls are *started* by an import that answers at once, and their answers are *taken* one at a time through
//! `calls.next`. Between two answers the guest runs the same instructions, whether the answer came early or late.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem;

use javy::quickjs::{Ctx, Function, Persistent, Promise, Result, Value};

use crate::bindings::Start;
use crate::bindings::skerry::script::{calls, console, types::LogLevel};
use crate::{answers, clock, globals, rejections};

/// What this instance is doing. Outside `Running` nothing may be asked of the world.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// The engine is being built: nobody is there to answer an import.
    Building,
    /// There is no execution (yet).
    Resting,
    Running,
}

/// Who gets the answer of a call.
enum Waiter {
    Promise {
        reach: Reach,
        resolve: Persistent<Function<'static>>,
        reject: Persistent<Function<'static>>,
    },
    /// The timer of that number. Nobody misses a quiet one when the run is over.
    Timer {
        number: u32,
        quiet: bool,
    },
}

/// Whether a call leaves the execution's transaction.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reach {
    /// Buffered in, or read from, the execution's transaction: it counts even if nobody waited for its answer.
    Transaction,
    /// Cut when the run is over.
    Outside,
}

/// The calls that are under way, by their ids, which the host numbers from 1. Adding and removing cost the same whatever
/// the order, so that the order of answers does not show in the fuel.
struct UnderWay {
    waiters: Vec<Option<Waiter>>,
    count: usize,
}

impl UnderWay {
    fn add(&mut self, call: u32, waiter: Waiter) {
        let index = call as usize;
        if index >= self.waiters.len() {
            self.waiters.resize_with(index + 1, || None);
        }
        if self.waiters[index].replace(waiter).is_none() {
            self.count += 1;
        }
    }

    fn remove(&mut self, call: u32) -> Option<Waiter> {
        let waiter = self.waiters.get_mut(call as usize).and_then(mem::take);
        if waiter.is_some() {
            self.count -= 1;
        }
        waiter
    }
}

thread_local! {
    static PHASE: Cell<Phase> = const { Cell::new(Phase::Building) };
    static START: RefCell<Option<Start>> = const { RefCell::new(None) };
    static UNDER_WAY: RefCell<UnderWay> = const { RefCell::new(UnderWay { waiters: Vec::new(), count: 0 }) };
    /// Timers without a delay, in the order in which they were set.
    static DUE: RefCell<VecDeque<u32>> = const { RefCell::new(VecDeque::new()) };
    /// How many timers deep the running jobs are.
    static NESTING: Cell<u32> = const { Cell::new(0) };
}

/// The engine is built; from here on only an execution may touch the world.
pub(crate) fn rest() {
    PHASE.set(Phase::Resting);
}

/// Begin the execution.
pub(crate) fn begin(start: Start) {
    clock::start(start.clock_ms);
    START.set(Some(start));
    PHASE.set(Phase::Running);
}

/// What only an execution has.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    Clock,
    Console,
    Context,
    HostCalls,
    Random,
    Timers,
}

/// End the instance where there is no execution: the host sees an import, and judges the top level impure. The line
/// names what was needed, in the contract's words.
pub(crate) fn require(need: Need) {
    if PHASE.get() == Phase::Resting {
        let word = match need {
            Need::Clock => "clock",
            Need::Console => "console",
            Need::Context => "context",
            Need::HostCalls => "host calls",
            Need::Random => "random numbers",
            Need::Timers => "timers",
        };
        console::write(LogLevel::Debug, word, None);
    }
}

/// The start record. `None` only while there is no execution.
pub(crate) fn start_record<T>(need: Need, read: impl FnOnce(&Start) -> T) -> Option<T> {
    require(need);
    START.with_borrow(|start| start.as_ref().map(read))
}

/// Start a host call and answer the promise of its answer.
pub(crate) fn start_call<'js>(cx: &Ctx<'js>, reach: Reach, start: impl FnOnce() -> u32) -> Result<Value<'js>> {
    require(Need::HostCalls);
    let (promise, resolve, reject) = Promise::new(cx)?;
    let waiter =
        Waiter::Promise { reach, resolve: Persistent::save(cx, resolve), reject: Persistent::save(cx, reject) };
    let id = start();
    UNDER_WAY.with_borrow_mut(|calls| calls.add(id, waiter));
    Ok(promise.into_value())
}

/// Expect the answer of a host timer, for the guest's timer of that number.
pub(crate) fn expect_timer(call: u32, number: u32, quiet: bool) {
    UNDER_WAY.with_borrow_mut(|calls| calls.add(call, Waiter::Timer { number, quiet }));
}

/// Expect no answer for that host timer any more.
pub(crate) fn forget_timer(call: u32) {
    UNDER_WAY.with_borrow_mut(|calls| calls.remove(call));
}

/// Fire the timer as soon as no job is left.
pub(crate) fn fire_soon(timer: u32) {
    require(Need::Timers);
    DUE.with_borrow_mut(|due| due.push_back(timer));
}

/// The jobs that run from here on are that many timers deep.
pub(crate) fn nest(depth: u32) {
    NESTING.set(depth);
}

/// How many timers deep the running jobs are.
pub(crate) fn nesting() -> u32 {
    NESTING.get()
}

/// Run the jobs that are waiting, and those that they make.
///
/// Only a callback of a `FinalizationRegistry` can make a job throw; nobody is there to catch that.
pub(crate) fn drain(cx: &Ctx<'_>) {
    while cx.execute_pending_job() {}
    if cx.has_exception() {
        cx.catch();
    }
}

/// Run until `done`, or until nothing is left that could make it so; answers which.
pub(crate) fn drive(cx: &Ctx<'_>, done: impl Fn() -> bool) -> Result<bool> {
    loop {
        drain(cx);
        if done() {
            return Ok(true);
        }
        if let Some(timer) = DUE.with_borrow_mut(VecDeque::pop_front) {
            fire(cx, timer)?;
        } else if UNDER_WAY.with_borrow(|calls| calls.count == 0) {
            return Ok(false);
        } else {
            deliver(cx, calls::next())?;
        }
    }
}

/// Say in one line what the end of the run cut, if it cut anything, and which rejections nobody handled.
pub(crate) fn end<'js>(cx: &Ctx<'js>, entry_promise: Option<&Value<'js>>) {
    let (mut calls, mut timers) = (0, DUE.with_borrow(VecDeque::len));
    UNDER_WAY.with_borrow(|under_way| {
        for waiter in under_way.waiters.iter().flatten() {
            match waiter {
                Waiter::Timer { quiet: false, .. } => timers += 1,
                Waiter::Promise { reach: Reach::Outside, .. } => calls += 1,
                Waiter::Timer { quiet: true, .. } | Waiter::Promise { reach: Reach::Transaction, .. } => {}
            }
        }
    });
    if calls + timers > 0 {
        let (calls, timers) = (counted(calls, "call"), counted(timers, "timer"));
        globals::warn(&format!("the run is over: {calls} under way and {timers} pending were cut off"));
    }
    rejections::report(cx, entry_promise);
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn fire(cx: &Ctx<'_>, timer: u32) -> Result<()> {
    globals::hook(cx, "fireTimer")?.call((timer,))
}

/// Hand one answer to whom it belongs. An answer that nobody waits for (a timer cancelled meanwhile) moves the clock.
fn deliver(cx: &Ctx<'_>, delivery: calls::Delivery) -> Result<()> {
    clock::advance(delivery.clock_ms);
    match UNDER_WAY.with_borrow_mut(|calls| calls.remove(delivery.id)) {
        None => Ok(()),
        Some(Waiter::Timer { number, .. }) => fire(cx, number),
        Some(Waiter::Promise { resolve, reject, .. }) => {
            nest(0);
            match answers::value(cx, delivery.outcome) {
                Ok(value) => resolve.restore(cx)?.call((value,)),
                Err(error) => reject.restore(cx)?.call((error,)),
            }
        }
    }
}
