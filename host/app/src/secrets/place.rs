//! Placing: a secret's value goes into a request where the secret's own record says, and nowhere else (RULES 22, 25).

use runtime::{CallError, Header, HttpRequest, Secret};
use url::Url;
use zeroize::Zeroizing;

use super::{Usable, origin, scrub::Placed};
use crate::capabilities::Reach;

/// The most bytes of a handle's format.
const FORMAT_BYTES_MAX: usize = 1 << 10;
/// The most places of one request that carry a secret.
const PLACES_MAX: usize = 32;

/// The secrets of one request. Each is resolved once, when its first place comes.
pub(crate) struct Placing<'a> {
    reach: &'a Reach,
    /// The origin that the request is sent to; `None` where none can be given a secret.
    origin: Option<String>,
    used: Vec<Usable>,
    places: usize,
}

/// What a request's places are: what messages call them, and how the record names them.
enum Place<'a> {
    Header(&'a str),
    Field(&'a str),
}

impl<'a> Placing<'a> {
    /// For a request to `url`.
    pub(crate) fn new(reach: &'a Reach, url: &str) -> Self {
        let origin = Url::parse(url).ok().as_ref().and_then(origin::of_request);
        Self { reach, origin, used: Vec::new(), places: 0 }
    }

    /// The headers of `request` whose values are secrets, filled in.
    ///
    /// # Errors
    /// [`CallError::CapabilityDenied`] where the record does not allow it, [`CallError::InvalidArgument`] for a format
    /// that is none, or that would be more than one header, and for a header that is there twice.
    pub(crate) fn headers(&mut self, request: &HttpRequest) -> Result<Vec<Header>, CallError> {
        let mut placed: Vec<Header> = Vec::with_capacity(request.secret_headers.len());
        for header in &request.secret_headers {
            let name = header.name.to_ascii_lowercase();
            let is_there = |other: &Header| other.name.eq_ignore_ascii_case(&name);
            if request.headers.iter().any(is_there) || placed.iter().any(is_there) {
                let message = format!("http: the header '{name}' is a secret and there once more");
                return Err(CallError::InvalidArgument(message));
            }
            // A value that ended a header would begin another one, whose name no record has.
            if header.value.format.bytes().any(|byte| !matches!(byte, b'\t' | 0x20..=0x7e)) {
                let message = format!("http: the format of the header '{name}' has characters that no header carries");
                return Err(CallError::InvalidArgument(message));
            }
            let value = self.text(&Place::Header(&name), &header.value)?;
            placed.push(Header { name, value: value.as_str().to_owned() });
        }
        Ok(placed)
    }

    /// The text of the body's field `name`.
    ///
    /// # Errors
    /// As [`Self::headers`].
    pub(crate) fn field(&mut self, name: &str, secret: &Secret) -> Result<Zeroizing<String>, CallError> {
        self.text(&Place::Field(name), secret)
    }

    /// Close the request: what went into it is looked for in every answer of its origin from now on. Answers whether it
    /// carries a secret at all.
    ///
    /// # Errors
    /// [`CallError::HostcallLimit`] when the execution has sent too many secrets to that origin.
    pub(crate) fn finish(self) -> Result<bool, CallError> {
        let carries_secret = !self.used.is_empty();
        if let Some(origin) = self.origin.filter(|_| carries_secret) {
            self.reach.scope.placed.note(&origin, self.used)?;
        }
        Ok(carries_secret)
    }

    fn text(&mut self, place: &Place<'_>, secret: &Secret) -> Result<Zeroizing<String>, CallError> {
        self.places += 1;
        if self.places > PLACES_MAX {
            let message = format!("http: a request has at most {PLACES_MAX} places with secrets");
            return Err(CallError::HostcallLimit(message));
        }
        let (before, after) = parts(secret)?;
        let at = match self.used.iter().position(|used| used.name() == secret.name) {
            Some(at) => at,
            None => {
                self.used.push(Usable::resolve(self.reach, "http", &secret.name)?);
                self.used.len() - 1
            }
        };
        let usable = &self.used[at];
        let value = match place {
            Place::Header(name) => usable.for_header(self.origin.as_deref(), name),
            Place::Field(name) => usable.for_field(self.origin.as_deref(), name),
        }?;
        let mut text = Zeroizing::new(String::with_capacity(before.len() + value.len() + after.len()));
        [before, value, after].into_iter().for_each(|part| text.push_str(part));
        Ok(text)
    }
}

/// What stands before and after the value.
fn parts(secret: &Secret) -> Result<(&str, &str), CallError> {
    let format = secret.format.as_str();
    match format.split_once("{}") {
        Some((before, after)) if !after.contains("{}") && format.len() <= FORMAT_BYTES_MAX => Ok((before, after)),
        _ => Err(CallError::InvalidArgument(format!(
            "http: the format of the secret '{}' has exactly one \"{{}}\" and at most {FORMAT_BYTES_MAX} bytes",
            secret.name.escape_debug()
        ))),
    }
}

/// Refuse what would show a part of an answer that has to be searched whole: a request to an origin that has a secret of
/// this execution asks for no range and no encoding (RULES 24).
///
/// # Errors
/// [`CallError::InvalidArgument`] names the header.
pub(crate) fn require_whole_answer(placed: &Placed, request: &HttpRequest) -> Result<(), CallError> {
    let hides = |header: &&Header| {
        ["range", "if-range", "accept-encoding"].iter().any(|name| header.name.eq_ignore_ascii_case(name))
    };
    let Some(header) = request.headers.iter().find(hides) else { return Ok(()) };
    let origin = Url::parse(&request.url).ok().as_ref().and_then(origin::of_request);
    if request.secret_headers.is_empty() && !origin.is_some_and(|origin| placed.is_noted(&origin)) {
        return Ok(());
    }
    Err(CallError::InvalidArgument(format!(
        "http: an origin that has a secret of this execution is asked with no header '{}'",
        header.name.to_ascii_lowercase()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_has_exactly_one_place_for_the_value() {
        let of = |format: &str| {
            let secret = Secret { name: String::from("KEY"), format: format.to_owned() };
            parts(&secret).map(|(before, after)| (before.to_owned(), after.to_owned())).ok()
        };
        assert_eq!(of("{}"), Some((String::new(), String::new())));
        assert_eq!(of("Bearer {}"), Some((String::from("Bearer "), String::new())));
        assert_eq!(of("{{}}"), Some((String::from("{"), String::from("}"))));
        for format in
            ["", "Bearer", "{}{}", "{} {}", "{ }", "{", "}{", &format!("{{}}{}", "x".repeat(FORMAT_BYTES_MAX))]
        {
            assert_eq!(of(format), None, "{format}");
        }
    }
}
