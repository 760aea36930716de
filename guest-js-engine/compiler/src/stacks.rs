//! Stacks, in positions of the author's text.

use oxc_sourcemap::SourceMap;

/// Frames beyond this say nothing new: a stack this deep repeats itself.
const MAX_FRAMES: usize = 200;

/// Turn the positions in a stack into the author's own. What is no frame of the script, or lies where the map knows
/// nothing, stays as it is; without a map that can be read, everything does.
///
/// A frame is a line `    at f (FILE:LINE:COLUMN)` or `    at FILE:LINE:COLUMN`, in which FILE is the map's source.
/// QuickJS counts columns from 1 in code points, a map from 0 in UTF-16 units, and the map does not carry the compiled
/// text that would tell them apart. They are taken for equal, so that a column is off by one for each character beyond
/// the basic plane before it on its line.
pub(crate) fn map(source_map: &str, stack: &str) -> String {
    let Ok(map) = SourceMap::from_json_string(source_map) else { return stack.to_owned() };
    let Some(file) = map.get_source(0) else { return stack.to_owned() };
    let table = map.generate_lookup_table();
    let original = |line: u32, column: u32| {
        let token = map.lookup_token_approx(&table, line.checked_sub(1)?, column.checked_sub(1)?)?;
        Some((token.get_src_line().checked_add(1)?, token.get_src_col().checked_add(1)?))
    };
    let lines: Vec<&str> = stack.lines().collect();
    let mut mapped: Vec<String> = lines.iter().take(MAX_FRAMES).map(|line| map_line(line, file, original)).collect();
    if lines.len() > MAX_FRAMES {
        mapped.push(format!("    … {} more", lines.len() - MAX_FRAMES));
    }
    mapped.join("\n")
}

fn map_line(line: &str, file: &str, original: impl Fn(u32, u32) -> Option<(u32, u32)>) -> String {
    mapped(line, file, original).unwrap_or_else(|| line.to_owned())
}

fn mapped(line: &str, file: &str, original: impl Fn(u32, u32) -> Option<(u32, u32)>) -> Option<String> {
    let rest = line.trim_start().strip_prefix("at ")?;
    let end = if rest.ends_with(')') { ")" } else { "" };
    // From the right: a file name may hold colons, and a function's name anything at all.
    let mut parts = line.strip_suffix(end)?.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line_number = parts.next()?.parse().ok()?;
    let place = parts.next()?;
    let before = place.strip_suffix(file)?;
    if !before.ends_with(if end.is_empty() { "at " } else { "(" }) {
        return None;
    }
    let (line_number, column) = original(line_number, column)?;
    Some(format!("{place}:{line_number}:{column}{end}"))
}
