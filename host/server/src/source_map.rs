//! Source maps as bundlers write them (ECMA-426), inside of a source: from the lines that ran to the author's.
//!
//! Only what leads from a stack to a line is read: no names, no sources' contents, no sections. A map is what somebody wrote;
//! one that makes no sense is none.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

/// What stands before a map inside of a source.
pub(crate) const MARK: &str = "//# sourceMappingURL=data:application/json;base64,";

/// The most lines and columns that are taken seriously.
const POSITION_MAX: i64 = 100_000_000;

/// A map from the positions of a bundle to those of its sources.
#[derive(Debug)]
pub(crate) struct SourceMap {
    sources: Vec<String>,
    /// By line of the bundle, from 0: where each stretch begins, in order of columns.
    lines: Vec<Vec<Segment>>,
}

/// A stretch of a line. Every number is from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    column: i64,
    source: usize,
    source_line: i64,
    source_column: i64,
}

/// Where an author wrote something. Line and column are from 1, as stacks have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) source: String,
    pub(crate) line: u64,
    pub(crate) column: u64,
}

#[derive(Deserialize)]
struct Written {
    version: u32,
    sources: Vec<Option<String>>,
    mappings: String,
}

impl SourceMap {
    /// The map at the end of `source`.
    pub(crate) fn inside(source: &str) -> Option<Self> {
        let at = source.rfind(MARK)?;
        let encoded = source[at + MARK.len()..].lines().next()?.trim();
        Self::parse(&STANDARD.decode(encoded).ok()?)
    }

    /// A map from its JSON.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(json).ok()?;
        if written.version != 3 {
            return None;
        }
        let sources: Vec<String> = written.sources.into_iter().map(Option::unwrap_or_default).collect();
        let lines = decode(&written.mappings, sources.len())?;
        Some(Self { sources, lines })
    }

    /// The author's place of a line and a column of the bundle, both from 1.
    pub(crate) fn place(&self, line: u64, column: u64) -> Option<Place> {
        let segments = self.lines.get(usize::try_from(line.checked_sub(1)?).ok()?)?;
        let column = i64::try_from(column.checked_sub(1)?).ok()?;
        let after = segments.partition_point(|segment| segment.column <= column);
        let segment = segments.get(after.checked_sub(1)?)?;
        Some(Place {
            source: self.sources.get(segment.source)?.clone(),
            line: u64::try_from(segment.source_line).ok()? + 1,
            column: u64::try_from(segment.source_column).ok()? + 1,
        })
    }

    /// A stack with the author's places in its frames.
    pub(crate) fn stack(&self, stack: &str) -> String {
        rewritten(stack, |line, column| self.place(line, column).map_or(Frame::Same, Frame::At))
    }
}

/// What becomes of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// It stays as it is.
    Same,
    /// It is left out.
    Gone,
    /// It stands there.
    At(Place),
}

/// A stack whose frames, by line and column, become what `of` says.
pub(crate) fn rewritten(stack: &str, of: impl Fn(u64, u64) -> Frame) -> String {
    stack.lines().filter_map(|frame| Some(frame_with(frame, &of)? + "\n")).collect()
}

/// A frame: `    at name (file:line:column)`, or without a name and brackets. One that names no place stays as it is.
fn frame_with(frame: &str, of: &impl Fn(u64, u64) -> Frame) -> Option<String> {
    let Some((before, line, column, closing)) = taken_apart(frame) else { return Some(frame.to_owned()) };
    match of(line, column) {
        Frame::Same => Some(frame.to_owned()),
        Frame::Gone => None,
        Frame::At(Place { source, line, column }) => Some(format!("{before}{source}:{line}:{column}{closing}")),
    }
}

fn taken_apart(frame: &str) -> Option<(&str, u64, u64, &str)> {
    let (before, rest) = match frame.rfind('(') {
        Some(open) => frame.split_at(open + 1),
        None => frame.split_at(frame.rfind("at ")? + "at ".len()),
    };
    let (place, closing) = rest.strip_suffix(')').map_or((rest, ""), |place| (place, ")"));
    let mut parts = place.rsplitn(3, ':');
    let (column, line) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next()?;
    Some((before, line, column, closing))
}

/// The segments of each line of `mappings`.
fn decode(mappings: &str, sources: usize) -> Option<Vec<Vec<Segment>>> {
    let (mut source, mut source_line, mut source_column) = (0, 0, 0);
    let mut lines = Vec::new();
    for line in mappings.split(';') {
        let mut column = 0;
        let mut segments = Vec::new();
        for field in line.split(',').filter(|field| !field.is_empty()) {
            let numbers = numbers(field)?;
            column = moved(column, *numbers.first()?)?;
            let [_, by_source, by_line, by_column, ..] = numbers[..] else { continue };
            source = moved(source, by_source)?;
            source_line = moved(source_line, by_line)?;
            source_column = moved(source_column, by_column)?;
            let index = usize::try_from(source).ok().filter(|index| *index < sources)?;
            segments.push(Segment { column, source: index, source_line, source_column });
        }
        segments.sort_by_key(|segment| segment.column);
        lines.push(segments);
    }
    Some(lines)
}

fn moved(from: i64, by: i64) -> Option<i64> {
    from.checked_add(by).filter(|to| (0..=POSITION_MAX).contains(to))
}

/// The numbers of a field in base64 VLQ: five bits a digit, the least first, the sign in the lowest bit of all.
fn numbers(field: &str) -> Option<Vec<i64>> {
    let (mut found, mut value, mut shift) = (Vec::new(), 0_i64, 0_u32);
    for byte in field.bytes() {
        let digit = i64::from(digit(byte)?);
        value |= (digit & 31).checked_shl(shift).filter(|_| shift < 40)?;
        shift += 5;
        if digit & 32 == 0 {
            found.push(if value & 1 == 1 { -(value >> 1) } else { value >> 1 });
            (value, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(found)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What esbuild writes for two files: the second line of the bundle is the first of `b.ts`, from column 4 its column 7.
    fn map() -> SourceMap {
        let json = r#"{"version":3,"sources":["a.ts","b.ts"],"mappings":"AAAA;ACAA,IAAO;;AACP","names":[]}"#;
        SourceMap::parse(json.as_bytes()).expect("a map")
    }

    #[test]
    fn a_position_leads_to_the_authors_line() {
        let place =
            |line, column| map().place(line, column).map(|it| format!("{}:{}:{}", it.source, it.line, it.column));
        assert_eq!(place(1, 1).as_deref(), Some("a.ts:1:1"));
        assert_eq!(place(1, 9).as_deref(), Some("a.ts:1:1"));
        assert_eq!(place(2, 4).as_deref(), Some("b.ts:1:1"));
        assert_eq!(place(2, 5).as_deref(), Some("b.ts:1:8"));
        assert_eq!(place(4, 1).as_deref(), Some("b.ts:2:1"));
        for (line, column) in [(0, 1), (1, 0), (3, 1), (9, 1)] {
            assert_eq!(place(line, column), None, "{line}:{column}");
        }
    }

    #[test]
    fn a_stack_is_rewritten_frame_by_frame() {
        let stack = "    at total (orders:2:6)\n    at orders:1:3\n    at native\n";
        assert_eq!(map().stack(stack), "    at total (b.ts:1:8)\n    at a.ts:1:1\n    at native\n");
    }

    #[test]
    fn what_makes_no_sense_is_no_map() {
        for mappings in ["!", "A!", "ACAA", "ADAA", "AAAD", "gggggggggggggggggggB", "g"] {
            let json = format!(r#"{{"version":3,"sources":["a"],"mappings":"{mappings}"}}"#);
            assert!(SourceMap::parse(json.as_bytes()).is_none(), "{mappings}");
        }
        assert!(SourceMap::parse(br#"{"version":2,"sources":[],"mappings":""}"#).is_none());
        assert!(SourceMap::inside("//# sourceMappingURL=data:application/json;base64,???").is_none());
        assert!(SourceMap::inside("export default 1").is_none());
    }
}
