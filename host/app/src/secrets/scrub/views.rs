//! A text with its escapes undone, so that a value is found however its characters are written, and where that is in the
//! text itself.

use std::ops::{Deref, Range};

use zeroize::Zeroizing;

/// A text as a reader of one kind of escapes sees it.
pub(super) struct View<'a> {
    pub(super) text: Text<'a>,
    /// Where in the text itself each byte begins, and where it ends; `None` where nothing is moved.
    starts: Option<Vec<u32>>,
}

/// The bytes of a view. What is unescaped here may stand nowhere else, and is wiped.
pub(super) enum Text<'a> {
    Given(&'a [u8]),
    Unescaped(Zeroizing<Vec<u8>>),
}

impl Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Given(bytes) => bytes,
            Self::Unescaped(bytes) => bytes,
        }
    }
}

/// What one escape stands for.
struct Unit {
    bytes: [u8; 4],
    length: usize,
    consumed: usize,
}

/// One kind of escapes: the byte that begins one, and what the text from there on begins with.
struct Escapes {
    begin: u8,
    read: fn(&[u8]) -> Option<Unit>,
}

/// Each way to read a text: an address, a form, JSON, HTML.
const READINGS: [&[Escapes]; 4] = [
    &[Escapes { begin: b'%', read: percent }],
    &[Escapes { begin: b'+', read: plus }, Escapes { begin: b'%', read: percent }],
    &[Escapes { begin: b'\\', read: json }],
    &[Escapes { begin: b'&', read: html }],
];

impl<'a> View<'a> {
    /// Show `look` each way to read `text`. Two levels deep where servers nest them: a request's JSON, address or form as
    /// a text within the answer's JSON, an address within an address. A view is five times its text, so no more of them
    /// are there at once than the one that is looked at and the one that it was made of.
    pub(super) fn each(text: &'a [u8], mut look: impl FnMut(&Self)) {
        let itself = View { text: Text::Given(text), starts: None };
        look(&itself);
        for escapes in READINGS {
            let Some(first) = itself.without(escapes) else { continue };
            look(&first);
            for escapes in READINGS {
                if let Some(second) = first.without(escapes) {
                    look(&second);
                }
            }
        }
    }

    /// Where in the text itself a range of this view is.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        self.start(range.start) as usize..self.start(range.end) as usize
    }

    /// This view with these escapes undone; `None` where there are none.
    fn without(&self, escapes: &[Escapes]) -> Option<Self> {
        memchr::memchr(escapes.first()?.begin, &self.text)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.text.len()));
        let mut starts = Vec::with_capacity(self.text.len() + 1);
        let (mut at, mut is_other) = (0, false);
        while let Some(&byte) = self.text.get(at) {
            let escape =
                escapes.iter().filter(|kind| kind.begin == byte).find_map(|kind| (kind.read)(&self.text[at..]));
            is_other |= escape.is_some();
            let unit = escape.unwrap_or(Unit { bytes: [byte, 0, 0, 0], length: 1, consumed: 1 });
            bytes.extend_from_slice(&unit.bytes[..unit.length]);
            starts.extend(std::iter::repeat_n(self.start(at), unit.length));
            at += unit.consumed;
        }
        starts.push(self.start(at));
        is_other.then(|| View { text: Text::Unescaped(bytes), starts: Some(starts) })
    }

    /// Where in the text itself a byte of this view begins.
    fn start(&self, at: usize) -> u32 {
        self.starts.as_ref().map_or_else(|| u32::try_from(at).unwrap_or(u32::MAX), |starts| starts[at])
    }
}

/// `%41`.
fn percent(text: &[u8]) -> Option<Unit> {
    byte(hexadecimal(text.get(1..3)?)?, 3)
}

/// A space, as forms write it.
fn plus(_text: &[u8]) -> Option<Unit> {
    byte(u32::from(b' '), 1)
}

/// `\n`, `\/`, `\u0041`, a pair of surrogates, and JavaScript's `\x41`.
fn json(text: &[u8]) -> Option<Unit> {
    let simple = |value: u8| byte(u32::from(value), 2);
    match text.get(1)? {
        same @ (b'"' | b'\\' | b'/' | b'\'') => simple(*same),
        b'b' => simple(0x08),
        b'f' => simple(0x0c),
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'x' => character(hexadecimal(text.get(2..4)?)?, 4),
        b'u' => {
            let first = hexadecimal(text.get(2..6)?)?;
            if !(0xd800..0xdc00).contains(&first) {
                return character(first, 6);
            }
            let second = hexadecimal(text.get(6..12)?.strip_prefix(b"\\u")?)?;
            let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            character(0x1_0000 + ((first - 0xd800) << 10) + low, 12)
        }
        _ => None,
    }
}

/// The entities that every escaper of HTML writes, and numbers.
fn html(text: &[u8]) -> Option<Unit> {
    let end = text.iter().take(12).position(|byte| *byte == b';')?;
    let code = match &text[1..end] {
        b"amp" => u32::from(b'&'),
        b"lt" => u32::from(b'<'),
        b"gt" => u32::from(b'>'),
        b"quot" => u32::from(b'"'),
        b"apos" => u32::from(b'\''),
        [b'#', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
        [b'#', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok()?,
        _ => return None,
    };
    character(code, end + 1)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let is_hexadecimal = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().filter(|_| is_hexadecimal)
}

fn byte(value: u32, consumed: usize) -> Option<Unit> {
    Some(Unit { bytes: [u8::try_from(value).ok()?, 0, 0, 0], length: 1, consumed })
}

fn character(code: u32, consumed: usize) -> Option<Unit> {
    let mut bytes = [0; 4];
    let length = char::from_u32(code)?.encode_utf8(&mut bytes).len();
    Some(Unit { bytes, length, consumed })
}
