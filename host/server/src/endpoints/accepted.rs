//! What became of a request that was accepted: an address of the host's own below each tenant, for whoever the endpoint
//! lets ask.

use app::{AcceptedRequest, EndpointOutcome, EndpointRefusal, RoutedCall};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{ExecutionId, ExecutionStatus, routes::HOST_SEGMENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use serde_json::{Map, Value, json};

use super::{Endpoints, answers, cors, headers};
use crate::web::problem::{Problem, kinds};

/// How long whoever asks too early is told to wait, in seconds.
const RETRY_AFTER_S: u32 = 1;

/// The answer to a request that was accepted.
pub(super) fn response(tenant: &str, execution: ExecutionId) -> Response {
    let location = format!("/{tenant}/{HOST_SEGMENT}/executions/{execution}");
    let body =
        json!({ "id": execution.to_string(), "status": ExecutionStatus::Pending.as_str(), "location": location });
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body)).into_response()
}

/// Answer whoever asks what became of it.
///
/// # Errors
/// 404 where there is nothing, 401 where the endpoint asks for more.
pub(super) fn answer(
    endpoints: &Endpoints,
    parts: &Parts,
    tenant: &str,
    execution: Option<ExecutionId>,
) -> Result<Response, Problem> {
    if let Some(preflight) = preflight(endpoints, parts, tenant, execution) {
        return Ok(preflight);
    }
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(Problem::new(&kinds::METHOD_NOT_ALLOWED, "what became of a request is read with GET")
            .with_header(header::ALLOW, "GET, HEAD"));
    }
    let execution = execution.ok_or(EndpointRefusal::NotFound)?;
    let routed = endpoints.app.endpoints().route_accepted(tenant, execution)?;
    let granted = cors::Granted::of(routed.cors(), &parts.headers);
    let of_tenant = routed.tenant();
    let told = told(endpoints, parts, routed, execution)
        .map_or_else(|refusal| endpoints.refused(refusal, of_tenant, parts), shown);
    Ok(granted.put_into(told))
}

fn told(
    endpoints: &Endpoints,
    parts: &Parts,
    routed: RoutedCall,
    execution: ExecutionId,
) -> Result<AcceptedRequest, EndpointRefusal> {
    let admitted = endpoints.app.endpoints().admit(routed, endpoints.call(parts))?;
    endpoints.app.endpoints().accepted(&admitted, execution)
}

/// The answer to a browser that asks before it sends what a page of another origin wants to know.
fn preflight(endpoints: &Endpoints, parts: &Parts, tenant: &str, execution: Option<ExecutionId>) -> Option<Response> {
    if parts.method != Method::OPTIONS || cors::asked_method(&parts.headers) != Some("GET") {
        return None;
    }
    let routed = endpoints.app.endpoints().route_accepted(tenant, execution?).ok()?;
    cors::may_ask(routed.cors(), &parts.headers).then(|| cors::preflight(&routed, ["GET"], &parts.headers))
}

fn shown(accepted: AcceptedRequest) -> Response {
    let AcceptedRequest { execution, status, accepted_at, completed_at, outcome, is_private } = accepted;
    let is_over = outcome.is_some();
    let (response, error) = match outcome {
        Some(EndpointOutcome::Response(answer)) => (Some(of_script(&answer)), None),
        Some(EndpointOutcome::Failed(failure)) => (None, Some(answers::failed(&failure, execution).code())),
        Some(EndpointOutcome::Accepted) | None => (None, None),
    };
    let body = json!({
        "id": execution.to_string(),
        "status": status.as_str(),
        "accepted_at": accepted_at.to_rfc3339(),
        "completed_at": completed_at.map(domain::UnixMillis::to_rfc3339),
        "response": response,
        "error": error,
    });
    let mut response = Json(body).into_response();
    if !is_over {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    }
    if is_private {
        headers::make_private(response.headers_mut());
    }
    response
}

/// What the script answered, as JSON: with the headers that it may send, and its body as text where it is any.
fn of_script(answer: &app::Response) -> Value {
    let (body, encoding) = match str::from_utf8(&answer.body) {
        Ok(text) => (text.to_owned(), "text"),
        Err(_) => (STANDARD.encode(&answer.body), "base64"),
    };
    let headers: Map<String, Value> = texts(&headers::allowed(&answer.headers)).collect();
    json!({ "status": answer.status, "headers": headers, "body": body, "body_encoding": encoding })
}

fn texts(headers: &HeaderMap) -> impl Iterator<Item = (String, Value)> + '_ {
    headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
}
