//! Who calls: the principal behind the bearer token of a request, or behind the session of a page of this server.
//!
//! A token counts before a cookie: where there is an `Authorization` header, cookies are not looked at.

use std::net::{IpAddr, Ipv4Addr};

use app::{App, AppError, Person, Visitor};
use axum::extract::{FromRef, FromRequestParts};
use domain::{Operator, Principal, UnixMillis};
use http::{HeaderMap, header, request::Parts};

use super::{
    cookies,
    cross_site::{refuse_other_pages, require_own_page},
    error::unauthenticated,
    hosts::OwnOrigin,
    peer::PeerAddress,
    problem::Problem,
    recognise::Recognised,
};

/// The principal of a request to the API. A handler that takes one is never called without a valid token or session.
#[derive(Debug)]
pub(crate) struct Caller(pub(crate) Principal);

/// Whoever is signed in, also where that person acts in no tenant, or has to change the password first. API tokens are
/// nobody here: sessions are a person's, and not a program's.
#[derive(Debug)]
pub(crate) struct SignedIn(pub(crate) Person);

/// The operator who calls.
#[derive(Debug)]
pub(crate) struct OperatorCaller(pub(crate) Operator);

/// Whoever comes to sign in, and by which of our names.
#[derive(Debug)]
pub(crate) struct Visiting {
    pub(crate) visitor: Visitor,
    pub(crate) origin: OwnOrigin,
}

/// Whoever comes back from an identity provider: from another site, as its page says, and known by a cookie.
#[derive(Debug)]
pub(crate) struct Returning {
    pub(crate) visiting: Visiting,
    pub(crate) browser: String,
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    App: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if let Some(Recognised::Principal(principal)) = parts.extensions.get() {
            return Ok(Self(principal.clone()));
        }
        let app = App::from_ref(state);
        if has_authorization(&parts.headers) {
            let token = bearer(&parts.headers).ok_or_else(unauthenticated)?;
            return Ok(Self(app.tokens().authenticate(token)?));
        }
        Ok(Self(person(parts, &app)?.principal()?))
    }
}

impl<S> FromRequestParts<S> for SignedIn
where
    S: Send + Sync,
    App: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if has_authorization(&parts.headers) {
            return Err(unauthenticated());
        }
        person(parts, &App::from_ref(state)).map(Self)
    }
}

impl<S> FromRequestParts<S> for OperatorCaller
where
    S: Send + Sync,
    App: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let app = App::from_ref(state);
        if has_authorization(&parts.headers) {
            let token = bearer(&parts.headers).ok_or_else(unauthenticated)?;
            return match app.operators().authenticate(token) {
                Ok(operator) => Ok(Self(operator)),
                // Whoever is known and no operator is told so; a token that is none is nobody's.
                Err(AppError::Unauthenticated) => match app.tokens().authenticate(token) {
                    Ok(_) => Err(AppError::NotOperator.into()),
                    Err(error) => Err(error.into()),
                },
                Err(error) => Err(error.into()),
            };
        }
        Ok(Self(person(parts, &app)?.operator()?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visiting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let origin = own_origin(parts)?;
        refuse_other_pages(parts, &origin)?;
        Ok(Self { visitor: visitor(parts, &origin), origin })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Returning {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let origin = own_origin(parts)?;
        let browser = cookies::read(&parts.headers, cookies::SIGNING_IN, &origin).unwrap_or_default().to_owned();
        Ok(Self { visiting: Visiting { visitor: visitor(parts, &origin), origin }, browser })
    }
}

/// Whoever the session's cookie is of, where a page of this server sends it.
fn person(parts: &Parts, app: &App) -> Result<Person, Problem> {
    let origin = own_origin(parts)?;
    let text = cookies::read(&parts.headers, cookies::SESSION, &origin).ok_or_else(unauthenticated)?;
    require_own_page(parts, &origin)?;
    Ok(app.sessions().authenticate(text, UnixMillis::now())?)
}

/// What is known of whoever asks.
fn visitor(parts: &Parts, origin: &OwnOrigin) -> Visitor {
    let device = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Visitor {
        address: address(parts),
        device: device.to_owned(),
        session: cookies::read(&parts.headers, cookies::SESSION, origin).map(str::to_owned),
    }
}

/// From where a request comes. Each one of a listener has an address.
pub(crate) fn address(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<PeerAddress>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0)
}

/// The name by which the request calls this server, which was found to be one of ours before.
pub(crate) fn own_origin(parts: &Parts) -> Result<OwnOrigin, Problem> {
    parts.extensions.get::<OwnOrigin>().cloned().ok_or_else(unauthenticated)
}

fn has_authorization(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION)
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
