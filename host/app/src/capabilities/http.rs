//! `http`: outbound requests, through the egress policy.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use domain::UnixMillis;
use futures_util::FutureExt;
use runtime::{Answer, CallError, Header, HttpBody, HttpField, HttpFieldValue, HttpRequest, HttpResponse, Started};

use super::{Reach, failed, require_json};
use crate::{
    egress::{Allowance, EgressError, HostList, OutboundRequest, OutboundResponse, TIME_MAX},
    executions::{sent::SentDigest, shown_url},
    sealing::{Purpose, hex},
    secrets::{Placing, require_whole_answer},
};

/// How often an attempt has asked for what: the place of a call among those like it (RULES 37).
#[derive(Debug, Default)]
pub(crate) struct Ordinals(HashMap<(String, String), u64>);

/// What every request that leaves carries beside what was asked for.
pub(crate) struct Outgoing {
    /// Equal over repeats and retries of the same call, and of no other.
    pub(crate) idempotency_key: String,
    /// The chain of executions, sealed.
    pub(crate) lineage: String,
}

impl Ordinals {
    /// The place of the next call of `method` to `target`, from 0.
    pub(crate) fn next(&mut self, method: &str, target: &str) -> u64 {
        let count = self.0.entry((method.to_owned(), target.to_owned())).or_default();
        let ordinal = *count;
        *count += 1;
        ordinal
    }
}

impl Reach {
    pub(super) fn http_send(&mut self, request: HttpRequest) -> Started {
        match self.outbound(request) {
            Err(error) => Started::Ready(Err(error)),
            Ok((request, allowance)) => {
                let (egress, scope) = (self.inner.egress.clone(), Arc::clone(&self.scope));
                let sent = async move {
                    let url = request.url.clone();
                    let response = egress.send(request, &allowance).await.map_err(refused)?;
                    // Before anybody else sees it: what is journaled, and what a repeat is answered, is scrubbed.
                    scope.placed.scrub(&url, response).await.map(answer)
                };
                Started::Pending(sent.boxed())
            }
        }
    }

    /// What the next outside call of `method` to `target` carries.
    pub(super) fn outgoing(&mut self, method: &str, target: &str) -> Outgoing {
        let ordinal = self.ordinals.next(method, target).to_le_bytes();
        let execution = self.lease.execution.to_string();
        let parts = [execution.as_bytes(), method.as_bytes(), target.as_bytes(), &ordinal];
        Outgoing {
            idempotency_key: hex::write(&self.key.mac(Purpose::IdempotencyKey, &parts)[..16]).to_string(),
            lineage: self.inner.keyring.seal_lineage(&self.scope.lineage, UnixMillis::now()),
        }
    }

    /// Note what is about to leave under an idempotency key.
    pub(super) fn note_sent(&self, call: &str, key: &str, body: &[u8]) -> Result<(), CallError> {
        let mac = self.key.mac(Purpose::Sent, &[body]);
        let mut digest = SentDigest::default();
        let length = digest.len();
        digest.copy_from_slice(&mac[..length]);
        self.scope.sent.note(call, key, digest)
    }

    /// Read at each request, so that a change holds at once.
    fn tenant_hosts(&self) -> Result<Option<HostList>, CallError> {
        let hosts = self.inner.database.egress_hosts(self.lease.tenant).map_err(|error| failed(self.lease, &error))?;
        Ok(hosts.map(|hosts| HostList::of(&hosts)))
    }

    fn outbound(&mut self, request: HttpRequest) -> Result<(OutboundRequest, Allowance), CallError> {
        // Numbered before anything is refused, as a repeat numbers it that finds the refusal in the record.
        let Outgoing { idempotency_key, lineage } = self.outgoing(&request.method, &request.url);
        let allowance = Allowance::Script {
            tenant: self.lease.tenant,
            of_tenant: self.tenant_hosts()?,
            of_script: HostList::of(&self.scope.capabilities.hosts),
        };
        require_whole_answer(&self.scope.placed, &request)?;
        let own = request.timeout_ms.map_or(TIME_MAX, |ms| Duration::from_millis(ms.into()));
        let mut placing = Placing::new(self, &request.url);
        let secret_headers = placing.headers(&request)?;
        let (body, content_type) = body(request.body, &mut placing)?;
        let carries_secret = placing.finish()?;
        let mut headers = request.headers;
        headers.extend(secret_headers);
        let is_typed = headers.iter().any(|header| header.name.eq_ignore_ascii_case("content-type"));
        if let (Some(value), false) = (content_type, is_typed) {
            headers.push(Header { name: String::from("content-type"), value: String::from(value) });
        }
        // A key of the script's own stands in the place of ours, and what it means is the script's affair.
        if !headers.iter().any(|header| header.name.eq_ignore_ascii_case("idempotency-key")) {
            let call = format!("{} {}", request.method, shown_url(&request.url));
            self.note_sent(&call, &idempotency_key, &body)?;
        }
        let request = OutboundRequest {
            method: request.method,
            url: request.url,
            headers,
            body,
            redirect: request.redirect,
            timeout: own.min(self.scope.time_left()),
            carries_secret,
            idempotency_key,
            lineage,
        };
        Ok((request, allowance))
    }
}

/// The body as bytes, and what it is where the request does not say so itself.
fn body(body: HttpBody, placing: &mut Placing<'_>) -> Result<(Vec<u8>, Option<&'static str>), CallError> {
    Ok(match body {
        HttpBody::None => (Vec::new(), None),
        HttpBody::Bytes(bytes) => (bytes, None),
        HttpBody::Form(fields) => (form(&fields, placing)?, Some("application/x-www-form-urlencoded;charset=UTF-8")),
        HttpBody::JsonObject(fields) => (json_object(&fields, placing)?, Some("application/json")),
    })
}

fn form(fields: &[HttpField], placing: &mut Placing<'_>) -> Result<Vec<u8>, CallError> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for HttpField { name, value } in fields {
        match value {
            HttpFieldValue::Plain(text) => form.append_pair(name, text),
            HttpFieldValue::Secret(secret) => form.append_pair(name, &placing.field(name, secret)?),
        };
    }
    Ok(form.finish().into_bytes())
}

fn json_object(fields: &[HttpField], placing: &mut Placing<'_>) -> Result<Vec<u8>, CallError> {
    let mut names = HashSet::new();
    let mut members = Vec::with_capacity(fields.len());
    for HttpField { name, value } in fields {
        if !names.insert(name) {
            let message = format!("http: the object has the field '{}' twice", name.escape_debug());
            return Err(CallError::InvalidArgument(message));
        }
        let name_text = serde_json::Value::from(name.as_str());
        members.push(match value {
            HttpFieldValue::Plain(text) => {
                require_json("http: the value of a field", text)?;
                format!("{name_text}:{text}")
            }
            HttpFieldValue::Secret(secret) => {
                format!("{name_text}:{}", serde_json::Value::from(placing.field(name, secret)?.as_str()))
            }
        });
    }
    Ok(format!("{{{}}}", members.join(",")).into_bytes())
}

fn answer(response: OutboundResponse) -> Answer {
    let OutboundResponse { status, url, headers, body, redirected, hops: _ } = response;
    Answer::Response(HttpResponse { status, url, headers, body, redirected })
}

fn refused(error: EgressError) -> CallError {
    let message = format!("http: {error}");
    match error {
        EgressError::Denied => CallError::EgressDenied(message),
        EgressError::Invalid(_) => CallError::InvalidArgument(message),
        EgressError::TooLarge(_) => CallError::HostcallLimit(message),
        EgressError::Quota(_) => CallError::Quota(message),
        EgressError::Unavailable(_) => CallError::Unavailable(message),
    }
}
