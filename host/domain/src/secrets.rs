//! Secrets: their names, and the places where a value may be put. Values themselves are nowhere here.

use std::{fmt, str::FromStr};

use crate::{Invalid, executions::words};

/// The most bytes of a secret's name.
const NAME_BYTES_MAX: usize = 100;
/// The most bytes of the name of a header or of a body's field.
const PLACE_BYTES_MAX: usize = 200;

/// The name of a secret, unique within its tenant. It is no secret itself: scripts, records and journals name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

impl SecretName {
    /// Take `text` for a name: 1 to 100 letters, digits, '.', '_' and '-'.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if !is_plain || text.is_empty() || text.len() > NAME_BYTES_MAX || [".", ".."].contains(&text) {
            return Err(Invalid::new(
                "name",
                format!("a secret's name has 1 to {NAME_BYTES_MAX} letters, digits, '.', '_' and '-'"),
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SecretName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

words!(
    /// The hash under an HMAC.
    HmacHash, "algorithm", {
        /// HMAC-SHA-256.
        Sha256 = "sha256",
        /// HMAC-SHA-384.
        Sha384 = "sha384",
        /// HMAC-SHA-512.
        Sha512 = "sha512",
    }
);

/// One place where a secret's value may be put. There is none in an address: addresses end up in logs (RULES 22).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretPlacement {
    /// The value of this request header; its name in lower case.
    Header(String),
    /// The value of this field at the top of a request's form or JSON object.
    Body(String),
    /// The key of an HMAC with this hash.
    Hmac(HmacHash),
}

impl SecretPlacement {
    /// Read `header NAME`, `body FIELD` or `hmac ALGORITHM`.
    ///
    /// # Errors
    /// What is wrong with it; a header that describes the request itself is refused here already.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text.split_once(' ') {
            Some(("header", name)) => header(name),
            Some(("body", name)) => body(name),
            Some(("hmac", name)) => name.parse().map(Self::Hmac).map_err(|error: Invalid| invalid(error.message)),
            _ => Err(invalid("a placement is 'header NAME', 'body FIELD' or 'hmac ALGORITHM'")),
        }
    }
}

impl fmt::Display for SecretPlacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {name}"),
            Self::Body(name) => write!(f, "body {name}"),
            Self::Hmac(hash) => write!(f, "hmac {hash}"),
        }
    }
}

impl FromStr for SecretPlacement {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

/// Headers that say where a request goes, how it is framed, or which part of what form of the answer is asked for:
/// none of them carries a credential, and a value in one could change what the request is.
const HEADERS_BANNED: [&str; 21] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "if-range",
    "keep-alive",
    "origin",
    "range",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];
const HEADER_PREFIXES_BANNED: [&str; 5] = ["access-control-", "proxy-", "sec-", "skerry-", "x-forwarded-"];

fn header(name: &str) -> Result<SecretPlacement, Invalid> {
    let name = name.to_ascii_lowercase();
    // RFC 9110, section 5.6.2: a token.
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || name.len() > PLACE_BYTES_MAX || !name.chars().all(is_token) || name.contains('*') {
        return Err(invalid("the name of a header is letters, digits and '-'; there are no wildcards"));
    }
    let is_banned =
        HEADERS_BANNED.contains(&name.as_str()) || HEADER_PREFIXES_BANNED.iter().any(|prefix| name.starts_with(prefix));
    if is_banned {
        return Err(invalid(format!("the header '{name}' describes the request and carries no secret")));
    }
    Ok(SecretPlacement::Header(name))
}

fn body(name: &str) -> Result<SecretPlacement, Invalid> {
    if name.is_empty() || name.len() > PLACE_BYTES_MAX || name.chars().any(char::is_control) || name == "*" {
        return Err(invalid(format!(
            "the name of a field has 1 to {PLACE_BYTES_MAX} bytes and no control characters; there are no wildcards"
        )));
    }
    Ok(SecretPlacement::Body(name.to_owned()))
}

fn invalid(message: impl Into<String>) -> Invalid {
    Invalid::new("placements", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_that_fits_an_address() {
        for name in ["STRIPE_KEY", "a", "db.main-2", &"x".repeat(100)] {
            assert_eq!(SecretName::parse(name).map(|name| name.to_string()), Ok(name.to_owned()));
        }
        for name in ["", ".", "..", "a b", "a/b", "a*", "ä", "a\n", &"x".repeat(101)] {
            assert!(SecretName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_placement_reads_back_as_it_is_shown() {
        for text in ["header authorization", "body client_secret", "body two words", "hmac sha256", "hmac sha512"] {
            assert_eq!(SecretPlacement::parse(text).map(|placement| placement.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(SecretPlacement::parse("header X-Api-Key"), Ok(SecretPlacement::Header(String::from("x-api-key"))));
    }

    #[test]
    fn what_is_no_place_for_a_secret_is_refused() {
        let refused = [
            "",
            "header",
            "header ",
            "header *",
            "header X-*",
            "header a b",
            "header a:b",
            "header a\r\nb",
            "body",
            "body ",
            "body *",
            "body a\nb",
            "hmac",
            "hmac md5",
            "hmac *",
            "url",
            "url path",
            "query key",
            "path 1",
            "HEADER x",
            "header Host",
            "header content-length",
            "header Transfer-Encoding",
            "header Connection",
            "header Upgrade",
            "header TE",
            "header Trailer",
            "header Proxy-Authorization",
            "header Expect",
            "header Keep-Alive",
            "header Range",
            "header Accept-Encoding",
            "header Idempotency-Key",
            "header Cookie2\t",
        ];
        for text in refused {
            assert!(SecretPlacement::parse(text).is_err(), "{text:?}");
        }
    }
}
