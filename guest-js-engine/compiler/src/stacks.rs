//! Stacks, in positions of the author's text.

use oxc::{allocator::Allocator, parser::Parser, span::SourceType};
use oxc_sourcemap::SourceMap;

use crate::{
    contract::skerry::script::source::Failed,
    marks::{self, Mark},
    positions::{Positions, Step},
    source::Source,
};

/// Frames beyond this say nothing new: a stack this deep repeats itself.
const MAX_FRAMES: usize = 200;

/// The way from compiled code to the author's text.
pub(crate) struct AuthorsMap<'m> {
    /// The source map.
    pub(crate) json: &'m str,
    /// The author's text.
    pub(crate) text: &'m str,
}

/// Turn the positions in a failure's stack into the author's own. What is no frame of the script, or lies where the map
/// knows nothing, stays as it is.
///
/// A frame is a line `    at f (FILE:LINE:COLUMN)` or `    at FILE:LINE:COLUMN`. `code` is what the engine compiled; the
/// source map leads from there to the author's text, and is absent where the two are the same.
pub(crate) fn map(file: &str, code: &str, map: Option<&AuthorsMap<'_>>, failure: &Failed) -> String {
    let source_map = map.and_then(|map| SourceMap::from_json_string(map.json).ok());
    let has_mark = map.is_some_and(|map| map.text.starts_with('\u{feff}'));
    let allocator = Allocator::default();
    let program = Parser::new(&allocator, code, SourceType::mjs()).parse().program;
    let table = source_map.as_ref().map(SourceMap::generate_lookup_table);
    let original = |line: u32, column: u32| {
        let (Some(map), Some(table)) = (&source_map, &table) else { return Some((line, column)) };
        let token = map.lookup_token_approx(table, line.checked_sub(1)?, column.checked_sub(1)?)?;
        let (line, column) = (token.get_src_line(), token.get_src_col());
        // A byte order mark is counted by the map, and by no editor.
        let column = if has_mark && line == 0 { column.saturating_sub(1) } else { column };
        Some((line.checked_add(1)?, column.checked_add(1)?))
    };
    let places = Places { file, source: Source::new(code), positions: Positions::of(&program), original: &original };
    let lines: Vec<&str> = failure.stack.lines().collect();
    let mut mapped = Vec::new();
    // Of the frame above: what was called there, or how the failure says that it arose.
    let mut above = Above::Error { name: failure.name.clone(), message: failure.message.clone() };
    for line in lines.iter().take(MAX_FRAMES) {
        mapped.push(places.mapped(line, &above).unwrap_or_else(|| (*line).to_owned()));
        above = above_next(line).unwrap_or(above);
    }
    if lines.len() > MAX_FRAMES {
        mapped.push(format!("    … {} more", lines.len() - MAX_FRAMES));
    }
    mapped.join("\n")
}

/// What is known of the step at which a frame stands.
enum Above {
    /// It is the first: there the error was made.
    Error { name: String, message: String },
    /// It called a function of this name.
    Function(String),
    /// Nothing.
    Unknown,
}

/// What a line of the stack says of the line below it; `None` for a message's further lines.
fn above_next(line: &str) -> Option<Above> {
    let trimmed = line.trim_start();
    if let Some(cause) = trimmed.strip_prefix("caused by ") {
        let (name, message) = cause.split_once(": ").unwrap_or((cause, ""));
        return Some(Above::Error { name: name.to_owned(), message: message.to_owned() });
    }
    Some(match trimmed.strip_prefix("at ")?.split_once(" (") {
        Some((name, _)) if name != "<anonymous>" => Above::Function(name.to_owned()),
        _ => Above::Unknown,
    })
}

struct Places<'c> {
    file: &'c str,
    source: Source<'c>,
    positions: Positions<'c>,
    /// From a line and column of the compiled text to the author's.
    original: &'c dyn Fn(u32, u32) -> Option<(u32, u32)>,
}

impl Places<'_> {
    fn mapped(&self, line: &str, above: &Above) -> Option<String> {
        let rest = line.trim_start().strip_prefix("at ")?;
        let end = if rest.ends_with(')') { ")" } else { "" };
        // From the right: a file name may hold colons, and a function's name anything at all.
        let mut parts = line.strip_suffix(end)?.rsplitn(3, ':');
        let column = parts.next()?.parse().ok()?;
        let line_number = parts.next()?.parse().ok()?;
        let place = parts.next()?;
        let before = place.strip_suffix(self.file)?;
        if !before.ends_with(if end.is_empty() { "at " } else { "(" }) {
            return None;
        }
        let (line_number, column) = self.author(Mark { line: line_number, column }, above)?;
        Some(format!("{place}:{line_number}:{column}{end}"))
    }

    /// The author's line and column of what the engine shows at `mark`.
    fn author(&self, mark: Mark, above: &Above) -> Option<(u32, u32)> {
        let offset = match self.step(mark, above) {
            Some(offset) => offset,
            None => marks::offset(self.source.starts(), mark)?,
        };
        let place = self.source.place(offset);
        (self.original)(place.line, place.column)
    }

    fn step(&self, mark: Mark, above: &Above) -> Option<u32> {
        match above {
            Above::Function(name) => self.positions.call(mark, name),
            Above::Unknown => None,
            Above::Error { message, .. } if message == "not a function" => self.positions.wrong_call(mark),
            Above::Error { name, message } => match failed_step(message) {
                Some((step, failed)) => self.positions.find(mark, step, failed),
                None => self.positions.find(mark, Step::New, Some(name)),
            },
        }
    }
}

/// What failed, by the engine's own message, and the name that it gives.
fn failed_step(message: &str) -> Option<(Step, Option<&str>)> {
    let between = |before: &str, after: &str| message.strip_prefix(before)?.rsplit_once(after).map(|(name, _)| name);
    if let Some(name) = between("cannot read property \'", "\' of ") {
        return Some((Step::Get, Some(name)));
    }
    if let Some(name) = between("cannot set property \'", "\' of ") {
        return Some((Step::Set, Some(name)));
    }
    if let Some(name) = message.strip_suffix(" is not defined").or(message.strip_suffix(" is not initialized")) {
        return Some((Step::Variable, Some(name)));
    }
    if let Some(name) = between("\'", "\' is read-only") {
        return Some((Step::Set, Some(name)));
    }
    match message {
        "Cannot convert undefined or null to object" => Some((Step::TakeApart, None)),
        "not a constructor" => Some((Step::New, None)),
        "value is not iterable" => Some((Step::Iterate, None)),
        _ => message.strip_suffix(" is not a constructor").map(|name| (Step::New, Some(name))),
    }
}
