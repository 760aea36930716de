//! Who calls: the principal behind the bearer token of a request.

use app::App;
use axum::extract::{FromRef, FromRequestParts};
use domain::Principal;
use http::{HeaderMap, header, request::Parts};

use super::{error::unauthenticated, problem::Problem};

/// The principal of a request to the API. A handler that takes one is never called without a valid token.
#[derive(Debug)]
pub(crate) struct Caller(pub(crate) Principal);

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    App: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(unauthenticated)?;
        Ok(Self(App::from_ref(state).tokens().authenticate(token)?))
    }
}

/// The token of an `Authorization: Bearer` header. Two such headers are none: nobody knows which one counts.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_one_bearer_header_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(bearer(&headers), None);
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("bearer sk_1_2"));
        assert_eq!(bearer(&headers), Some("sk_1_2"));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer sk_3_4"));
        assert_eq!(bearer(&headers), None);
    }

    #[test]
    fn another_scheme_is_no_token() {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic c2s6"));
        assert_eq!(bearer(&headers), None);
    }
}
