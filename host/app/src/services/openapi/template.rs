//! Paths with parameters: `/invoices/{id}/lines/{line}.pdf`, filled so that what was filled in cannot be anything but a
//! part of its segment (RULES 34).

use std::fmt::Write;

/// The path of an operation, below its service's base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathTemplate {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter { before: String, name: String, after: String },
}

impl PathTemplate {
    /// Read the path of an OpenAPI document.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        let rest = path.strip_prefix('/').ok_or("a path begins with '/'")?;
        let segments: Vec<Segment> = rest.split('/').map(Segment::parse).collect::<Result<_, _>>()?;
        let is_empty = |segment: &Segment| *segment == Segment::Literal(String::new());
        if segments.iter().rev().skip(1).any(is_empty) {
            return Err(String::from("no part of a path is empty"));
        }
        Ok(Self { segments })
    }

    /// The names of its parameters, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter { name, .. } => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The path with a value in the place of each parameter, percent-encoded.
    ///
    /// # Errors
    /// A sentence for whoever wrote the value, where a segment would be empty or a step to another directory.
    pub(super) fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            match segment {
                Segment::Literal(literal) => path.push_str(literal),
                Segment::Parameter { before, name, after } => {
                    let value = value(name).ok_or_else(|| format!("the parameter '{name}' is missing"))?;
                    let whole = format!("{before}{value}{after}");
                    if value.is_empty() || whole == "." || whole == ".." {
                        return Err(format!(
                            "the parameter '{name}' stands in the path: it cannot be empty, '.' or '..'"
                        ));
                    }
                    path.push_str(before);
                    encode(&mut path, &value);
                    path.push_str(after);
                }
            }
        }
        Ok(path)
    }

    /// Whether `path` is this template with something filled in.
    pub(super) fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let segments: Vec<&str> = rest.split('/').collect();
        segments.len() == self.segments.len()
            && self.segments.iter().zip(segments).all(|(template, segment)| template.matches(segment))
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((before, rest)) = text.split_once('{') else {
            if text == "." || text == ".." {
                return Err(String::from("no part of a path is '.' or '..'"));
            }
            return Ok(Self::Literal(literal(text)?));
        };
        let (name, after) = rest.split_once('}').ok_or_else(|| format!("'{text}' has a '{{' without its '}}'"))?;
        if name.is_empty() || after.contains('{') {
            return Err(format!("'{text}' has more than one parameter, or one without a name: one for each segment"));
        }
        Ok(Self::Parameter { before: literal(before)?, name: name.to_owned(), after: literal(after)? })
    }

    fn matches(&self, segment: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == segment,
            Self::Parameter { before, after, .. } => {
                segment.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(after.as_str())).is_some_and(
                    |value| !value.is_empty() && value.bytes().all(|byte| is_unreserved(byte) || byte == b'%'),
                )
            }
        }
    }
}

/// What stands in a template as it is: it has to be the same before and after a URL parser has seen it.
fn literal(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| is_unreserved(byte) || b"!$&()*+,;=:@".contains(&byte);
    if !text.bytes().all(is_plain) {
        return Err(format!("'{text}' is no plain part of a path"));
    }
    Ok(text.to_owned())
}

/// RFC 3986, section 2.3: what means itself everywhere in a URL.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Append `value` with everything percent-encoded that could mean something in a URL.
pub(super) fn encode(into: &mut String, value: &str) {
    for byte in value.bytes() {
        if is_unreserved(byte) {
            into.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, value: &str) -> Result<String, String> {
        PathTemplate::parse(template).expect("a template").fill(|_| Some(value.to_owned()))
    }

    #[test]
    fn a_value_stays_within_its_segment_whatever_it_is() {
        let cases = [
            ("7", "/invoices/7/lines"),
            ("a/b", "/invoices/a%2Fb/lines"),
            ("../../admin", "/invoices/..%2F..%2Fadmin/lines"),
            ("%2e%2e", "/invoices/%252e%252e/lines"),
            ("a?x=1#y", "/invoices/a%3Fx%3D1%23y/lines"),
            ("a\\b;c@d:e", "/invoices/a%5Cb%3Bc%40d%3Ae/lines"),
            ("\r\nHost: x\0", "/invoices/%0D%0AHost%3A%20x%00/lines"),
            ("ä€", "/invoices/%C3%A4%E2%82%AC/lines"),
            ("...", "/invoices/.../lines"),
        ];
        for (value, path) in cases {
            let template = PathTemplate::parse("/invoices/{id}/lines").expect("a template");
            assert_eq!(filled("/invoices/{id}/lines", value).as_deref(), Ok(path), "{value:?}");
            assert!(template.matches(path), "{path}");
        }
    }

    #[test]
    fn a_step_to_another_directory_and_an_empty_segment_are_refused() {
        for value in ["", ".", ".."] {
            assert!(filled("/invoices/{id}", value).is_err(), "{value:?}");
            assert!(filled("/{id}/lines", value).is_err(), "{value:?}");
        }
        assert!(filled("/files/.{id}", ".").is_err());
        assert_eq!(filled("/files/{id}.pdf", ".").as_deref(), Ok("/files/..pdf"));
    }

    #[test]
    fn another_path_does_not_match() {
        let template = PathTemplate::parse("/invoices/{id}.pdf").expect("a template");
        for path in
            ["/invoices/7", "/invoices/.pdf", "/invoices/a/b.pdf", "/x/7.pdf", "invoices/7.pdf", "/invoices/a@.pdf"]
        {
            assert!(!template.matches(path), "{path}");
        }
        assert!(PathTemplate::parse("/").expect("the base itself").matches("/"));
        assert!(PathTemplate::parse("/a/").expect("a directory").matches("/a/"));
    }

    #[test]
    fn a_path_that_a_parser_would_change_is_no_template() {
        for path in
            ["a", "/a//b", "/../a", "/a/./b", "/a b", "/a?b", "/a#b", "/a%2fb", "/{a", "/{}", "/{a}{b}", "/a\\b", "/ä"]
        {
            assert!(PathTemplate::parse(path).is_err(), "{path}");
        }
    }
}
