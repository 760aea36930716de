//! Origins: scheme, host and port, in the one way to write them that a comparison of texts is right about.

use domain::Invalid;
use url::{Host, Url};

/// The most bytes of an origin: a host name has at most 253.
const ORIGIN_BYTES_MAX: usize = 270;

/// Read an origin that a secret's value may be sent to: `https://` with one exact host, and a port where it is not 443.
/// Answers it as the URL standard serialises it, so that equal origins are equal texts.
///
/// # Errors
/// What is wrong with it and what is allowed.
pub(super) fn parse(text: &str) -> Result<String, Invalid> {
    let refuse = |why: &str| {
        let shown: String = text.chars().take(100).collect();
        Invalid::new("origins", format!("'{}' is no origin for a secret: {why}", shown.escape_debug()))
    };
    if text.len() > ORIGIN_BYTES_MAX || text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(refuse("it is 'https://', a host and perhaps a port"));
    }
    if text.contains('*') {
        return Err(refuse("there are no wildcards: name each host"));
    }
    let url = Url::parse(text).map_err(|_| refuse("it is 'https://', a host and perhaps a port"))?;
    if url.scheme() != "https" {
        return Err(refuse("a secret is sent over https only"));
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return Err(refuse("leave the user information out"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("leave path, query and fragment out: an origin is a whole host"));
    }
    match url.host() {
        Some(Host::Domain(name)) if name.ends_with('.') => Err(refuse("leave the dot at the end out")),
        Some(_) => Ok(serialise(&url)),
        None => Err(refuse("it names no host")),
    }
}

/// The origin of a request's address, where it is one that a secret may be sent to at all.
pub(crate) fn of_request(url: &Url) -> Option<String> {
    let is_plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    (is_plain && url.has_host()).then(|| serialise(url))
}

/// `https://host`, with the port where it is not the scheme's own.
fn serialise(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn an_origin_has_one_form() {
        let same = [
            "https://api.example.com",
            "https://api.example.com/",
            "https://api.example.com:443",
            "HTTPS://API.example.COM",
            "https://api%2Eexample.com",
            "https://api。example.com",
        ];
        for text in same {
            assert_eq!(parse(text).as_deref(), Ok("https://api.example.com"), "{text}");
        }
        assert_eq!(parse("https://example.com:8443/").as_deref(), Ok("https://example.com:8443"));
        assert_eq!(parse("https://bücher.example").as_deref(), Ok("https://xn--bcher-kva.example"));
        assert_eq!(parse("https://[2001:DB8::1]").as_deref(), Ok("https://[2001:db8::1]"));
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused() {
        let refused = [
            "",
            "example.com",
            "//example.com",
            "http://example.com",
            "https://",
            "https:///",
            "ftp://example.com",
            "https://*.example.com",
            "https://*",
            "*",
            "https://example.com/path",
            "https://example.com?x",
            "https://example.com/#x",
            "https://user@example.com",
            "https://user:pw@example.com",
            "https://@example.com",
            "https://example.com.",
            "https://example.com:99999",
            "https://exa mple.com",
            " https://example.com",
            "https://example.com\n",
            "https://example.com\\@evil.example",
            "https://example.com:0x1",
            "data:text/plain,x",
            "null",
        ];
        for text in refused {
            assert!(parse(text).is_err(), "{text:?}: {:?}", parse(text));
        }
    }

    #[test]
    fn a_request_has_the_origin_that_it_is_sent_to_and_no_other() {
        let of = |text: &str| of_request(&Url::parse(text).unwrap());
        let home = parse("https://api.example.com").unwrap();
        for same in ["https://api.example.com/a?b#c", "https://API.EXAMPLE.COM:443/", "https:/\\api.example.com/x"] {
            assert_eq!(of(same).as_ref(), Some(&home), "{same}");
        }
        let other = [
            "http://api.example.com/",
            "https://api.example.com:8443/",
            "https://www.api.example.com/",
            "https://example.com/",
            "https://api.example.com./",
            "https://api.example.com.evil.example/",
            "https://evil.example/?https://api.example.com",
            "https://evil.example#@api.example.com/",
            "https://\u{430}pi.example.com/",
            "https://api.examp1e.com/",
            "https://user@api.example.com/",
            "https://api.example.com@evil.example/",
            "https://:pw@api.example.com/",
            "file:///api.example.com",
        ];
        for text in other {
            assert_ne!(of(text).as_ref(), Some(&home), "{text}");
        }
    }
}
