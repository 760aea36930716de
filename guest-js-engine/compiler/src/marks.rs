//! The places that the engine can show.
//!
//! QuickJS counts lines as JavaScript does, and columns in bytes. Only names move its column on, and white space and
//! comments: in `f(1)` the number has the column of `f`. On the first line it counts from 0, though never less than 1.

use oxc::span::Span;

/// A place as the engine shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// From 1.
    pub(crate) line: u32,
    /// In bytes, from 1.
    pub(crate) column: u32,
}

/// Where tokens of a text are shown.
pub(crate) struct Marks {
    /// The byte at which each line starts.
    lines: Vec<u32>,
    /// The bytes at which a column is noted, in order.
    columns: Vec<u32>,
}

impl Marks {
    /// Read a text. In the `literals`, comments among them, white space is none.
    pub(crate) fn of(text: &str, mut literals: Vec<Span>) -> Self {
        literals.sort_by_key(|span| span.start);
        let mut literals = literals.into_iter().peekable();
        let mut marks = Self { lines: vec![0], columns: vec![1] };
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if let Some(span) = literals.next_if(|span| span.start as usize <= at) {
                let end = (span.end as usize).min(bytes.len());
                if end > at {
                    marks.read_literal(bytes, at, end);
                    at = end;
                }
                continue;
            }
            at += marks.read(bytes, at);
        }
        // The first was there before the text was read.
        marks.columns.sort_unstable();
        marks
    }

    /// Read a name, a number, a space or one other character; answers its length.
    fn read(&mut self, bytes: &[u8], at: usize) -> usize {
        let line_end = line_end(bytes, at);
        if line_end > 0 {
            self.lines.push((at + line_end) as u32);
        }
        let space = line_end.max(space(bytes, at));
        if space > 0 {
            self.columns.push((at + space) as u32);
            return space;
        }
        let word = bytes[at..].iter().take_while(|byte| is_of_word(**byte)).count();
        if matches!(bytes[at], b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$') {
            self.columns.push(at as u32);
        }
        // A private name is one token, and none that is noted.
        let private = if bytes[at] == b'#' {
            bytes[at + 1..].iter().take_while(|byte| is_of_word(**byte)).count() + 1
        } else {
            0
        };
        word.max(private).max(1)
    }

    /// Strings, templates, regular expressions and comments: only their lines count, and a comment's end.
    fn read_literal(&mut self, bytes: &[u8], start: usize, end: usize) {
        let mut at = start;
        while at < end {
            let length = line_end(bytes, at);
            if length > 0 {
                self.lines.push((at + length) as u32);
                self.columns.push((at + length) as u32);
            }
            at += length.max(1);
        }
        if bytes[start..end].starts_with(b"/*") || bytes[start..end].starts_with(b"//") {
            self.columns.push(end as u32);
        }
    }

    /// Where the engine shows the token at a byte of the text.
    pub(crate) fn at(&self, offset: u32) -> Mark {
        let line = self.lines.partition_point(|start| *start <= offset);
        let noted = self.columns.partition_point(|column| *column <= offset);
        let mark = if noted == 0 { 1 } else { self.columns[noted - 1] };
        // The first line is counted from its first byte, the others from the line end before them.
        let from = if line == 1 { 0 } else { self.lines[line - 1] - 1 };
        Mark { line: line as u32, column: mark.saturating_sub(from).max(1) }
    }
}

/// The length of the line end at a byte; 0 where there is none.
fn line_end(bytes: &[u8], at: usize) -> usize {
    match bytes[at..] {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        [0xe2, 0x80, 0xa8 | 0xa9, ..] => 3,
        _ => 0,
    }
}

/// The length of the white space at a byte; 0 where there is none.
fn space(bytes: &[u8], at: usize) -> usize {
    match bytes[at..] {
        [b' ' | b'\t' | 0x0b | 0x0c, ..] => 1,
        [0xc2, 0xa0, ..] => 2,
        [0xef, 0xbb, 0xbf, ..] | [0xe3, 0x80, 0x80, ..] | [0xe2, 0x80, 0x80..=0x8a, ..] => 3,
        _ => 0,
    }
}

/// Whether a byte can go on with a name or a number. Those of letters beyond ASCII can.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// The byte that the engine's place stands for, in a text whose lines start at `lines`.
pub(crate) fn offset(lines: &[usize], mark: Mark) -> Option<u32> {
    let start = *lines.get(mark.line.checked_sub(1)? as usize)?;
    let column = if mark.line == 1 && mark.column > 1 { mark.column } else { mark.column.checked_sub(1)? };
    u32::try_from(start + column as usize).ok()
}
