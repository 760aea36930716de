//! The raw path of a request to an endpoint. It is judged once, as it came, so that nobody behind this reads it in
//! another way.

use domain::{ExecutionId, routes::HOST_SEGMENT};

use crate::web::problem::{Problem, kinds};

/// The most bytes of a path.
const PATH_BYTES_MAX: usize = 2048;

/// A path taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The first segment: a tenant's slug, if it is one.
    pub(super) tenant: &'a str,
    /// The rest from its `/`, still percent-encoded.
    pub(super) path: &'a str,
}

impl Place<'_> {
    /// The execution whose end is asked for, where the path is one of the host's own. No script answers below those;
    /// what names none is an execution that nobody has.
    pub(super) fn accepted(&self) -> Option<Option<ExecutionId>> {
        let own = self.path.strip_prefix('/')?.strip_prefix(HOST_SEGMENT)?;
        if !own.is_empty() && !own.starts_with('/') {
            return None;
        }
        Some(own.strip_prefix("/executions/").and_then(|id| id.parse().ok()))
    }
}

/// Take `raw` apart.
///
/// # Errors
/// 400 for a path that could be read in two ways, or that is too long.
pub(super) fn split(raw: &str) -> Result<Place<'_>, Problem> {
    if let Some(reason) = ambiguity(raw) {
        return Err(Problem::new(&kinds::MALFORMED_REQUEST, format!("the path {reason}")));
    }
    let rest = raw.strip_prefix('/').unwrap_or(raw);
    let tenant_ends = rest.find('/').unwrap_or(rest.len());
    let (tenant, path) = rest.split_at(tenant_ends);
    Ok(Place { tenant, path: if path.is_empty() { "/" } else { path } })
}

/// Why a path could be read in two ways, if it could.
fn ambiguity(raw: &str) -> Option<&'static str> {
    if raw.len() > PATH_BYTES_MAX {
        return Some("is longer than 2 048 bytes");
    }
    if !raw.starts_with('/') || !raw.is_ascii() || raw.contains('\\') {
        return Some("has characters that must be percent-encoded");
    }
    if !escapes_are_whole(raw) {
        return Some("has a '%' without two hexadecimal digits");
    }
    let lower = raw.to_ascii_lowercase();
    if ["%00", "%2f", "%5c"].iter().any(|escape| lower.contains(escape)) {
        return Some("hides a slash, a backslash or a zero byte behind a '%'");
    }
    if str::from_utf8(&unescaped(raw)).is_err() {
        return Some("hides bytes behind a '%' that are no UTF-8");
    }
    if raw.contains("//") {
        return Some("has an empty segment");
    }
    let is_dots = |segment: &str| matches!(segment.replace("%2e", ".").as_str(), "." | "..");
    lower.split('/').any(is_dots).then_some("has a segment '.' or '..'")
}

/// The bytes that whole escapes stand for.
fn unescaped(raw: &str) -> Vec<u8> {
    let mut pieces = raw.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        bytes.extend(u8::from_str_radix(digits, 16));
        bytes.extend(rest.as_bytes());
    }
    bytes
}

fn escapes_are_whole(raw: &str) -> bool {
    let mut after = raw.split('%').skip(1);
    after.all(|rest| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_segment_is_the_tenant() {
        let place = |raw| split(raw).ok().map(|place| (place.tenant, place.path));
        assert_eq!(place("/acme/orders/7"), Some(("acme", "/orders/7")));
        assert_eq!(place("/acme"), Some(("acme", "/")));
        assert_eq!(place("/acme/"), Some(("acme", "/")));
        assert_eq!(place("/"), Some(("", "/")));
    }

    #[test]
    fn what_is_below_the_hosts_segment_is_no_scripts() {
        let id = ExecutionId::generate();
        let asked = |raw: &str| split(raw).ok().map(|place| place.accepted());
        assert_eq!(asked(&format!("/acme/-/executions/{id}")), Some(Some(Some(id))));
        for raw in ["/acme/-", "/acme/-/", "/acme/-/executions", "/acme/-/executions/7", "/acme/-/other"] {
            assert_eq!(asked(raw), Some(Some(None)), "{raw}");
        }
        for raw in ["/acme", "/acme/", "/acme/-a", "/acme/a/-/executions/7"] {
            assert_eq!(asked(raw), Some(None), "{raw}");
        }
    }

    #[test]
    fn a_path_that_could_be_read_in_two_ways_is_refused() {
        for raw in [
            "/acme/%2Fa",
            "/acme/a%00",
            "/acme/%5c",
            "/acme//a",
            "//acme",
            "/acme/../b",
            "/acme/./b",
            "/acme/%2e%2E/b",
            "/acme/.%2e",
            "/acme/%zz",
            "/acme/%2",
            "/acme/%c0%af",
            "/acme/%e0%80%af",
            "/acme/%ff",
            "/acme/%ed%a0%80",
            "/acme/%C3",
            "/acme/%2F..%2f",
            "/acme/ä",
            "acme",
            "/acme/a\\b",
        ] {
            assert!(split(raw).is_err(), "{raw}");
        }
        assert!(split(&format!("/acme/{}", "a".repeat(3000))).is_err());
        assert!(split("/acme/a.b/.hidden/...%20%C3%A4").is_ok());
    }
}
