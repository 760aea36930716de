//! The gate: every host call passes it as one value of one enum, and no other way leads out of an instance.
//!
//! A call is counted, checked against the capabilities, bounded, journaled and started; its answer is bounded, journaled
//! and handed over when the guest asks for the next one. (It is charged one step earlier, in `linker`, where the fuel
//! is.) The same gate answers from a journal when a run is replayed.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use domain::{
    Limits, Permissions,
    limits::{CALL_BYTES_MAX, CALLS_IN_FLIGHT_MAX},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    bounds,
    calls::{HostCall, Interfaces, Started, answer_bytes},
    clock::Clock,
    contract::{Answer, CallError, Delivery, LogLevel},
    journal::Record,
    outcome::LogLine,
    permits::Grants,
    replay::{Replay, same},
    stop::Stop,
    tail::LogTail,
};

type Outcome = Result<Answer, CallError>;

/// Outside calls that an earlier attempt of the same run made, in order, with their answers. A repeat is answered from
/// them (SPEC section 2.2).
#[derive(Clone, Debug, Default)]
pub struct RecordedCalls(pub(crate) VecDeque<(HostCall, Option<Outcome>)>);

impl RecordedCalls {
    /// Whether nothing outside was asked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What the gate is told when a run begins.
pub(crate) struct GateStart {
    pub(crate) interfaces: Box<dyn Interfaces>,
    pub(crate) replay: Option<Replay>,
    pub(crate) repeat_of: RecordedCalls,
    pub(crate) grants: Arc<Grants>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) clock_ms: u64,
    pub(crate) deadline: Instant,
    pub(crate) cancellation: CancellationToken,
    pub(crate) record: Record,
    /// Where its lines of log are while it goes on.
    pub(crate) tail: LogTail,
}

/// The gate of one execution.
pub(crate) struct Gate {
    start: GateStart,
    started_at: Instant,
    start_clock_ms: u64,
    host_calls: u32,
    outbound_requests: u32,
    boundary_bytes: u64,
    /// Answers that wait to be taken, in the order in which they came.
    ready: VecDeque<(u32, Outcome)>,
    /// Outside calls under way, at most [`CALLS_IN_FLIGHT_MAX`].
    in_flight: Option<FuturesUnordered<BoxFuture<'static, (u32, Outcome)>>>,
    /// Outside calls that wait for a place.
    waiting: VecDeque<(u32, HostCall)>,
    /// When which timer is due, Unix time in milliseconds.
    timers: BTreeSet<(u64, u32)>,
    /// Outside calls of this attempt, by number.
    outside: VecDeque<(u32, HostCall, Option<Outcome>)>,
    /// Codes of errors that the host issued in this run.
    issued_codes: Vec<&'static str>,
    /// The rights that the calls took which were let through.
    rights_used: Permissions,
    /// Calls of whose values nothing is kept.
    outlined: BTreeSet<u32>,
    log_lines: u32,
    log_bytes: u64,
    logs_truncated: bool,
}

/// What a gate knows when its run is over.
pub(crate) struct GateEnd {
    pub(crate) logs: Vec<LogLine>,
    pub(crate) logs_truncated: bool,
    pub(crate) host_calls: u32,
    pub(crate) boundary_bytes: u64,
    pub(crate) record: Record,
    pub(crate) outside: RecordedCalls,
    pub(crate) rights_used: Permissions,
    pub(crate) replay: Option<Replay>,
}

impl Gate {
    pub(crate) fn new(start: GateStart) -> Self {
        start.tail.begin();
        Self {
            start_clock_ms: start.clock_ms,
            started_at: Instant::now(),
            start,
            host_calls: 0,
            outbound_requests: 0,
            boundary_bytes: 0,
            ready: VecDeque::new(),
            in_flight: None,
            waiting: VecDeque::new(),
            timers: BTreeSet::new(),
            outside: VecDeque::new(),
            issued_codes: Vec::new(),
            rights_used: Permissions::NONE,
            outlined: BTreeSet::new(),
            log_lines: 0,
            log_bytes: 0,
            logs_truncated: false,
        }
    }

    /// The execution's clock, Unix time in milliseconds: it moves only when an answer is handed over.
    pub(crate) fn clock_ms(&self) -> u64 {
        self.start.clock_ms
    }

    /// Whether the host answered with `code` in this run.
    pub(crate) fn has_issued(&self, code: &str) -> bool {
        self.issued_codes.contains(&code)
    }

    /// Let one call through: count, bound, journal, start. Answers its number.
    pub(crate) fn start(&mut self, call: HostCall) -> Result<u32, Stop> {
        let limits = &self.start.limits;
        if self.host_calls >= limits.host_calls {
            return Err(Stop::Hostcalls(format!("the script made more than {} host calls", limits.host_calls)));
        }
        self.host_calls += 1;
        let id = self.host_calls;
        self.count_bytes(call.bytes())?;
        let _span = tracing::trace_span!("host_call", call = call.name(), id).entered();
        self.record_call(id, &call);
        self.start.tail.use_rights(call.permissions());
        let is_outside = self.start.interfaces.is_outside(&call);
        if let Some(replay) = &mut self.start.replay {
            let permitted = match replay.is_edited() {
                true => self.start.grants.permit(&call).and_then(|()| self.start.interfaces.permit_recorded(&call)),
                false => Ok(()),
            };
            match permitted {
                Ok(()) => replay.start(id, &call)?,
                Err(error) => self.ready.push_back((id, Err(error))),
            }
            self.count_outbound(is_outside)?;
            return Ok(id);
        }
        self.count_outbound(is_outside)?;
        if let Err(error) = bounds::check(&call).and_then(|()| self.start.grants.permit(&call)) {
            self.ready.push_back((id, Err(error)));
            return Ok(id);
        }
        self.rights_used = self.rights_used.union(call.permissions());
        if let HostCall::Timer { delay_ms } = call {
            self.timers.insert((self.start.clock_ms.saturating_add(delay_ms), id));
        } else if is_outside {
            self.start_outside(id, call)?;
        } else {
            match self.start.interfaces.start(call, self.start.clock_ms) {
                Started::Ready(outcome) => self.ready.push_back((id, outcome)),
                Started::Pending(future) => self.push_in_flight(id, future),
                Started::Conflict(what) => return Err(Stop::Conflict(what)),
            }
        }
        Ok(id)
    }

    /// Forget a timer.
    pub(crate) fn cancel_timer(&mut self, id: u32) {
        self.timers.retain(|(_, timer)| *timer != id);
        if let Some(replay) = &mut self.start.replay {
            replay.cancel_timer(id);
        }
    }

    /// Wait for the next answer and hand it over.
    pub(crate) async fn next(&mut self) -> Result<Delivery, Stop> {
        if let Some(replay) = &mut self.start.replay {
            let clock_ms = self.start.clock_ms;
            let delivery = match self.ready.pop_front() {
                Some((id, outcome)) => Delivery { id, clock_ms, outcome },
                None => replay.next()?,
            };
            return self.hand_over(delivery);
        }
        loop {
            if let Some((id, outcome)) = self.ready.pop_front() {
                return self.deliver(id, outcome);
            }
            let now_ms = self.now_ms();
            if let Some((due_ms, id)) = self.timers.first().copied()
                && due_ms <= now_ms
            {
                self.timers.pop_first();
                return self.deliver(id, Ok(Answer::Nothing));
            }
            self.wait(now_ms).await?;
        }
    }

    /// Append one line of log, as far as the limits go.
    pub(crate) fn log(&mut self, level: LogLevel, message: String, arguments: Option<String>) {
        let bytes = message.len() as u64 + arguments.as_ref().map_or(0, String::len) as u64;
        let limits = &self.start.limits;
        let full = self.log_lines >= limits.log_lines || self.log_bytes + bytes > limits.log_bytes;
        if full || self.logs_truncated {
            self.logs_truncated = true;
            return;
        }
        self.log_bytes += bytes;
        self.log_lines += 1;
        let offset_ms = self.start.clock_ms - self.start_clock_ms;
        self.start.tail.push(LogLine { level, message, arguments, offset_ms });
    }

    /// Close the gate: what is under way is cut.
    pub(crate) fn into_end(self) -> GateEnd {
        let made = self.outside.into_iter().map(|(_, call, outcome)| (call, outcome));
        // What an earlier attempt asked and this one did not come to is remembered for the next.
        let outside = made.chain(self.start.repeat_of.0).collect();
        GateEnd {
            logs: self.start.tail.lines(),
            logs_truncated: self.logs_truncated,
            host_calls: self.host_calls,
            boundary_bytes: self.boundary_bytes,
            record: self.start.record,
            outside: RecordedCalls(outside),
            rights_used: self.rights_used,
            replay: self.start.replay,
        }
    }

    fn record_call(&mut self, id: u32, call: &HostCall) {
        let keeps_values = self.start.interfaces.keeps_values(call);
        if !keeps_values {
            self.outlined.insert(id);
        }
        let at_us = self.elapsed_us();
        self.start.record.call(at_us, call, keeps_values);
    }

    fn start_outside(&mut self, id: u32, call: HostCall) -> Result<(), Stop> {
        if let Some((recorded, outcome)) = self.start.repeat_of.0.pop_front() {
            if !same(&recorded, &call) {
                return Err(Stop::Conflict(format!(
                    "the run was repeated because what it had read was changed, and asked for another {} than before",
                    call.name()
                )));
            }
            if let Some(outcome) = outcome {
                self.start.interfaces.answered_from_record(&call);
                self.outside.push_back((id, call, Some(outcome.clone())));
                self.ready.push_back((id, outcome));
                return Ok(());
            }
        }
        self.outside.push_back((id, call.clone(), None));
        if self.in_flight.as_ref().map_or(0, FuturesUnordered::len) >= CALLS_IN_FLIGHT_MAX {
            self.waiting.push_back((id, call));
            return Ok(());
        }
        self.begin_outside(id, call)
    }

    fn begin_outside(&mut self, id: u32, call: HostCall) -> Result<(), Stop> {
        match self.start.interfaces.start(call, self.start.clock_ms) {
            Started::Ready(outcome) => self.answered(id, outcome),
            Started::Pending(future) => self.push_in_flight(id, future),
            Started::Conflict(what) => return Err(Stop::Conflict(what)),
        }
        Ok(())
    }

    fn push_in_flight(&mut self, id: u32, future: BoxFuture<'static, Outcome>) {
        let in_flight = self.in_flight.get_or_insert_with(FuturesUnordered::new);
        in_flight.push(future.map(move |outcome| (id, outcome)).boxed());
    }

    fn answered(&mut self, id: u32, outcome: Outcome) {
        if let Some((_, _, slot)) = self.outside.iter_mut().find(|(outside, _, _)| *outside == id) {
            *slot = Some(outcome.clone());
        }
        self.ready.push_back((id, outcome));
    }

    /// Wait until something happens: an answer, a timer, the deadline, a cancellation.
    async fn wait(&mut self, now_ms: u64) -> Result<(), Stop> {
        let next_timer = self.timers.first().map(|(due_ms, _)| Duration::from_millis(due_ms - now_ms));
        let in_flight = self.in_flight.get_or_insert_with(FuturesUnordered::new);
        if in_flight.is_empty() && next_timer.is_none() {
            return Err(Stop::Contract("it waits for an answer, and nothing is under way"));
        }
        let timer = async {
            match next_timer {
                Some(delay) => self.start.clock.sleep(delay).await,
                None => std::future::pending().await,
            }
        };
        let answer = tokio::select! {
            biased;
            () = self.start.cancellation.cancelled() => return Err(Stop::Cancelled),
            () = tokio::time::sleep_until(self.start.deadline) => return Err(Stop::Deadline),
            Some(answer) = in_flight.next(), if !in_flight.is_empty() => Some(answer),
            () = timer => None,
        };
        if let Some((id, outcome)) = answer {
            self.answered(id, outcome);
            while self.in_flight.as_ref().map_or(0, FuturesUnordered::len) < CALLS_IN_FLIGHT_MAX {
                let Some((id, call)) = self.waiting.pop_front() else { break };
                self.begin_outside(id, call)?;
            }
        }
        Ok(())
    }

    fn deliver(&mut self, id: u32, outcome: Outcome) -> Result<Delivery, Stop> {
        let bytes = answer_bytes(&outcome);
        let outcome = if bytes > CALL_BYTES_MAX {
            Err(CallError::HostcallLimit(format!(
                "the answer has {bytes} bytes, one call carries at most {CALL_BYTES_MAX}"
            )))
        } else {
            outcome
        };
        let clock_ms = self.now_ms();
        self.hand_over(Delivery { id, clock_ms, outcome })
    }

    /// The last step of a call, before its answer is lowered into the guest: nothing is left to be done for it.
    fn hand_over(&mut self, delivery: Delivery) -> Result<Delivery, Stop> {
        self.start.clock_ms = self.start.clock_ms.max(delivery.clock_ms);
        if let Err(error) = &delivery.outcome {
            self.issued_codes.push(error.code_and_message().0);
        }
        // Before it is counted: a replay has to end by the same answer.
        let at_us = self.elapsed_us();
        self.start.record.delivery(at_us, &delivery, !self.outlined.contains(&delivery.id));
        self.count_bytes(answer_bytes(&delivery.outcome))?;
        Ok(delivery)
    }

    fn count_outbound(&mut self, is_outside: bool) -> Result<(), Stop> {
        self.outbound_requests += u32::from(is_outside);
        let limit = self.start.limits.outbound_requests;
        if self.outbound_requests > limit {
            return Err(Stop::Hostcalls(format!("the script made more than {limit} outbound requests")));
        }
        Ok(())
    }

    fn count_bytes(&mut self, bytes: u64) -> Result<(), Stop> {
        self.boundary_bytes = self.boundary_bytes.saturating_add(bytes);
        let limit = self.start.limits.boundary_bytes;
        if self.boundary_bytes > limit {
            return Err(Stop::Hostcalls(format!("the script's host calls carried more than {limit} bytes")));
        }
        Ok(())
    }

    /// The host's clock, never before the execution's.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.clock.now().0).unwrap_or(0).max(self.start.clock_ms)
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started_at.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
