//! Extension points of the host application: their names.

use std::fmt;

use crate::Invalid;

/// The name of an extension point, as `order.validate`: unique in the deployment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookPoint(String);

impl HookPoint {
    /// The most bytes of a name.
    const BYTES_MAX: usize = 100;

    /// Take `text` for a name: words of `[a-z][a-z0-9_-]*` with a '.' between them, at most 100 characters in all.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() <= Self::BYTES_MAX && text.split('.').all(is_word) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "point",
            "the name of an extension point has 1 to 100 characters: words of lower-case letters, digits, '_' and '-' \
             that begin with a letter, with a '.' between them",
        ))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_word(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(allowed)
}

impl fmt::Display for HookPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for HookPoint {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_words_with_dots_between_them() {
        for name in ["order.validate", "a", "order_line.price-2.before"] {
            assert_eq!(HookPoint::parse(name).map(|point| point.to_string()).as_deref(), Ok(name));
        }
        let long = "a".repeat(101);
        for name in
            ["", ".", "order.", ".order", "order..validate", "Order", "1order", "order/validate", "ö", "a b", &long]
        {
            assert!(HookPoint::parse(name).is_err(), "{name}");
        }
    }
}
