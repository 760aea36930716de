//! Problems: every answer that says no, in the form of RFC 9457.
//!
//! A kind of problem is one constant of [`kinds`]; its code is part of the API and never changes. What happened in the
//! one case at hand stands in `detail` and in extension members.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The stable word, in snake case.
    pub(crate) code: &'static str,
    /// The status of the answer.
    pub(crate) status: StatusCode,
    /// The kind in a few words, the same in every case.
    pub(crate) title: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:ident $code:literal $title:literal;)+) => {
        $(pub(crate) const $name: Kind = Kind { code: $code, status: StatusCode::$status, title: $title };)+
    };
}

/// Every kind, by status.
pub(crate) mod kinds {
    use super::{Kind, StatusCode};

    kinds! {
        MALFORMED_REQUEST = BAD_REQUEST "malformed_request" "The request cannot be read";
        MALFORMED_JSON = BAD_REQUEST "malformed_json" "The body is not JSON";
        JSON_TOO_DEEP = BAD_REQUEST "json_too_deep" "The body is nested too deeply";
        UNAUTHENTICATED = UNAUTHORIZED "unauthenticated" "Authentication is needed";
        SIGN_IN_FAILED = UNAUTHORIZED "sign_in_failed" "Signing in has failed";
        FORBIDDEN = FORBIDDEN "forbidden" "A permission is missing";
        TENANT_SUSPENDED = FORBIDDEN "tenant_suspended" "The tenant is suspended";
        CROSS_SITE = FORBIDDEN "cross_site" "A page of another site asks";
        PASSWORD_CHANGE_REQUIRED = FORBIDDEN "password_change_required" "The password has to be changed first";
        NO_TENANT = FORBIDDEN "no_tenant" "No tenant is chosen";
        NOT_FOUND = NOT_FOUND "not_found" "There is nothing here";
        METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED "method_not_allowed" "The method is not allowed here";
        NOT_ACCEPTABLE = NOT_ACCEPTABLE "not_acceptable" "There is nothing of the type that is asked for";
        REQUEST_TIMEOUT = REQUEST_TIMEOUT "request_timeout" "The body did not arrive in time";
        NAME_TAKEN = CONFLICT "name_taken" "The name is taken";
        LAST_ADMIN = CONFLICT "last_admin" "The last admin stays";
        LAST_OPERATOR = CONFLICT "last_operator" "The last operator stays";
        ROLE_IN_USE = CONFLICT "role_in_use" "Somebody has the role";
        OWN_ROLE = CONFLICT "own_role" "A role does not rest on itself";
        PLAN_IN_USE = CONFLICT "plan_in_use" "Tenants are on the plan";
        ALREADY_MEMBER = CONFLICT "already_member" "This person is a member already";
        TENANT_DELETED = CONFLICT "tenant_deleted" "The tenant was deleted";
        TOO_MANY = CONFLICT "too_many" "There are as many as there may be";
        ROUTE_TAKEN = CONFLICT "route_taken" "The address is taken";
        NOT_DEPLOYED = CONFLICT "not_deployed" "The script has no deployed version";
        NOT_RECORDED = CONFLICT "not_recorded" "Nothing was recorded of the execution";
        ALREADY_REDRIVEN = CONFLICT "already_redriven" "The dead letter was sent again already";
        SUBSCRIPTION_EXISTS = CONFLICT "subscription_exists" "The script has this subscription already";
        PAUSED = CONFLICT "paused" "The script is paused";
        ORPHANED = CONFLICT "orphaned" "The script's deployer is no member any more";
        CONCURRENCY_FULL = CONFLICT "concurrency_full" "The script goes on as often as it may at once";
        KEY_IN_USE = CONFLICT "key_in_use" "A request with this key is under way";
        ANSWER_LOST = CONFLICT "answer_lost" "The answer is not there any more";
        NOT_ENDED = CONFLICT "not_ended" "The execution has not ended";
        ALREADY_ENDED = CONFLICT "already_ended" "The execution has ended";
        STALE = PRECONDITION_FAILED "stale" "What was changed has changed meanwhile";
        BODY_TOO_LARGE = PAYLOAD_TOO_LARGE "body_too_large" "The body is too large";
        UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "The content type is not supported";
        MISDIRECTED = MISDIRECTED_REQUEST "misdirected" "The host name is not this server's";
        INVALID = UNPROCESSABLE_ENTITY "invalid" "A value is not allowed";
        KEY_REUSED = UNPROCESSABLE_ENTITY "key_reused" "The key belongs to another request";
        SOURCE = UNPROCESSABLE_ENTITY "source" "The source does not compile";
        VALUE_REQUIRED = UNPROCESSABLE_ENTITY "value_required" "The secret's value is needed again";
        HOOK_FAILED = FAILED_DEPENDENCY "hook_failed" "A script at the extension point failed";
        PRECONDITION_REQUIRED = PRECONDITION_REQUIRED "precondition_required" "If-Match is needed";
        TOO_MANY_ATTEMPTS = TOO_MANY_REQUESTS "too_many_attempts" "Too many attempts have failed";
        QUOTA = TOO_MANY_REQUESTS "quota" "A quota is used up";
        INTERNAL = INTERNAL_SERVER_ERROR "internal" "The server failed";
        EXECUTION_FAILED = INTERNAL_SERVER_ERROR "execution_failed" "The script failed";
        PROVIDER_FAILED = BAD_GATEWAY "provider_failed" "The identity provider could not be asked";
        BREAKER_OPEN = SERVICE_UNAVAILABLE "breaker_open" "The script rests after failures";
        OVERLOADED = SERVICE_UNAVAILABLE "overloaded" "The server has too much to do";
        UNAVAILABLE = SERVICE_UNAVAILABLE "unavailable" "The server cannot write";
        EXECUTION_TIMEOUT = GATEWAY_TIMEOUT "execution_timeout" "The script took too long";
        CHAIN_TOO_LONG = LOOP_DETECTED "chain_too_long" "Scripts call each other without end";
        STORAGE_FULL = INSUFFICIENT_STORAGE "storage_full" "The disk is full";
    }
}

/// What the layers around a handler see of the problem that it answered with: an extension of the response.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The stable word of its kind.
    pub(crate) code: &'static str,
    /// The permission that was missing, where it was one.
    pub(crate) permission: Option<String>,
}

/// A problem, ready to be answered.
#[derive(Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: &'static Kind,
    detail: String,
    members: Map<String, Value>,
    headers: HeaderMap,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    /// A problem of `kind`; `detail` is a sentence for whoever sent the request.
    pub(crate) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, detail: detail.into(), members: Map::new(), headers: HeaderMap::new() }))
    }

    /// A value of the request that is not allowed, and the field that has it.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let errors = serde_json::json!([{ "field": field, "message": message }]);
        Self::new(&kinds::INVALID, message).with("errors", errors)
    }

    /// The same with an extension member.
    #[must_use]
    pub(crate) fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(member.to_owned(), value.into());
        self
    }

    /// The same with a header. A value that is no header value is left out.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.0.headers.insert(name, value);
        }
        self
    }

    /// The stable word of its kind.
    pub(crate) fn code(&self) -> &'static str {
        self.0.kind.code
    }

    /// Which kind it is.
    pub(crate) fn kind(&self) -> &'static Kind {
        self.0.kind
    }

    /// What happened.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The kind in a few words.
    pub(crate) fn title(&self) -> &'static str {
        self.0.kind.title
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.kind.status
    }

    /// The permission that is missing, where it is one.
    pub(crate) fn permission(&self) -> Option<&str> {
        self.0.members.get("permission").and_then(Value::as_str)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Inner { kind, detail, members, headers } = *self.0;
        let body = Body {
            r#type: format!("urn:skerry:problem:{}", kind.code),
            title: kind.title,
            status: kind.status.as_u16(),
            detail: &detail,
            code: kind.code,
            members: &members,
        };
        let permission = members.get("permission").and_then(Value::as_str).map(str::to_owned);
        let mut response = (kind.status, headers, axum::Json(body)).into_response();
        response.extensions_mut().insert(Refusal { code: kind.code, permission });
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
