//! Whether a request that carries a cookie comes from a page of this server, and not from one elsewhere that uses the
//! visitor's cookie (cross-site request forgery).
//!
//! Browsers say it in `Sec-Fetch-Site`, and before that in `Origin`. Neither can be written by a page.

use http::{HeaderMap, HeaderName, Method, header, request::Parts};

use super::{
    hosts::OwnOrigin,
    problem::{Problem, kinds},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Forms that a page elsewhere can send without asking.
const FORMS: [&str; 3] = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/// Where a request comes from, as its browser says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    /// A page of this server, or the visitor.
    Own,
    /// Somewhere else.
    Other,
    /// No browser says.
    Unsaid,
}

/// Refuse a request with a cookie that is not of a page of this server. One that changes nothing may be of nobody who
/// says so.
///
/// # Errors
/// 403 `cross_site`.
pub(crate) fn require_own_page(parts: &Parts, origin: &OwnOrigin) -> Result<(), Problem> {
    let is_safe = parts.method == Method::GET || parts.method == Method::HEAD;
    match site(&parts.headers, origin) {
        Site::Own if is_safe || !is_form(&parts.headers) => Ok(()),
        Site::Unsaid if is_safe => Ok(()),
        Site::Own | Site::Other | Site::Unsaid => Err(refused()),
    }
}

/// Refuse what a browser says to come from elsewhere, for what needs no cookie: signing somebody in to an account that is
/// not theirs.
///
/// # Errors
/// 403 `cross_site`.
pub(crate) fn refuse_other_pages(parts: &Parts, origin: &OwnOrigin) -> Result<(), Problem> {
    if site(&parts.headers, origin) == Site::Other { Err(refused()) } else { Ok(()) }
}

fn site(headers: &HeaderMap, origin: &OwnOrigin) -> Site {
    if let Some(fetched) = headers.get(SEC_FETCH_SITE) {
        let is_only = headers.get_all(SEC_FETCH_SITE).iter().count() == 1;
        let is_own = is_only && (fetched == "same-origin" || fetched == "none");
        return if is_own { Site::Own } else { Site::Other };
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Site::Unsaid,
        (Some(named), None) if named.to_str().is_ok_and(|named| origin.is(named)) => Site::Own,
        (Some(_), _) => Site::Other,
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_TYPE).iter().any(|value| {
        let text = value.to_str().unwrap_or_default();
        let media = text.split(';').next().unwrap_or_default().trim();
        FORMS.iter().any(|form| form.eq_ignore_ascii_case(media))
    })
}

fn refused() -> Problem {
    let detail = "with a session, only pages of this server may ask: their browser says so in 'Sec-Fetch-Site' or 'Origin', \
                  and their body is JSON; programs use an API token";
    Problem::new(&kinds::CROSS_SITE, detail)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use http::Request;

    use super::*;

    const OWN: &str = "https://skerry.example";

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn passes(method: &str, headers: &[(&str, &str)]) -> bool {
        require_own_page(&parts(method, headers), &OwnOrigin::of_test(OWN)).is_ok()
    }

    #[test]
    fn what_changes_something_comes_from_a_page_of_this_server() {
        for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE"] {
            assert!(passes(method, &[("sec-fetch-site", "same-origin")]), "{method}");
            assert!(passes(method, &[("sec-fetch-site", "none")]), "{method}");
            assert!(passes(method, &[("origin", OWN)]), "{method}");
            for site in ["cross-site", "same-site", "", "SAME-ORIGIN"] {
                assert!(!passes(method, &[("sec-fetch-site", site)]), "{method} {site}");
                assert!(!passes(method, &[("sec-fetch-site", site), ("origin", OWN)]), "{method} {site}");
            }
            for origin in ["null", "https://skerry.example:444", "http://skerry.example", "https://a.skerry.example"] {
                assert!(!passes(method, &[("origin", origin)]), "{method} {origin}");
            }
            assert!(!passes(method, &[]), "{method}");
            assert!(!passes(method, &[("origin", OWN), ("origin", "https://evil.example")]), "{method}");
        }
    }

    #[test]
    fn what_changes_nothing_may_be_of_no_page_and_not_of_another() {
        assert!(passes("GET", &[]) && passes("HEAD", &[]));
        assert!(!passes("GET", &[("sec-fetch-site", "cross-site")]) && !passes("GET", &[("origin", "null")]));
    }

    #[test]
    fn a_form_is_refused_whoever_sends_it() {
        for form in
            ["text/plain", "application/x-www-form-urlencoded; charset=utf-8", "Multipart/Form-Data; boundary=a"]
        {
            assert!(!passes("POST", &[("sec-fetch-site", "same-origin"), ("content-type", form)]), "{form}");
        }
        assert!(passes("POST", &[("sec-fetch-site", "same-origin"), ("content-type", "application/json")]));
    }

    #[test]
    fn signing_in_is_refused_to_other_pages_alone() {
        let passes =
            |headers: &[(&str, &str)]| refuse_other_pages(&parts("POST", headers), &OwnOrigin::of_test(OWN)).is_ok();
        assert!(passes(&[]) && passes(&[("origin", OWN)]) && passes(&[("sec-fetch-site", "same-origin")]));
        assert!(!passes(&[("origin", "https://evil.example")]) && !passes(&[("sec-fetch-site", "cross-site")]));
    }
}
