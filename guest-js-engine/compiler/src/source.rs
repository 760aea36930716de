//! Lines, columns and excerpts of the author's text.

/// Of a longer line, this many characters around the place are shown: what fits a terminal or a problem's detail.
const EXCERPT_CHARS: usize = 120;

/// The author's text, by lines.
pub(crate) struct Source<'t> {
    text: &'t str,
    /// The byte at which each line starts.
    starts: Vec<usize>,
}

/// A place in the text.
pub(crate) struct Place<'t> {
    /// From 1.
    pub(crate) line: u32,
    /// In UTF-16 code units, from 1: what editors count.
    pub(crate) column: u32,
    before: &'t str,
    after: &'t str,
}

impl<'t> Source<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut starts = vec![0];
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let in_pair = character == '\r' && characters.peek().is_some_and(|(_, next)| *next == '\n');
            if is_line_end(character) && !in_pair {
                starts.push(at + character.len_utf8());
            }
        }
        Self { text, starts }
    }

    /// The byte at which each line starts.
    pub(crate) fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The place of a byte; the end of the text for one that lies beyond it.
    pub(crate) fn place(&self, offset: u32) -> Place<'t> {
        let offset = self.text.floor_char_boundary(offset as usize);
        // The first line starts at 0, so that there is always one at or before the offset.
        let line = self.starts.partition_point(|start| *start <= offset);
        let before = &self.text[self.starts[line - 1]..offset];
        // A byte order mark is shown by no editor, and counted by none.
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        let after = self.text[offset..].split(is_line_end).next().unwrap_or_default();
        let column = before.encode_utf16().count() + 1;
        Place { line: saturated(line), column: saturated(column), before, after }
    }
}

impl Place<'_> {
    /// The line and a caret below the place. Tabs stay in both, so that the caret stands right however wide they are
    /// shown.
    pub(crate) fn excerpt(&self) -> String {
        let (before, cut_before) = first(self.before.trim_end_matches(is_line_end).chars().rev(), EXCERPT_CHARS);
        let (after, cut_after) = first(self.after.chars(), EXCERPT_CHARS);
        // Half of the room is for each side; what one side does not need, the other may have.
        let left = before.len().min(EXCERPT_CHARS - after.len().min(EXCERPT_CHARS / 2));
        let right = after.len().min(EXCERPT_CHARS - left);
        let start = if cut_before || left < before.len() { "…" } else { "" };
        let end = if cut_after || right < after.len() { "…" } else { "" };
        let before: String = before[..left].iter().rev().collect();
        let after: String = after[..right].iter().collect();
        let indent: String = start.chars().chain(before.chars()).map(blank).collect();
        format!("{start}{before}{after}{end}\n{indent}^")
    }
}

/// The first `count` characters as they may be shown, and whether there are more.
fn first(mut characters: impl Iterator<Item = char>, count: usize) -> (Vec<char>, bool) {
    let first = characters.by_ref().take(count).map(visible).collect();
    (first, characters.next().is_some())
}

/// What ends a line in JavaScript; `\r\n` ends one line, not two.
fn is_line_end(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// A character as it may be shown. Control characters could move the cursor of a terminal, and those that turn the
/// direction of writing could make the text look like another one.
pub(crate) fn visible(character: char) -> char {
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let moves = character.is_control() && character != '\t';
    if turns || moves { '\u{fffd}' } else { character }
}

fn blank(character: char) -> char {
    if character == '\t' { '\t' } else { ' ' }
}

fn saturated(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
