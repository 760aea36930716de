//! The next request after a redirect, as Fetch has it.

use http::{Method, header};

use super::{EgressError, OutboundResponse, client::Prepared, policy::Destination};

/// Headers that say who asks. They stay with the origin that they were written for.
const CREDENTIALS: [header::HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];

/// Headers that describe a body.
const BODY_HEADERS: [header::HeaderName; 4] =
    [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LOCATION];

/// Where an answer sends on to; `None` where it is none that does.
pub(super) fn location(response: &OutboundResponse) -> Option<String> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    response.headers.iter().find(|header| header.name == "location").map(|header| header.value.clone())
}

/// Turn `request` into the one that the redirect asks for. It is judged like any other.
///
/// # Errors
/// [`EgressError::Denied`] for the way from `https` to `http`, [`EgressError::Unavailable`] for what is no address.
pub(super) fn follow(
    request: &mut Prepared,
    from: &Destination,
    status: u16,
    location: String,
) -> Result<(), EgressError> {
    // A header's bytes are characters here; an address is UTF-8.
    let bytes: Vec<u8> = location.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect();
    let no_address = |_| EgressError::Unavailable(String::from("the answer redirects to what is no address"));
    let to = from.url().join(&String::from_utf8_lossy(&bytes)).map_err(no_address)?;
    if from.is_https() && to.scheme() != "https" {
        return Err(EgressError::Denied);
    }
    if to.origin() != from.url().origin() {
        for name in CREDENTIALS {
            request.headers.remove(name);
        }
    }
    let becomes_get = match status {
        301 | 302 => request.method == Method::POST,
        303 => request.method != Method::GET && request.method != Method::HEAD,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body.clear();
        for name in BODY_HEADERS {
            request.headers.remove(name);
        }
    }
    request.url = to.into();
    Ok(())
}
