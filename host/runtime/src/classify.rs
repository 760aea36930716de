//! From the error that ended an instance to the kind that its script's author reads.

use domain::ErrorKind;
use wasmtime::Trap;

use crate::{
    contract::{FailureKind, GuestFailure},
    gate::Gate,
    outcome::Failure,
    stop::Stop,
};

/// How far from 2³² an address can be when the shadow stack has wrapped around zero: a wrapped pointer lies below it, and
/// an instruction adds its own offset. The stack lies first in memory, so that its overflow is a fault and not silent
/// corruption; a frame is far smaller than this.
const WRAPPED_STACK_BYTES: u64 = 16 << 20;

/// The most bytes of an error's name: one short line.
const NAME_BYTES_MAX: usize = 200;
/// The most bytes of an error's message.
const MESSAGE_BYTES_MAX: usize = 8 << 10;
/// The most bytes of an error's frames: some hundred.
const STACK_BYTES_MAX: usize = 16 << 10;

/// What ended the instance, where the guest did not end by itself.
pub(crate) fn ended(error: &wasmtime::Error) -> Failure {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stopped(stop);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => out_of_fuel(),
        Some(Trap::StackOverflow) => stack_overflow(),
        Some(Trap::MemoryOutOfBounds) if fault_is_a_wrapped_stack(error) => stack_overflow(),
        _ if lift_was_too_large(error) => Failure::new(
            ErrorKind::HostcallLimit,
            "HostcallLimit",
            "a host call was handed far more bytes than it may carry",
        ),
        _ => Failure::new(
            ErrorKind::EngineFault,
            "EngineFault",
            "the JavaScript engine failed on this script; its instance was dropped and nothing else is affected",
        ),
    }
}

/// What a guest says of its own script.
pub(crate) fn failed(failure: GuestFailure, gate: Option<&Gate>) -> Failure {
    let kind = match failure.kind {
        FailureKind::Syntax => ErrorKind::Syntax,
        FailureKind::UnresolvedPromise => ErrorKind::UnresolvedPromise,
        FailureKind::OutputLimit => ErrorKind::OutputLimit,
        FailureKind::Thrown => engine_limit(&failure).unwrap_or_else(|| thrown_kind(failure.code.as_deref(), gate)),
    };
    Failure {
        kind,
        name: clamped(failure.name, NAME_BYTES_MAX),
        message: clamped(failure.message, MESSAGE_BYTES_MAX),
        stack: clamped(failure.stack, STACK_BYTES_MAX),
    }
}

/// Cut guest-controlled text. The engine keeps to the same bounds by itself; another guest need not.
fn clamped(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

/// QuickJS reports some of its own limits as errors: a text of more than a gigabyte, which no memory limit holds, and
/// the recursion of its regular expressions. A script that throws the same words deceives nobody but its author.
fn engine_limit(failure: &GuestFailure) -> Option<ErrorKind> {
    match (failure.name.as_str(), failure.message.as_str()) {
        ("InternalError", "string too long" | "out of memory") => Some(ErrorKind::MemoryLimit),
        ("InternalError" | "RangeError", "stack overflow" | "Maximum call stack size exceeded") => {
            Some(ErrorKind::StackOverflow)
        }
        _ => None,
    }
}

/// A thrown `SkerryError` gives its kind only if the host issued that code in this run: a script cannot claim one.
fn thrown_kind(code: Option<&str>, gate: Option<&Gate>) -> ErrorKind {
    let Some(code) = code.filter(|code| gate.is_some_and(|gate| gate.has_issued(code))) else {
        return ErrorKind::UserError;
    };
    match code {
        "capability_denied" => ErrorKind::CapabilityDenied,
        "egress_denied" => ErrorKind::EgressDenied,
        "hostcall_limit" => ErrorKind::HostcallLimit,
        "quota" => ErrorKind::Quota,
        "conflict" => ErrorKind::Conflict,
        _ => ErrorKind::UserError,
    }
}

fn stopped(stop: &Stop) -> Failure {
    match stop {
        Stop::Fuel => out_of_fuel(),
        Stop::Deadline => Failure::new(ErrorKind::Timeout, "Timeout", "the script took longer than its time limit"),
        Stop::Memory { limit_bytes, .. } => Failure::new(
            ErrorKind::MemoryLimit,
            "MemoryLimit",
            format!("the script needed more than its {} MiB of memory", limit_bytes >> 20),
        ),
        Stop::Hostcalls(what) => Failure::new(ErrorKind::HostcallLimit, "HostcallLimit", what.as_str()),
        Stop::Cancelled => Failure::new(ErrorKind::Cancelled, "Cancelled", "the execution was cancelled"),
        Stop::Conflict(what) => Failure::new(ErrorKind::Conflict, "Conflict", what.as_str()),
        Stop::Contract(_) | Stop::Impure(_) => Failure::new(ErrorKind::EngineFault, "EngineFault", stop.to_string()),
        Stop::Diverged(divergence) => Failure::new(ErrorKind::Conflict, "Diverged", divergence.to_string()),
        Stop::JournalEnd => {
            Failure::new(ErrorKind::Interrupted, "JournalEnd", "the recorded run was cut while it waited here")
        }
    }
}

fn out_of_fuel() -> Failure {
    Failure::new(ErrorKind::CpuLimit, "CpuLimit", "the script used more processor time than its fuel allows")
}

fn stack_overflow() -> Failure {
    Failure::new(ErrorKind::StackOverflow, "StackOverflow", "the script's recursion is too deep")
}

/// Wasmtime gives the address of a fault only in words.
fn fault_is_a_wrapped_stack(error: &wasmtime::Error) -> bool {
    const WORDS: &str = "memory fault at wasm address 0x";
    let text = format!("{error:?}");
    let address = text.find(WORDS).and_then(|at| {
        let digits = &text[at + WORDS.len()..];
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        u64::from_str_radix(&digits[..end], 16).ok()
    });
    let wrapped = (1 << 32) - WRAPPED_STACK_BYTES..(1 << 32) + WRAPPED_STACK_BYTES;
    address.is_some_and(|address| wrapped.contains(&address))
}

/// Wasmtime says in words that a lift from the guest went past `set_hostcall_fuel`.
fn lift_was_too_large(error: &wasmtime::Error) -> bool {
    format!("{error:?}").contains("fuel allocated for hostcalls has been exhausted")
}
