//! The forms of one value, and where they are in a text.

use std::ops::Range;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use domain::SecretName;
use memchr::memmem;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::sealing::hex;

/// A value in every form that is looked for.
pub(super) struct Forms {
    plain: Zeroizing<Vec<u8>>,
    /// In lower case: texts are lowered before they are searched.
    hexadecimal: Zeroizing<String>,
    base64: [Base64; 3],
    mark: Vec<u8>,
}

/// What base64 makes of a value that begins at one of the three places of a group of bytes: the characters that are the
/// same whatever stands around it.
struct Base64 {
    characters: Zeroizing<String>,
    /// Whether the character before, or behind, has bits of the value too.
    shares_before: bool,
    shares_behind: bool,
}

impl Forms {
    pub(super) fn of(name: &SecretName, value: Zeroizing<Vec<u8>>) -> Self {
        Self::marked(format!("[secret {name}]"), value)
    }

    /// Those of a value that is no secret of a tenant's.
    pub(super) fn marked(mark: String, value: Zeroizing<Vec<u8>>) -> Self {
        Self {
            hexadecimal: hex::write(&value),
            base64: [0, 1, 2].map(|offset| Base64::of(&value, offset)),
            mark: mark.into_bytes(),
            plain: value,
        }
    }

    pub(super) fn is_of(&self, value: &[u8]) -> bool {
        bool::from(self.plain.as_slice().ct_eq(value))
    }

    /// What stands in the value's place.
    pub(super) fn mark(&self) -> &[u8] {
        &self.mark
    }

    /// Where the value is in `text`, in whichever form.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = occurrences(text, &self.plain).collect();
        let lowered = Zeroizing::new(text.to_ascii_lowercase());
        found.extend(occurrences(&lowered, self.hexadecimal.as_bytes()));
        // Each copy is as large as the text: one at a time.
        drop(lowered);
        let standard = Zeroizing::new(text.iter().map(|byte| standard_character(*byte)).collect::<Vec<u8>>());
        for form in &self.base64 {
            found
                .extend(occurrences(&standard, form.characters.as_bytes()).map(|range| form.widened(&standard, range)));
        }
        found
    }
}

impl Base64 {
    fn of(value: &[u8], offset: usize) -> Self {
        let mut bytes = Zeroizing::new(vec![0; offset]);
        bytes.extend_from_slice(value);
        let encoded = Zeroizing::new(STANDARD_NO_PAD.encode(&*bytes));
        // Six bits a character: the first that has no bit of what stands before, the last that has none of what follows.
        let (from, to) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
        Self {
            characters: Zeroizing::new(encoded[from.min(to)..to].to_owned()),
            shares_before: offset > 0,
            shares_behind: !(bytes.len() * 8).is_multiple_of(6),
        }
    }

    /// The range with the characters at its ends that tell some bits of the value.
    fn widened(&self, text: &[u8], range: Range<usize>) -> Range<usize> {
        let is_one = |at: usize| text.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte));
        let before = self.shares_before && range.start > 0 && is_one(range.start - 1);
        let behind = self.shares_behind && is_one(range.end);
        range.start - usize::from(before)..range.end + usize::from(behind)
    }
}

fn occurrences<'a>(text: &'a [u8], form: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
    memmem::find_iter(text, form).map(|start| start..start + form.len())
}

/// The alphabet for addresses differs from the standard one in two characters (RFC 4648, section 5).
fn standard_character(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}
