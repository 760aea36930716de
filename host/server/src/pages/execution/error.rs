//! Why an execution failed: the message, the frames in the author's lines, and the line that threw.

use app::{App, AppError, ScriptRef};
use domain::{ErrorKind, Principal};

use super::{super::format, Read};

/// Lines of the source that are shown before and after the one that threw.
const AROUND: usize = 3;

/// The most characters of a line that is shown.
const LINE_CHARACTERS: usize = 240;

/// Why an execution failed, as it is shown.
pub(super) struct ErrorView {
    pub(super) kind: ErrorKind,
    /// Name and message.
    pub(super) text: String,
    pub(super) frames: Vec<StackLine>,
    /// The first place in the script.
    pub(super) place: Option<Place>,
    pub(super) excerpt: Vec<SourceLine>,
}

/// A line of a stack.
pub(super) struct StackLine {
    /// What stands before the place; all of it, where there is none.
    pub(super) before: String,
    pub(super) place: Option<Place>,
}

/// A place in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    /// `order-rules.ts:14`
    pub(super) label: String,
    /// The editor at that line.
    pub(super) address: String,
}

/// A line of the version's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceLine {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) is_marked: bool,
}

/// Why the execution failed; `None` where it did not, or whoever looks may not see that.
///
/// # Errors
/// Whatever the server fails with.
pub(super) fn of(app: &App, principal: &Principal, read: &Read) -> Result<Option<ErrorView>, AppError> {
    let Some(failure) = &read.view.error else { return Ok(None) };
    let script = read.view.execution.script.to_string();
    let frames: Vec<StackLine> = failure.stack.lines().map(|line| StackLine::of(line, &script)).collect();
    let place = frames.iter().find_map(|frame| frame.place.clone());
    let excerpt = match &place {
        Some(place) => source_of(app, principal, read)?.map_or_else(Vec::new, |text| excerpt(&text, place.line)),
        None => Vec::new(),
    };
    let text = if failure.message.is_empty() {
        failure.name.clone()
    } else {
        format!("{}: {}", failure.name, failure.message)
    };
    Ok(Some(ErrorView { kind: failure.kind, text: format::shown(&text), frames, place, excerpt }))
}

/// The source of the version that ran, for whoever may see scripts.
fn source_of(app: &App, principal: &Principal, read: &Read) -> Result<Option<String>, AppError> {
    let execution = &read.view.execution;
    let Some(number) = read.names.version(execution.version) else { return Ok(None) };
    match app.scripts().version(principal, &ScriptRef::Id(execution.script), number) {
        Ok(version) => Ok(Some(version.source)),
        Err(AppError::NotFound { .. } | AppError::Forbidden(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl StackLine {
    /// A frame is `    at name (file:line:column)`, or without a name and brackets.
    fn of(text: &str, script: &str) -> Self {
        let Some((before, file, line)) = taken_apart(text) else {
            return Self { before: format::shown(text), place: None };
        };
        let label = format!("{}:{line}", format::shown(file));
        let address = format!("/scripts/{script}?line={line}");
        Self { before: format::shown(before), place: Some(Place { line, label, address }) }
    }
}

/// What stands before the place of a frame, its file and its line.
fn taken_apart(text: &str) -> Option<(&str, &str, usize)> {
    let at = text.find("at ")? + "at ".len();
    let (before, place) = match text.rfind('(') {
        Some(open) if open >= at => (text[..open].trim_end(), &text[open + 1..]),
        _ => (text[..at].trim_end(), &text[at..]),
    };
    let mut parts = place.trim_end_matches(')').rsplitn(3, ':');
    let _column: usize = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok().filter(|line| *line > 0)?;
    Some((before, parts.next()?, line))
}

/// The lines around the one that threw.
fn excerpt(source: &str, line: usize) -> Vec<SourceLine> {
    let first = line.saturating_sub(AROUND).max(1);
    let numbered = source.lines().enumerate().map(|(at, text)| (at + 1, text));
    let around = numbered.skip(first - 1).take_while(|(number, _)| *number <= line + AROUND);
    let shown = |(number, text): (usize, &str)| SourceLine {
        number,
        text: format::shown(&text.chars().take(LINE_CHARACTERS).collect::<String>()),
        is_marked: number == line,
    };
    let lines: Vec<SourceLine> = around.map(shown).collect();
    // A place that is not in this source marks nothing, and then the lines say nothing.
    if lines.iter().any(|line| line.is_marked) { lines } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_leads_to_the_line_in_the_editor() {
        let line = StackLine::of("    at total (order-rules.ts:14:7)", "id");
        let place = line.place.map(|place| (place.label, place.address));
        assert_eq!(line.before, "    at total");
        assert_eq!(place, Some((String::from("order-rules.ts:14"), String::from("/scripts/id?line=14"))));
        let bare = StackLine::of("    at order-rules.ts:2:1", "id");
        assert_eq!((bare.before.as_str(), bare.place.map(|place| place.line)), ("    at", Some(2)));
        for text in ["caused by TypeError: (a:1:2", "    at native", "at (x:0:1)", "at a (b:c:d)", ""] {
            let line = StackLine::of(text, "id");
            assert!(line.place.is_none() && line.before == text, "{text}");
        }
    }

    #[test]
    fn the_line_that_threw_stands_among_its_neighbours() {
        let source = "1\n2\n3\n4\n5\n6\n7\n8\n9";
        let shown = |line| -> Vec<usize> { excerpt(source, line).iter().map(|line| line.number).collect() };
        assert_eq!(shown(5), [2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(shown(1), [1, 2, 3, 4]);
        assert_eq!(shown(9), [6, 7, 8, 9]);
        assert!(shown(40).is_empty());
        assert!(excerpt(source, 5).iter().all(|line| line.is_marked == (line.number == 5)));
    }
}
