//! The bounds of host calls' arguments. Everything in here is guest-controlled.

use domain::{
    EventType,
    events::{self, DATA_BYTES_MAX, check_name},
    limits::CALL_BYTES_MAX,
};

use crate::{
    calls::HostCall,
    contract::{CallError, Event},
};

/// The most bytes of a storage key: it is part of an index.
pub(crate) const KEY_BYTES_MAX: usize = 512;
/// The most bytes of a storage value.
pub(crate) const VALUE_BYTES_MAX: usize = 1 << 20;
/// The longest time to live: ten years of 365 days.
const TTL_SECONDS_MAX: u32 = 10 * 365 * 24 * 60 * 60;
/// The most keys of one `getMany`.
const KEYS_MAX: usize = 100;
/// The most entries of one page.
const PAGE_ENTRIES_MAX: u32 = 1_000;
/// The most bytes of a service's, method's or secret's name.
const NAME_BYTES_MAX: usize = 200;

/// Let through what the contract's documentation allows.
///
/// # Errors
/// What is wrong with an argument, in a sentence that begins with the call's name.
pub fn check(call: &HostCall) -> Result<(), CallError> {
    if call.bytes() > CALL_BYTES_MAX {
        return Err(CallError::HostcallLimit(format!(
            "{}: {} bytes were passed, one call carries at most {CALL_BYTES_MAX}",
            call.name(),
            call.bytes()
        )));
    }
    match call {
        HostCall::StorageGet { key } | HostCall::StorageDelete { key } => check_key(call, key),
        HostCall::StorageGetMany { keys } => {
            if keys.len() > KEYS_MAX {
                return Err(out_of_range(
                    call,
                    format!("{} keys were passed, at most {KEYS_MAX} are allowed", keys.len()),
                ));
            }
            keys.iter().try_for_each(|key| check_key(call, key))
        }
        HostCall::StorageSet { key, value, ttl_seconds } => {
            check_key(call, key)?;
            check_value(call, value)?;
            check_ttl(call, *ttl_seconds)
        }
        HostCall::StorageIncrement { key, by } => {
            check_key(call, key)?;
            if by.is_finite() { Ok(()) } else { Err(out_of_range(call, "the step must be a finite number")) }
        }
        HostCall::StorageList { prefix, cursor, limit } => {
            let cursor_bytes = cursor.as_ref().map_or(0, String::len);
            if prefix.len() > KEY_BYTES_MAX || cursor_bytes > KEY_BYTES_MAX {
                return Err(out_of_range(call, format!("a prefix or cursor has at most {KEY_BYTES_MAX} bytes")));
            }
            if (1..=PAGE_ENTRIES_MAX).contains(limit) {
                Ok(())
            } else {
                Err(out_of_range(call, format!("the limit is 1 to {PAGE_ENTRIES_MAX}, not {limit}")))
            }
        }
        HostCall::EventPublish(event) => check_event(call, event),
        HostCall::ServiceCall { service, method, .. } => check_names(call, &[service, method]),
        HostCall::SecretCheck { name } => check_names(call, &[name]),
        HostCall::SecretHmac { key, .. } | HostCall::SecretHmacVerify { key, .. } => check_names(call, &[&key.name]),
        HostCall::StorageCommit | HostCall::HttpSend(_) | HostCall::Timer { .. } => Ok(()),
    }
}

fn check_key(call: &HostCall, key: &str) -> Result<(), CallError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(out_of_range(call, format!("a key has 1 to {KEY_BYTES_MAX} bytes of UTF-8, not {}", key.len())));
    }
    if key.chars().any(char::is_control) {
        return Err(invalid(call, "a key has no control characters"));
    }
    Ok(())
}

fn check_value(call: &HostCall, value: &str) -> Result<(), CallError> {
    if value.len() > VALUE_BYTES_MAX {
        let message = format!("a value has at most {VALUE_BYTES_MAX} bytes as JSON, not {}", value.len());
        return Err(out_of_range(call, message));
    }
    Ok(())
}

fn check_ttl(call: &HostCall, ttl_seconds: Option<u32>) -> Result<(), CallError> {
    match ttl_seconds {
        Some(ttl) if !(1..=TTL_SECONDS_MAX).contains(&ttl) => {
            Err(out_of_range(call, format!("a time to live is 1 to {TTL_SECONDS_MAX} whole seconds, not {ttl}")))
        }
        _ => Ok(()),
    }
}

fn check_event(call: &HostCall, event: &Event) -> Result<(), CallError> {
    let event_type = EventType::parse(&event.type_).map_err(|broken| invalid(call, broken.message))?;
    if event_type.is_reserved() {
        return Err(CallError::CapabilityDenied(String::from(
            "events.publish: types under 'skerry.' are Skerry's own",
        )));
    }
    for name in [&event.subject, &event.id].into_iter().flatten() {
        let has_a_length = (1..=events::NAME_BYTES_MAX).contains(&name.len());
        let refusal = if has_a_length { invalid::<String> } else { out_of_range::<String> };
        check_name("id", name).map_err(|broken| refusal(call, broken.message))?;
    }
    if event.data.len() > DATA_BYTES_MAX {
        return Err(out_of_range(call, format!("an event's data has at most {DATA_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn check_names(call: &HostCall, names: &[&String]) -> Result<(), CallError> {
    let plain =
        |name: &&String| !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    if names.iter().all(plain) {
        Ok(())
    } else {
        Err(invalid(call, format!("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters")))
    }
}

fn invalid<M: AsRef<str>>(call: &HostCall, message: M) -> CallError {
    CallError::InvalidArgument(format!("{}: {}", call.name(), message.as_ref()))
}

fn out_of_range<M: AsRef<str>>(call: &HostCall, message: M) -> CallError {
    CallError::OutOfRange(format!("{}: {}", call.name(), message.as_ref()))
}
