//! The repository as the tidy tests read it: its text files, and Rust taken apart into code, texts and comments.

use std::{fs, path::Path};

/// Folders that hold nothing anybody wrote.
const SKIPPED: [&str; 5] = [".git", "data", "dist", "node_modules", "target"];

/// Endings of files that are text and that somebody wrote.
const TEXTS: [&str; 15] =
    ["css", "html", "js", "json", "just", "md", "mjs", "rs", "sh", "sql", "toml", "ts", "wat", "wit", "yml"];

/// Written text without such an ending.
const NAMED_TEXTS: [&str; 4] = ["just", "justfile", "run", "toolchain"];

/// A text file.
pub(super) struct File {
    /// Below the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    pub(super) fn is(&self, ending: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, own)| own == ending)
    }

    /// Whether it is a test or a benchmark as a whole.
    pub(super) fn is_test(&self) -> bool {
        self.path.split('/').any(|folder| folder == "tests") || self.path.ends_with("/tests.rs")
    }
}

/// What a Rust file says, by who reads it.
#[derive(Default)]
pub(super) struct Parts {
    /// What the compiler reads; a space in place of each text and comment.
    pub(super) code: String,
    /// The contents of its text literals.
    pub(super) texts: Vec<String>,
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every text file of the repository, in the order of their paths.
pub(super) fn files() -> Vec<File> {
    let mut files = Vec::new();
    collect(root(), "", &mut files);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(files.len() > 100, "the root of the repository was not found");
    files
}

/// Every Rust file.
pub(super) fn rust_files() -> Vec<File> {
    files().into_iter().filter(|file| file.is("rs")).collect()
}

/// A file by its path below the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{path}/"), files);
        } else if kind.is_file() && is_text(&name) {
            // A file that somebody is replacing at this moment is read the next time.
            files.extend(fs::read_to_string(entry.path()).ok().map(|text| File { path, text }));
        }
    }
}

fn is_text(name: &str) -> bool {
    NAMED_TEXTS.contains(&name) || name.rsplit_once('.').is_some_and(|(_, ending)| TEXTS.contains(&ending))
}

/// Take Rust apart. Knows texts, raw texts, characters and lifetimes, and comments within comments.
pub(super) fn parts(source: &str) -> Parts {
    let mut parts = Parts::default();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment_length(rest)
        } else if let Some((text, length)) = text_literal(rest, &parts.code) {
            parts.texts.push(text.to_owned());
            length
        } else if let Some(length) = character_length(rest) {
            length
        } else {
            parts.code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        parts.code.push(' ');
        rest = &rest[length..];
    }
    parts
}

fn comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let (step, change) = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        at += step;
        depth += change;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The contents of a text that begins here, and its length with all that encloses it.
fn text_literal<'t>(rest: &'t str, before: &str) -> Option<(&'t str, usize)> {
    let is_inside_a_name = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let prefix = if is_inside_a_name { 0 } else { rest.find(|c| !matches!(c, 'b' | 'c' | 'r'))? };
    let (letters, opened) = rest.split_at(prefix);
    let hashes = if letters.ends_with('r') { opened.len() - opened.trim_start_matches('#').len() } else { 0 };
    let contents = opened[hashes..].strip_prefix('"')?;
    let start = prefix + hashes + 1;
    let length = if letters.ends_with('r') {
        contents.find(&format!("\"{}", "#".repeat(hashes)))?
    } else {
        let mut escaped = false;
        contents.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?
    };
    Some((&contents[..length], start + length + 1 + hashes))
}

/// The length of a character in quotes; a lifetime is none.
fn character_length(rest: &str) -> Option<usize> {
    let mut inside = rest.strip_prefix('\'')?.char_indices();
    let (_, first) = inside.next()?;
    if first == '\\' {
        inside.next()?;
        return inside.find(|(_, c)| *c == '\'').map(|(at, _)| at + 2);
    }
    inside.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 2)
}

/// Whether `name` stands in `code` as a word of its own.
pub(crate) fn has_word(code: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name)
        .any(|(at, _)| !code[..at].ends_with(is_part) && !code[at + name.len()..].starts_with(is_part))
}

#[test]
fn rust_is_taken_apart_into_code_and_texts() {
    let taken = parts(
        "fn a<'x>(c: char) { c == '\"'; c == '\\''; \"one \\\" // text\"; br#\"two \" text\"#; } // \"none\"\n/* /* \"none\" */ */ b",
    );
    assert_eq!(taken.texts, ["one \\\" // text", "two \" text"]);
    assert!(taken.code.contains("fn a<'x>(c: char)") && taken.code.ends_with("b"), "{}", taken.code);
    assert!(!taken.code.contains("none") && !taken.code.contains("text"), "{}", taken.code);
}
