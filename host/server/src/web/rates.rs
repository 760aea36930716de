//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): how many requests a caller may still send.

use app::{App, RequestRate};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::UnixMillis;
use http::{HeaderName, HeaderValue, header};

use super::{
    error::seconds,
    problem::{Problem, kinds},
    recognise::Recognised,
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The quota's name, in the headers and in the problem.
const QUOTA: &str = "requests_per_minute";

/// Count the request, refuse one too many (429), and say in the answer how the caller stands.
pub(crate) async fn limit_rate(State(app): State<App>, request: Request, next: Next) -> Response {
    let rate = match request.extensions().get::<Recognised>() {
        Some(Recognised::Principal(principal)) => app.requests().count(principal, UnixMillis::now()),
        _ => Ok(None),
    };
    let rate = match rate {
        Ok(Some(rate)) => rate,
        Ok(None) => return next.run(request).await,
        Err(error) => return Problem::from(error).into_response(),
    };
    let mut response = if rate.is_over { refusal(rate).into_response() } else { next.run(request).await };
    let texts = [
        (RATE_LIMIT_POLICY, format!("\"{QUOTA}\";q={};w=60", rate.limit)),
        (RATE_LIMIT, format!("\"{QUOTA}\";r={};t={}", rate.remaining, seconds(rate.resets_in))),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::try_from(text) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn refusal(rate: RequestRate) -> Problem {
    let wait = seconds(rate.resets_in);
    let detail = format!("{} requests in a minute are the most that you may send: try again in {wait} s", rate.limit);
    Problem::new(&kinds::QUOTA, detail)
        .with("quota", QUOTA)
        .with("limit", rate.limit)
        .with("resets_in_s", wait)
        .with_header(header::RETRY_AFTER, wait)
}
