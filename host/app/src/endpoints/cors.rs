//! Which pages of other origins may read an endpoint's answers. The host alone says so, and never lets a browser send
//! cookies or other credentials of its own along (RULES 29).

use domain::Invalid;
use serde::{Deserialize, Serialize};
use url::{Origin, Url};

const ORIGINS_MAX: usize = 20;
const HEADERS_MAX: usize = 50;
/// A day: browsers keep an answer no longer than some hours.
const MAX_AGE_S_MAX: u32 = 24 * 60 * 60;

/// Every origin.
const ANY: &str = "*";

/// The pages of other origins that may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cors {
    /// Origins, as `https://shop.example`; or `*` alone for every one.
    pub origins: Vec<String>,
    /// Request headers that they may send beside those that every page may.
    pub headers: Vec<String>,
    /// Answer headers that they may read beside those that every page may.
    pub exposed_headers: Vec<String>,
    /// How long a browser may keep the answer to its question, in seconds.
    pub max_age_s: u32,
}

impl Cors {
    /// The value of `Access-Control-Allow-Origin` for a page of `origin`; `None` where it may not read the answer.
    pub fn allowed_origin(&self, origin: &str) -> Option<&str> {
        if self.allows_any() {
            return Some(ANY);
        }
        self.origins.iter().map(String::as_str).find(|allowed| *allowed == origin)
    }

    /// Whether every page may read the answers, so that they are the same for each.
    pub fn allows_any(&self) -> bool {
        self.origins.iter().any(|origin| origin == ANY)
    }

    /// See that it can be kept.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let refuse = |message: String| Err(Invalid::new("endpoint.cors", message));
        if self.origins.is_empty() || self.origins.len() > ORIGINS_MAX {
            return refuse(format!("name 1 to {ORIGINS_MAX} origins, or '*' for every one"));
        }
        if self.allows_any() && self.origins.len() > 1 {
            return refuse(String::from("'*' is every origin: leave the others out"));
        }
        if let Some(origin) = self.origins.iter().find(|origin| *origin != ANY && !is_origin(origin)) {
            return refuse(format!("'{}' is no origin: write it as 'https://shop.example'", origin.escape_debug()));
        }
        let headers = self.headers.iter().chain(&self.exposed_headers);
        if self.headers.len().max(self.exposed_headers.len()) > HEADERS_MAX {
            return refuse(format!("name at most {HEADERS_MAX} headers"));
        }
        if let Some(name) = headers.into_iter().find(|name| !is_header(name)) {
            return refuse(format!("'{}' is no name of a header", name.escape_debug()));
        }
        if self.max_age_s > MAX_AGE_S_MAX {
            return refuse(format!("a browser keeps the answer at most {MAX_AGE_S_MAX} s"));
        }
        Ok(())
    }
}

/// Whether `text` is an origin in the one form in which browsers send it.
fn is_origin(text: &str) -> bool {
    let origin = Url::parse(text).ok().map(|url| url.origin());
    origin.is_some_and(|origin| {
        let is_web = matches!(&origin, Origin::Tuple(scheme, ..) if scheme == "https" || scheme == "http");
        // A wildcard would be compared as it stands, and so name nobody.
        is_web && origin.ascii_serialization() == text && !text.contains('*')
    })
}

fn is_header(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(origins: &[&str]) -> Cors {
        Cors { origins: origins.iter().map(|origin| (*origin).to_owned()).collect(), ..Cors::default() }
    }

    #[test]
    fn an_origin_is_compared_whole_and_never_by_its_end() {
        let cors = of(&["https://shop.example", "http://localhost:3000"]);
        assert_eq!(cors.allowed_origin("https://shop.example"), Some("https://shop.example"));
        for other in ["http://shop.example", "https://shop.example:8443", "https://evil.shop.example", "null", "*", ""]
        {
            assert_eq!(cors.allowed_origin(other), None, "{other}");
        }
        assert_eq!(of(&["*"]).allowed_origin("https://any.example"), Some("*"));
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        assert!(of(&["https://shop.example", "http://[::1]:8080"]).check().is_ok());
        for origin in
            ["", "null", "shop.example", "https://shop.example/", "https://Shop.example", "file:///a", "https://*.a"]
        {
            assert!(of(&[origin]).check().is_err(), "{origin}");
        }
        assert!(of(&[]).check().is_err());
        assert!(of(&["*", "https://shop.example"]).check().is_err());
        let headers = |name: &str| Cors { headers: vec![name.to_owned()], ..of(&["*"]) };
        assert!(headers("X-Own").check().is_ok());
        assert!(headers("a b").check().is_err() && headers("*").check().is_err() && headers("a\r\nb").check().is_err());
        assert!(Cors { max_age_s: MAX_AGE_S_MAX + 1, ..of(&["*"]) }.check().is_err());
    }
}
