//! `services`: which kind of service a call is for, and the calls that leave this process.

use domain::UnixMillis;
use runtime::{Answer, CallError, Started};
use serde_json::Value;

use super::{Reach, http::Outgoing};
use crate::services::{ServiceCall, ServiceError};

impl Reach {
    pub(super) fn service_call(&mut self, service: &str, method: &str, arguments: &str, now: UnixMillis) -> Started {
        let Some(connected) = self.inner.services.get(service).cloned() else {
            return Started::Ready(self.collection_call(service, method, arguments, now));
        };
        let name = format!("services.{service}.{method}");
        let Ok(arguments) = serde_json::from_str::<Vec<Value>>(arguments) else {
            let message = format!("{name}: the arguments must be a JSON array");
            return Started::Ready(Err(CallError::InvalidArgument(message)));
        };
        if !connected.methods().iter().any(|known| known.name == method) {
            return Started::Ready(Err(CallError::NotFound(format!(
                "{name}: the service '{service}' has no such method"
            ))));
        }
        let target = connected.target(method, &arguments);
        let Outgoing { idempotency_key, lineage } = self.outgoing(&kind(service), &target);
        let body = Value::Array(arguments.clone()).to_string();
        if let Err(error) = self.note_sent(&name, &idempotency_key, body.as_bytes()) {
            return Started::Ready(Err(error));
        }
        let scope = &self.scope;
        let answer = connected.call(ServiceCall {
            tenant: self.lease.tenant,
            user: scope.user,
            script: scope.script,
            execution: self.lease.execution,
            method: method.to_owned(),
            arguments,
            idempotency_key,
            lineage,
            time_left: scope.time_left(),
        });
        Started::Pending(Box::pin(async move {
            let answer = answer.await.map_err(|error| refused(&name, error))?;
            Ok(Answer::Value(Some(answer.to_string())))
        }))
    }

    /// Count a call that is answered from an earlier attempt's record, as making it would.
    pub(super) fn count_service_call(&mut self, service: &str, method: &str, arguments: &str) {
        let Some(connected) = self.inner.services.get(service).cloned() else { return };
        let Ok(arguments) = serde_json::from_str::<Vec<Value>>(arguments) else { return };
        if connected.methods().iter().any(|known| known.name == method) {
            self.ordinals.next(&kind(service), &connected.target(method, &arguments));
        }
    }
}

/// What tells calls of one service from those of another, and from `http`.
fn kind(service: &str) -> String {
    format!("services.{service}")
}

fn refused(name: &str, error: ServiceError) -> CallError {
    let message = format!("{name}: {error}");
    match error {
        ServiceError::NotFound(_) => CallError::NotFound(message),
        ServiceError::InvalidArgument(_) => CallError::InvalidArgument(message),
        ServiceError::Denied(_) => CallError::CapabilityDenied(message),
        ServiceError::Unavailable(_) => CallError::Unavailable(message),
        ServiceError::Conflict(_) => CallError::Conflict(message),
        ServiceError::Quota(_) => CallError::Quota(message),
    }
}
