//! Entity tags: the revision of a draft or a secret in quotes (RFC 9110, section 8.8.3), and the `If-Match` that asks for one.

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderValue, header, request::Parts};

use super::problem::{Problem, kinds};

/// The tag of a revision.
pub(crate) fn of_revision(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// The revision that a tag is of; `None` for the tag of a text.
pub(crate) fn revision_of(tag: &HeaderValue) -> Option<i64> {
    tag.to_str().ok()?.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// The tag of a text, made of its digest.
pub(crate) fn of_text(digest: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether `If-None-Match` names this tag: whoever asks has the text already. Tags compare weakly here (RFC 9110, section
/// 13.1.2), so that a proxy that compressed the answer still hits.
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes())
}

/// The revision that a request expects; `None` where it says nothing, or `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IfMatch(pub(crate) Option<i64>);

impl IfMatch {
    /// The revision, for an operation that must not be done without one.
    pub(crate) fn required(self) -> Result<i64, Problem> {
        self.0.ok_or_else(|| {
            let detail = "send the ETag of the draft that you changed as 'If-Match', so that nobody's change is lost";
            Problem::new(&kinds::PRECONDITION_REQUIRED, detail)
        })
    }

    fn parse(value: &HeaderValue) -> Result<Self, Problem> {
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let revision = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|tag| tag.parse().ok());
        match revision {
            Some(revision) => Ok(Self(Some(revision))),
            // A tag that this server never gave matches nothing, which is what the header asks for.
            None => Err(Problem::new(&kinds::STALE, "'If-Match' is one ETag that was answered, as \"3\"")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.headers.get(header::IF_MATCH).map_or(Ok(Self(None)), Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &'static str) -> Option<IfMatch> {
        IfMatch::parse(&HeaderValue::from_static(text)).ok()
    }

    #[test]
    fn a_tag_reads_back_as_its_revision() {
        assert_eq!(parsed("\"12\""), Some(IfMatch(Some(12))));
        assert_eq!(parsed("*"), Some(IfMatch(None)));
    }

    #[test]
    fn a_text_is_known_by_its_tag() {
        let known = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(text))]);
            is_known(&headers, &of_text("a1"))
        };
        assert!(known("\"a1\"") && known("W/\"a1\"") && known("\"b\", \"a1\"") && known("*"));
        assert!(!known("a1") && !known("\"b\"") && !known("") && !is_known(&HeaderMap::new(), &of_text("a1")));
    }

    #[test]
    fn a_tag_that_was_never_given_matches_nothing() {
        for text in ["12", "W/\"12\"", "\"x\"", "\"1\", \"2\"", ""] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
