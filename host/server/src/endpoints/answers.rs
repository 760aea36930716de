//! From what became of an endpoint's execution to an HTTP answer. Of a failure the caller learns the execution's id, which
//! tells the tenant everything and a stranger nothing.

use app::{EndpointAnswer, EndpointOutcome, EndpointRefusal, Failure};
use axum::{body::Body, response::IntoResponse, response::Response};
use domain::{ErrorKind, ExecutionId};
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::headers;
use crate::web::problem::{Problem, kinds};

const EXECUTION_ID: HeaderName = HeaderName::from_static("x-execution-id");

/// Says that an equal request was answered before, and that this is that answer.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The answer of an execution for a tenant's endpoint.
///
/// # Errors
/// The script failed.
pub(super) fn response(answer: EndpointAnswer, tenant: &str) -> Result<Response, Problem> {
    let EndpointAnswer { execution, outcome, is_private, is_repeated } = answer;
    let mut response = match outcome {
        EndpointOutcome::Failed(failure) => return Err(failed(&failure, execution)),
        EndpointOutcome::Accepted => super::accepted::response(tenant, execution),
        EndpointOutcome::Response(script) => of_script(script),
    };
    if is_private {
        headers::make_private(response.headers_mut());
    }
    if let Ok(id) = HeaderValue::from_str(&execution.to_string()) {
        response.headers_mut().insert(EXECUTION_ID, id);
    }
    if is_repeated {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn of_script(script: app::Response) -> Response {
    let status = StatusCode::from_u16(script.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if has_no_body(status) { Body::empty() } else { Body::from(script.body) };
    let mut response = (status, body).into_response();
    *response.headers_mut() = headers::allowed(&script.headers);
    response
}

/// The same answer as to `HEAD`: with the length of the body that is left out.
pub(super) fn without_body(mut response: Response) -> Response {
    let length = hyper::body::Body::size_hint(response.body()).exact();
    if let Some(length) = length {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
    response
}

/// The answer to `OPTIONS` where scripts answer to `methods`.
///
/// # Errors
/// 404 where none does.
pub(super) fn options(methods: Vec<String>) -> Result<Response, Problem> {
    if methods.is_empty() {
        return Err(EndpointRefusal::NotFound.into());
    }
    Ok((StatusCode::NO_CONTENT, [(header::ALLOW, allow(&methods))]).into_response())
}

/// The header `Allow`: the scripts' methods and those that the host answers beside them.
pub(super) fn allow(methods: &[String]) -> String {
    let mut allow = methods.to_vec();
    if methods.iter().any(|method| method == "GET") {
        allow.push(String::from("HEAD"));
    }
    allow.push(String::from("OPTIONS"));
    allow.join(", ")
}

/// What a caller learns of a failure.
pub(super) fn failed(failure: &Failure, execution: ExecutionId) -> Problem {
    let (kind, detail) = match failure.kind {
        ErrorKind::Timeout => (&kinds::EXECUTION_TIMEOUT, "the script did not answer in time"),
        ErrorKind::Quota => (&kinds::QUOTA, "a quota of the tenant is used up"),
        _ => (&kinds::EXECUTION_FAILED, "the script failed; its tenant finds out why under the execution's id"),
    };
    Problem::new(kind, detail).with("execution_id", execution.to_string())
}

fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(outcome: EndpointOutcome) -> Result<Response, Problem> {
        let execution = ExecutionId::generate();
        response(EndpointAnswer { execution, outcome, is_private: false, is_repeated: false }, "acme")
    }

    #[test]
    fn a_failure_tells_its_execution_and_nothing_of_its_stack() {
        let failure = Failure {
            kind: ErrorKind::UserError,
            name: String::from("Error"),
            message: String::from("the password is 1234"),
            stack: String::from("at secret.js:1:1"),
        };
        let problem = format!("{:?}", answered(EndpointOutcome::Failed(failure)).expect_err("it failed"));
        assert!(problem.contains("execution_id"), "{problem}");
        assert!(!problem.contains("1234") && !problem.contains("secret.js"), "{problem}");
    }

    #[test]
    fn head_has_the_length_of_what_get_would_send() {
        let body = app::Response { status: 200, headers: Vec::new(), body: b"hello".to_vec() };
        let head = without_body(answered(EndpointOutcome::Response(body)).expect("an answer"));
        assert_eq!(head.headers()[header::CONTENT_LENGTH], "5");
    }

    #[test]
    fn allow_names_what_the_host_answers_too() {
        assert_eq!(allow(&[String::from("GET"), String::from("POST")]), "GET, POST, HEAD, OPTIONS");
    }
}
