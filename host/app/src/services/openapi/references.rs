//! References within a document. Only `#/…` is one: nothing outside the pinned document is ever read (RULES 34).

use serde_json::Value;

/// How many references may lead to one another.
const HOPS_MAX: usize = 16;

/// What `value` is, or refers to.
///
/// # Errors
/// A sentence where it leads out of the document, nowhere, or round.
pub(super) fn resolved<'a>(document: &'a Value, value: &'a Value) -> Result<&'a Value, String> {
    let mut value = value;
    for _ in 0..HOPS_MAX {
        let Some(reference) = value.get("$ref") else { return Ok(value) };
        value = target(document, reference.as_str().ok_or("a $ref is a text")?)?;
    }
    Err(format!("more than {HOPS_MAX} references lead to one another"))
}

/// What a reference names.
///
/// # Errors
/// As [`resolved`].
pub(super) fn target<'a>(document: &'a Value, reference: &str) -> Result<&'a Value, String> {
    let pointer = reference.strip_prefix('#').filter(|pointer| pointer.starts_with('/')).ok_or_else(|| {
        format!("'{reference}' leads out of the document: only references that begin with '#/' are followed, so put it into this document")
    })?;
    let found = document.pointer(pointer).or_else(|| document.pointer(&percent_decoded(pointer)?));
    found.ok_or_else(|| format!("'{reference}' leads nowhere"))
}

/// A pointer in a URL's fragment may have its characters percent-encoded (RFC 6901, section 6).
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_within_the_document_are_followed_and_others_refused() {
        let document = json!({
            "a/b": { "$ref": "#/x%20y" },
            "x y": { "type": "string" },
            "round": { "$ref": "#/round" },
        });
        let resolve = |reference: &str| resolved(&document, &json!({ "$ref": reference })).cloned();
        assert_eq!(resolve("#/a~1b"), Ok(json!({ "type": "string" })));
        for reference in
            ["other.json", "https://x.example/s#/a", "#", "#a", "", "#/none", "#/round", "file:///etc/passwd"]
        {
            assert!(resolve(reference).is_err(), "{reference}");
        }
        assert!(resolved(&document, &json!({ "$ref": 7 })).is_err());
    }
}
