//! The host calls of an execution as a person sees them: when each was made, how large it was and how it ended; and, for
//! those who may inspect the execution, what was asked and answered (RULES 19, 21).

use runtime::{
    Answer, CallError, HostCall, HttpBody, HttpFieldValue, HttpRequest, Journal, JournalEntry, Secret, answer_bytes,
};
use serde_json::{Value, json};

use super::views::{shown_header, shown_url};

/// The most bytes of a value that is shown; of a larger one its size is.
const VALUE_BYTES_MAX: usize = 16 << 10;

/// One host call of an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct CallView {
    /// From 1, in the order in which the calls were made.
    pub number: u32,
    /// Interface and function, as `storage.get`.
    pub name: String,
    /// Microseconds from the start of the run to the call.
    pub started_us: u64,
    /// Microseconds from the start of the run to the answer; `None` where there was none.
    pub answered_us: Option<u64>,
    /// Bytes that the script handed over.
    pub bytes_asked: u64,
    /// Bytes of the answer.
    pub bytes_answered: Option<u64>,
    /// The code of the error that the call was answered with.
    pub error: Option<String>,
    /// What was asked; `None` where it is not shown, or was not kept.
    pub asked: Option<Value>,
    /// What was answered; `None` where it is not shown, was not kept, or never came.
    pub answered: Option<Value>,
}

/// The calls of a journal; with their values where the reader may inspect them.
pub(crate) fn calls_of(journal: &Journal, may_inspect: bool) -> Vec<CallView> {
    let mut calls: Vec<CallView> = Vec::new();
    for entry in &journal.entries {
        match entry {
            JournalEntry::Call { at_us, call } => {
                let asked = may_inspect.then(|| asked(call));
                calls.push(CallView { asked, ..started(&calls, call.name(), *at_us, call.bytes()) });
            }
            JournalEntry::CallOutline { at_us, name, bytes } => calls.push(started(&calls, name, *at_us, *bytes)),
            JournalEntry::Delivery { at_us, id, outcome, .. } => {
                let Some(call) = by_number(&mut calls, *id) else { continue };
                call.answered_us = Some(*at_us);
                call.bytes_answered = Some(answer_bytes(outcome));
                call.error = outcome.as_ref().err().map(|error| error.code_and_message().0.to_owned());
                call.answered = may_inspect.then(|| answered(outcome));
            }
            JournalEntry::DeliveryOutline { at_us, id, bytes, error } => {
                let Some(call) = by_number(&mut calls, *id) else { continue };
                call.answered_us = Some(*at_us);
                call.bytes_answered = Some(*bytes);
                call.error.clone_from(error);
            }
            JournalEntry::End { .. } => {}
        }
    }
    calls
}

fn started(before: &[CallView], name: &str, started_us: u64, bytes_asked: u64) -> CallView {
    CallView {
        number: u32::try_from(before.len() + 1).unwrap_or(u32::MAX),
        name: name.to_owned(),
        started_us,
        answered_us: None,
        bytes_asked,
        bytes_answered: None,
        error: None,
        asked: None,
        answered: None,
    }
}

fn by_number(calls: &mut [CallView], number: u32) -> Option<&mut CallView> {
    calls.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
}

/// What a call asks, as a JSON object in the words of the script API.
pub(crate) fn asked(call: &HostCall) -> Value {
    match call {
        HostCall::StorageGet { key } | HostCall::StorageDelete { key } => json!({ "key": key }),
        HostCall::StorageGetMany { keys } => json!({ "keys": keys }),
        HostCall::StorageSet { key, value, ttl_seconds } => {
            json!({ "key": key, "value": value_of(value), "ttl": ttl_seconds })
        }
        HostCall::StorageList { prefix, cursor, limit } => {
            json!({ "prefix": prefix, "cursor": cursor, "limit": limit })
        }
        HostCall::StorageIncrement { key, by } => json!({ "key": key, "by": by }),
        HostCall::StorageCommit => json!({}),
        HostCall::ServiceCall { service, method, arguments } => {
            json!({ "service": service, "method": method, "arguments": value_of(arguments) })
        }
        HostCall::EventPublish(event) => json!({
            "type": event.type_, "data": value_of(&event.data), "subject": event.subject, "id": event.id,
        }),
        HostCall::HttpSend(request) => request_of(request),
        HostCall::SecretCheck { name } => json!({ "secret": name }),
        HostCall::SecretHmac { key, algorithm, data } => {
            json!({ "secret": secret_of(key), "algorithm": format!("{algorithm:?}").to_lowercase(), "data_bytes": data.len() })
        }
        HostCall::SecretHmacVerify { key, algorithm, data, .. } => {
            json!({ "secret": secret_of(key), "algorithm": format!("{algorithm:?}").to_lowercase(), "data_bytes": data.len() })
        }
        HostCall::Timer { delay_ms } => json!({ "delay_ms": delay_ms }),
    }
}

fn answered(outcome: &Result<Answer, CallError>) -> Value {
    match outcome {
        Ok(Answer::Nothing) => Value::Null,
        Ok(Answer::Value(value)) => value.as_deref().map_or(Value::Null, value_of),
        Ok(Answer::Values(values)) => {
            values.iter().map(|value| value.as_deref().map_or(Value::Null, value_of)).collect()
        }
        Ok(Answer::Page(page)) => {
            let entry = |entry: &runtime::PageEntry| json!({ "key": entry.key, "value": value_of(&entry.value) });
            json!({ "entries": page.entries.iter().map(entry).collect::<Vec<Value>>(), "cursor": page.cursor })
        }
        Ok(Answer::Text(text)) => text_of(text),
        Ok(Answer::Bytes(bytes)) => json!({ "bytes": bytes.len() }),
        Ok(Answer::Truth(truth)) => json!(truth),
        Ok(Answer::Response(response)) => json!({
            "status": response.status,
            "url": shown_url(&response.url),
            "headers": response.headers.iter().map(shown_header).collect::<Vec<_>>(),
            "body": body_of(&response.body),
        }),
        Err(error) => {
            let (code, message) = error.code_and_message();
            json!({ "code": code, "message": message })
        }
    }
}

fn request_of(request: &HttpRequest) -> Value {
    let secrets = request.secret_headers.iter().map(|header| (header.name.as_str(), secret_of(&header.value)));
    json!({
        "method": request.method,
        "url": shown_url(&request.url),
        "headers": request.headers.iter().map(shown_header).collect::<Vec<_>>(),
        "secret_headers": secrets.collect::<Vec<_>>(),
        "body": match &request.body {
            HttpBody::None => Value::Null,
            HttpBody::Bytes(bytes) => body_of(bytes),
            HttpBody::Form(fields) | HttpBody::JsonObject(fields) => {
                let shown = |value: &HttpFieldValue| match value {
                    HttpFieldValue::Plain(text) => text_of(text),
                    HttpFieldValue::Secret(secret) => json!(secret_of(secret)),
                };
                fields.iter().map(|field| (field.name.clone(), shown(&field.value))).collect()
            }
        },
    })
}

/// A secret is its name.
fn secret_of(secret: &Secret) -> String {
    secret.format.replacen("{}", &format!("[secret {}]", secret.name), 1)
}

/// JSON text as a value, or its size.
fn value_of(json: &str) -> Value {
    if json.len() > VALUE_BYTES_MAX {
        return json!({ "bytes": json.len() });
    }
    serde_json::from_str(json).unwrap_or_else(|_| json!({ "bytes": json.len() }))
}

fn text_of(text: &str) -> Value {
    if text.len() > VALUE_BYTES_MAX { json!({ "bytes": text.len() }) } else { json!(text) }
}

fn body_of(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text_of(text),
        Err(_) => json!({ "bytes": bytes.len() }),
    }
}
