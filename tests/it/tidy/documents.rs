//! The documents: their links lead somewhere, the tests and files that they name are there, decisions have one form.

use std::collections::BTreeSet;

use super::tree::{File, files, has_word, parts, read, root, rust_files};

/// The parts of a decision, in order.
const DECISION_PARTS: [&str; 4] = ["## Context", "## Decision", "## Consequences", "## Rejected"];

/// Folders whose names begin the paths that documents name.
const FOLDERS: [&str; 8] = [".ci/", "docs/", "guest-js-engine/", "host/", "migrations/", "tests/", "ui/", "wit/"];

#[test]
fn every_link_in_a_document_leads_to_a_file() {
    for document in documents() {
        let folder = root().join(&document.path).parent().unwrap().to_owned();
        for link in links(&document.text) {
            let path = link.split('#').next().unwrap_or_default();
            let is_elsewhere = link.contains("://") || link.starts_with("mailto:") || path.is_empty();
            assert!(is_elsewhere || folder.join(path).exists(), "{}: {link} leads nowhere", document.path);
            let anchor = link.strip_prefix('#');
            assert!(anchor.is_none_or(|anchor| anchors(&document.text).contains(anchor)), "{}: {link}", document.path);
        }
    }
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let tests = test_names();
    for path in ["docs/ARCHITECTURE.md", "docs/SECURITY.md"] {
        for word in quoted(&read(path)).into_iter().filter(|word| is_test_name(word)) {
            assert!(tests.contains(word.as_str()), "{path} names the test {word}, which is not there");
        }
    }
}

#[test]
fn every_file_that_a_document_names_is_there() {
    for document in documents() {
        for word in quoted(&document.text) {
            let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "./_-".contains(c));
            let is_plain = is_plain && !word.contains("NAME") && !word.contains("NNNN");
            if is_plain && FOLDERS.iter().any(|folder| word.starts_with(folder)) {
                let is_there = root().join(&word).exists() || document_folder(&document).join(&word).exists();
                assert!(is_there, "{} names {word}, which is not there", document.path);
            }
        }
    }
}

#[test]
fn decisions_are_numbered_without_a_gap_and_have_one_form() {
    let decisions: Vec<File> = files().into_iter().filter(|f| f.path.starts_with("docs/decisions/")).collect();
    for (at, decision) in decisions.iter().enumerate() {
        let number = format!("{:04}", at + 1);
        assert!(
            decision.path.starts_with(&format!("docs/decisions/{number}-")),
            "{}: expected {number}",
            decision.path
        );
        let headings: Vec<&str> = decision.text.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, DECISION_PARTS, "{}", decision.path);
    }
}

#[test]
fn every_global_is_in_the_script_api_page() {
    let page = read("docs/script-api.md");
    for file in files().iter().filter(|f| f.path.starts_with("guest-js-engine/src/globals/") && f.is("js")) {
        for call in ["kit.global(", "kit.webClass(", "  global("] {
            for rest in file.text.split(call).skip(1) {
                let Some(name) = rest.split('"').nth(1) else { continue };
                assert!(has_word(&page, name), "docs/script-api.md does not name {name}, which {} defines", file.path);
            }
        }
    }
}

fn documents() -> Vec<File> {
    files().into_iter().filter(|file| file.is("md")).collect()
}

fn document_folder(document: &File) -> std::path::PathBuf {
    root().join(&document.path).parent().unwrap().to_owned()
}

/// The targets of `[text](target)`, outside of code.
fn links(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut links = Vec::new();
    for line in text.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code {
            links.extend(line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
        }
    }
    links
}

/// The names under which the headings of a document can be linked to.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings
        .map(|heading| heading.to_lowercase().chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-"))
        .collect()
}

/// What stands between backticks within one line.
fn quoted(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut words = Vec::new();
    for line in text.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code {
            words.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

/// The names of tests are sentences: at least four words.
fn is_test_name(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') && word.matches('_').count() >= 3
}

/// Every function under a test attribute.
fn test_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in rust_files() {
        let code = parts(&file.text).code;
        for after in code.split("test]").skip(1).chain(code.split("#[tokio::test(").skip(1)) {
            let name = after.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            names.extend(name.map(|name| name.trim().to_owned()));
        }
    }
    names
}
