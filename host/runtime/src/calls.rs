//! Host calls as values: one closed enum, so that a new call cannot pass the gate by.

use domain::{Permission, Permissions};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::contract::{
    Answer, CallError, Event, HmacAlgorithm, HttpBody, HttpField, HttpFieldValue, HttpRequest, Secret, SecretHeader,
};

/// Something that a script asks of the host and waits for. The order of the cases is part of the journal's format:
/// new ones come last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HostCall {
    /// `storage.get`
    StorageGet { key: String },
    /// `storage.get-many`
    StorageGetMany { keys: Vec<String> },
    /// `storage.set`
    StorageSet { key: String, value: String, ttl_seconds: Option<u32> },
    /// `storage.delete`
    StorageDelete { key: String },
    /// `storage.list`
    StorageList { prefix: String, cursor: Option<String>, limit: u32 },
    /// `storage.increment`
    StorageIncrement { key: String, by: f64 },
    /// `storage.commit`
    StorageCommit,
    /// `services.call`
    ServiceCall { service: String, method: String, arguments: String },
    /// `events.publish`
    EventPublish(Event),
    /// `http.send`
    HttpSend(HttpRequest),
    /// `secrets.check`
    SecretCheck { name: String },
    /// `secrets.hmac`
    SecretHmac { key: Secret, algorithm: HmacAlgorithm, data: Vec<u8> },
    /// `secrets.hmac-verify`
    SecretHmacVerify { key: Secret, algorithm: HmacAlgorithm, data: Vec<u8>, signature: Vec<u8> },
    /// `timers.start`
    Timer { delay_ms: u64 },
}

/// Each call with its name in the contract and the right that it takes. A call without a line here does not compile.
macro_rules! calls {
    ($($case:ident = $name:literal needs $permission:expr;)+) => {
        impl HostCall {
            /// The interface and function of the contract, as logs, spans and messages name it.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$case { .. } => $name,)+
                }
            }

            /// The rights that the call takes.
            pub fn permissions(&self) -> Permissions {
                let of_kind: Option<Permission> = match self {
                    $(Self::$case { .. } => $permission,)+
                };
                let of_secrets = self.secrets().next().map(|_| Permission::SecretsUse);
                of_kind.into_iter().chain(of_secrets).collect()
            }
        }

        /// The rights that a call may have taken, by the call's name: for a journal that keeps only names.
        pub(crate) fn permissions_of(name: &str) -> Permissions {
            let of_kind: Option<Permission> = match name {
                $($name => $permission,)+
                _ => None,
            };
            let of_secrets = (name == "http.send").then_some(Permission::SecretsUse);
            of_kind.into_iter().chain(of_secrets).collect()
        }
    };
}

calls! {
    StorageGet = "storage.get" needs Some(Permission::StorageRead);
    StorageGetMany = "storage.get-many" needs Some(Permission::StorageRead);
    StorageSet = "storage.set" needs Some(Permission::StorageWrite);
    StorageDelete = "storage.delete" needs Some(Permission::StorageWrite);
    StorageList = "storage.list" needs Some(Permission::StorageRead);
    StorageIncrement = "storage.increment" needs Some(Permission::StorageWrite);
    StorageCommit = "storage.commit" needs Some(Permission::StorageWrite);
    ServiceCall = "services.call" needs Some(Permission::ServicesCall);
    EventPublish = "events.publish" needs Some(Permission::EventsPublish);
    HttpSend = "http.send" needs Some(Permission::EgressUse);
    SecretCheck = "secrets.check" needs Some(Permission::SecretsUse);
    SecretHmac = "secrets.hmac" needs Some(Permission::SecretsUse);
    SecretHmacVerify = "secrets.hmac-verify" needs Some(Permission::SecretsUse);
    Timer = "timers.start" needs None;
}

impl HostCall {
    /// Every secret that the call uses.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let (own, headers, fields): (_, &[SecretHeader], &[HttpField]) = match self {
            Self::SecretCheck { name } => (Some(name.as_str()), &[], &[]),
            Self::SecretHmac { key, .. } | Self::SecretHmacVerify { key, .. } => (Some(key.name.as_str()), &[], &[]),
            Self::HttpSend(request) => match &request.body {
                HttpBody::Form(fields) | HttpBody::JsonObject(fields) => (None, &request.secret_headers, fields),
                HttpBody::None | HttpBody::Bytes(_) => (None, &request.secret_headers, &[]),
            },
            _ => (None, &[], &[]),
        };
        let in_fields = fields.iter().filter_map(|field| match &field.value {
            HttpFieldValue::Secret(secret) => Some(secret.name.as_str()),
            HttpFieldValue::Plain(_) => None,
        });
        own.into_iter().chain(headers.iter().map(|header| header.value.name.as_str())).chain(in_fields)
    }

    /// The bytes that the guest handed over, which count against the boundary and are charged.
    pub fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::StorageGet { key } | Self::StorageDelete { key } | Self::StorageIncrement { key, .. } => key.len(),
            Self::StorageGetMany { keys } => keys.iter().map(|key| key.len() + 4).sum(),
            Self::StorageSet { key, value, .. } => key.len() + value.len(),
            Self::StorageList { prefix, cursor, .. } => prefix.len() + cursor.as_ref().map_or(0, String::len),
            Self::StorageCommit | Self::Timer { .. } => 0,
            Self::ServiceCall { service, method, arguments } => service.len() + method.len() + arguments.len(),
            Self::EventPublish(event) => {
                let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
                event.type_.len() + event.data.len() + optional(&event.subject) + optional(&event.id)
            }
            Self::HttpSend(request) => http_request_bytes(request),
            Self::SecretCheck { name } => name.len(),
            Self::SecretHmac { key, data, .. } => key.name.len() + key.format.len() + data.len(),
            Self::SecretHmacVerify { key, data, signature, .. } => {
                key.name.len() + key.format.len() + data.len() + signature.len()
            }
        };
        bytes as u64
    }
}

/// What an element of a list counts beside its text: a list of empty ones is not free.
const ELEMENT_BYTES: usize = 8;

fn http_request_bytes(request: &HttpRequest) -> usize {
    let header = |name: &str, value: &str| name.len() + value.len() + ELEMENT_BYTES;
    let headers: usize = request.headers.iter().map(|field| header(&field.name, &field.value)).sum();
    let secrets: usize = request
        .secret_headers
        .iter()
        .map(|field| header(&field.name, &field.value.name) + field.value.format.len())
        .sum();
    let body = match &request.body {
        HttpBody::None => 0,
        HttpBody::Bytes(bytes) => bytes.len(),
        HttpBody::Form(fields) | HttpBody::JsonObject(fields) => fields
            .iter()
            .map(|field| {
                let value = match &field.value {
                    HttpFieldValue::Plain(text) => text.len(),
                    HttpFieldValue::Secret(secret) => secret.name.len() + secret.format.len(),
                };
                field.name.len() + value + ELEMENT_BYTES
            })
            .sum(),
    };
    request.method.len() + request.url.len() + headers + secrets + body
}

/// The bytes of an answer, which count against the boundary and are charged.
pub fn answer_bytes(outcome: &Result<Answer, CallError>) -> u64 {
    let bytes = match outcome {
        Ok(Answer::Nothing | Answer::Truth(_)) => 0,
        Ok(Answer::Value(value)) => value.as_ref().map_or(0, String::len),
        Ok(Answer::Values(values)) => values.iter().map(|value| value.as_ref().map_or(1, |text| text.len() + 4)).sum(),
        Ok(Answer::Page(page)) => {
            let cursor = page.cursor.as_ref().map_or(0, String::len);
            cursor + page.entries.iter().map(|entry| entry.key.len() + entry.value.len()).sum::<usize>()
        }
        Ok(Answer::Text(text)) => text.len(),
        Ok(Answer::Bytes(bytes)) => bytes.len(),
        Ok(Answer::Response(response)) => {
            let headers: usize = response.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
            response.url.len() + headers + response.body.len()
        }
        Err(error) => error.code_and_message().1.len(),
    };
    bytes as u64
}

/// A call that was let through, as far as it has come.
#[expect(missing_debug_implementations, reason = "a future has no form to show")]
pub enum Started {
    /// Answered at once: nothing outside this process was asked.
    Ready(Result<Answer, CallError>),
    /// The answer comes when the future is polled to its end. Dropping it cuts the call.
    Pending(BoxFuture<'static, Result<Answer, CallError>>),
    /// The run cannot go on: what it relies on has changed, and whoever runs it has to decide whether to repeat it.
    Conflict(String),
}

/// What a script reaches: implemented by whoever runs it, one value for each execution.
///
/// The gate has already counted the call, charged it, checked it against the capabilities and bounded its arguments; the
/// implementation has to know the tenant by itself and must not trust anything in the call to say who asks.
pub trait Interfaces: Send {
    /// Whether `call` leaves this process's own database. Outside calls take one of the sixteen places, count against
    /// the outbound limit, and are answered from the record when a run is repeated.
    fn is_outside(&self, call: &HostCall) -> bool;

    /// Whether the journal keeps what `call` asks and is answered, and not only that it was made. A run of which it does
    /// not cannot be replayed.
    fn keeps_values(&self, _call: &HostCall) -> bool {
        true
    }

    /// Whether edited code may be given the recorded answer to `call`: what a live run is refused outside the gate, as a
    /// host that the script's capabilities do not name.
    ///
    /// # Errors
    /// The answer in place of the recorded one.
    fn permit_recorded(&self, _call: &HostCall) -> Result<(), CallError> {
        Ok(())
    }

    /// Start `call`. Timers never come here. `clock_ms` is the execution's clock, Unix time in milliseconds.
    fn start(&mut self, call: HostCall, clock_ms: u64) -> Started;

    /// An outside call was not started, because an earlier attempt of the run made it and its answer is known. Whoever
    /// numbers calls counts it.
    fn answered_from_record(&mut self, call: &HostCall) {
        let _ = call;
    }
}
