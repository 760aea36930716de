//! What a test run reaches: all that a run would, but nothing that stays (RULES 12).

use runtime::{Answer, CallError, HostCall, Interfaces, Started};

use crate::{capabilities::Reach, collections::is_read_method};

/// Whether a test run may change something outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestEffects {
    /// Only GET and HEAD leave, and of services only what reads.
    Withheld,
    /// Everything leaves that the script's capabilities and the tester's rights allow.
    Sent,
}

/// A run's reach, with what must not be done in a test kept back.
pub(super) struct TestReach {
    reach: Reach,
    effects: TestEffects,
    /// Whether the tester may deploy.
    may_deploy: bool,
}

impl TestReach {
    pub(super) fn new(reach: Reach, effects: TestEffects, may_deploy: bool) -> Self {
        Self { reach, effects, may_deploy }
    }

    /// Why a call is not made in this test.
    fn refusal(&self, call: &HostCall) -> Option<CallError> {
        let denied = |message: String| Some(CallError::CapabilityDenied(message));
        match call {
            HostCall::HttpSend(request) if !is_safe(&request.method) && self.effects == TestEffects::Withheld => {
                denied(format!(
                    "http: a test sends GET and HEAD alone, and no {}: ask for it 'with effects'",
                    shown(&request.method)
                ))
            }
            HostCall::ServiceCall { service, method, .. } if !self.is_read(service, method) => {
                let name = format!("services.{service}.{method}");
                if !self.may_deploy {
                    denied(format!("{name}: in a test, what changes something needs the permission 'scripts.deploy'"))
                } else if self.effects == TestEffects::Withheld && self.reach.inner.services.get(service).is_some() {
                    denied(format!("{name}: a test does not change what a service has: ask for it 'with effects'"))
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// Whether a method of a service changes nothing. Documents of collections are in the run's own transaction.
    fn is_read(&self, service: &str, method: &str) -> bool {
        match self.reach.inner.services.get(service) {
            Some(connected) => connected.is_read(method),
            None => is_read_method(method),
        }
    }
}

impl Interfaces for TestReach {
    fn is_outside(&self, call: &HostCall) -> bool {
        self.reach.is_outside(call)
    }

    fn keeps_values(&self, call: &HostCall) -> bool {
        self.reach.keeps_values(call)
    }

    fn start(&mut self, call: HostCall, clock_ms: u64) -> Started {
        if let Some(refusal) = self.refusal(&call) {
            return Started::Ready(Err(refusal));
        }
        match call {
            // What it wrote so far stays where the rest of it is: in the run.
            HostCall::StorageCommit => Started::Ready(Ok(Answer::Nothing)),
            call => self.reach.start(call, clock_ms),
        }
    }

    fn answered_from_record(&mut self, call: &HostCall) {
        self.reach.answered_from_record(call);
    }
}

fn is_safe(method: &str) -> bool {
    method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("HEAD")
}

/// A method as a message shows it: the guest wrote it.
fn shown(method: &str) -> String {
    method.escape_debug().take(20).collect()
}
