//! Cookies: the session's, and nothing that a script could read or send.
//!
//! By TLS a cookie has the prefix `__Host-`: it is this host's alone and never leaves by plain HTTP. On this machine's own
//! names without TLS, browsers differ in whether they take `Secure` cookies and none takes the prefix; the cookie there
//! has neither, and counts only there.

use http::{HeaderMap, HeaderValue, header};

use super::hosts::OwnOrigin;

/// The session's cookie, by TLS.
pub(crate) const SESSION: &str = "__Host-skerry";

/// The cookie by which a browser is known again that went to an identity provider.
pub(crate) const SIGNING_IN: &str = "__Host-skerry-sign-in";

/// The prefix that only origins with TLS can use.
const PREFIX: &str = "__Host-";

/// The value of the cookie `name`. Two of them are none: somebody else may have put one there.
pub(crate) fn read<'a>(headers: &'a HeaderMap, name: &str, origin: &OwnOrigin) -> Option<&'a str> {
    let name = named(name, origin);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .filter(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim());
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// The header that sets a cookie for `seconds`.
pub(crate) fn set(name: &str, value: &str, seconds: u64, origin: &OwnOrigin) -> Option<HeaderValue> {
    let (name, secure) = (named(name, origin), if origin.is_secure() { "; Secure" } else { "" });
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The header that removes a cookie.
pub(crate) fn clear(name: &str, origin: &OwnOrigin) -> Option<HeaderValue> {
    set(name, "", 0, origin)
}

fn named<'a>(name: &'a str, origin: &OwnOrigin) -> &'a str {
    if origin.is_secure() { name } else { name.strip_prefix(PREFIX).unwrap_or(name) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn by_tls_the_cookie_is_for_this_host_alone() {
        let origin = OwnOrigin::of_test("https://skerry.example");
        let value = set(SESSION, "ss_1_2", 60, &origin).unwrap();
        assert_eq!(value, "__Host-skerry=ss_1_2; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        assert!(value.is_sensitive());
        assert_eq!(read(&headers(&["a=b; __Host-skerry=ss_1_2"]), SESSION, &origin), Some("ss_1_2"));
        assert_eq!(read(&headers(&["skerry=ss_1_2"]), SESSION, &origin), None, "set by whoever speaks plain HTTP");
    }

    #[test]
    fn on_this_machine_without_tls_it_has_no_prefix() {
        let origin = OwnOrigin::of_test("http://localhost:8080");
        let value = set(SESSION, "ss_1_2", 60, &origin).unwrap();
        assert_eq!(value, "skerry=ss_1_2; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        assert_eq!(read(&headers(&["skerry=ss_1_2"]), SESSION, &origin), Some("ss_1_2"));
        assert!(clear(SESSION, &origin).unwrap().to_str().unwrap().contains("Max-Age=0"));
    }

    #[test]
    fn two_cookies_of_one_name_are_none() {
        let origin = OwnOrigin::of_test("http://localhost:8080");
        assert_eq!(read(&headers(&["skerry=a; skerry=b"]), SESSION, &origin), None);
        assert_eq!(read(&headers(&["skerry=a", "skerry=b"]), SESSION, &origin), None);
        assert_eq!(read(&HeaderMap::new(), SESSION, &origin), None);
    }
}
