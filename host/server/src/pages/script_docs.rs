//! `/scripts/{script}/docs`: the script API's reference beside the script, from the one description that the types and
//! `docs/script-api.md` are made of.

use app::{
    App,
    types::{Global, GlobalKind, Member, Page, script_api},
};
use askama::Template;
use axum::extract::{Path, State};
use domain::Permission;
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    frame::Frame,
    script::{self, ScriptHead, Tab},
    visit::Visit,
};
use crate::web::extract::Params;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct DocsQuery {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "scripts/docs.html")]
struct ReferencePage {
    frame: Frame,
    head: ScriptHead,
    query: String,
    subjects: Vec<Subject>,
}

/// A page of the reference, with what fits the text that is looked for.
struct Subject {
    title: String,
    /// What it is linked by.
    id: String,
    intro: Vec<Piece>,
    entries: Vec<Entry>,
    limits: Vec<Piece>,
    examples: Vec<&'static str>,
}

/// Something that a script can name.
struct Entry {
    declaration: String,
    doc: Vec<Span>,
    /// The codes of the errors that it rejects with.
    errors: Vec<String>,
}

/// A part of a text.
enum Piece {
    Paragraph(Vec<Span>),
    Code(String),
}

/// A part of a sentence.
struct Span {
    is_code: bool,
    text: String,
}

/// The reference's page.
pub(crate) async fn docs_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Path(script): Path<String>,
    Params(query): Params<DocsQuery>,
) -> PageResult {
    let head = ScriptHead::of(&app, &principal, &script, Tab::Docs)?;
    let wanted = query.q.trim().to_lowercase();
    let subjects = script_api().iter().filter_map(|page| Subject::of(page, &wanted)).collect();
    page(&ReferencePage { frame, head, query: query.q, subjects })
}

impl Subject {
    /// What of a page fits; nothing where nothing does.
    fn of(page: &'static Page, wanted: &str) -> Option<Self> {
        let title = page.title.replace('`', "");
        let is_whole = wanted.is_empty() || title.to_lowercase().contains(wanted);
        let entries: Vec<Entry> =
            page.globals.iter().flat_map(global_entries).filter(|entry| is_whole || entry.has(wanted)).collect();
        if !is_whole && entries.is_empty() || !page.is_documented {
            return None;
        }
        let text = |text: &str| if is_whole { pieces(text) } else { Vec::new() };
        Some(Self {
            id: title.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"),
            intro: text(&page.intro),
            limits: text(&page.limits),
            examples: page.examples.iter().filter(|_| is_whole).map(|example| example.source.as_str()).collect(),
            title,
            entries,
        })
    }
}

impl Entry {
    fn has(&self, wanted: &str) -> bool {
        let in_doc = self.doc.iter().any(|span| span.text.to_lowercase().contains(wanted));
        in_doc || self.declaration.to_lowercase().contains(wanted)
    }
}

/// A global and its members, as scripts write them.
fn global_entries(global: &Global) -> Vec<Entry> {
    let Global { name, parameters, .. } = global;
    let own = match &global.kind {
        GlobalKind::Function(signature) => format!("{name}{signature}"),
        GlobalKind::Value(type_) => format!("{name}: {type_}"),
        GlobalKind::Class => format!("class {name}{parameters}"),
        GlobalKind::Interface => format!("interface {name}{parameters}"),
        GlobalKind::Namespace => name.clone(),
    };
    let whole = Entry { declaration: own, doc: spans(&global.doc), errors: global.errors.clone() };
    let member = |member: &Member| Entry {
        declaration: member
            .declarations
            .iter()
            .map(|declaration| match global.kind {
                GlobalKind::Namespace => format!("{name}.{}", plain(declaration)),
                _ => plain(declaration).to_owned(),
            })
            .collect::<Vec<_>>()
            .join("\n"),
        doc: spans(&member.doc),
        errors: member.errors.clone(),
    };
    std::iter::once(whole).chain(global.members.iter().map(member)).collect()
}

/// A declaration without what says nothing to whoever reads it.
fn plain(declaration: &str) -> &str {
    declaration.strip_prefix("readonly ").unwrap_or(declaration).trim_end_matches(';')
}

/// Markdown as far as the description uses it: paragraphs, blocks of code, and code in sentences.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (at, part) in text.split("```").enumerate() {
        if at % 2 == 1 {
            // The first line names the language.
            let code = part.split_once('\n').map_or(part, |(_, code)| code);
            pieces.push(Piece::Code(code.trim_end().to_owned()));
        } else {
            let paragraphs = part.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
            pieces.extend(paragraphs.map(|paragraph| Piece::Paragraph(spans(paragraph))));
        }
    }
    pieces
}

/// A sentence with its code. Links are their text.
fn spans(text: &str) -> Vec<Span> {
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts
        .map(|(at, part)| Span {
            is_code: at % 2 == 1,
            text: if at % 2 == 1 { part.to_owned() } else { unlinked(part) },
        })
        .collect()
}

fn unlinked(text: &str) -> String {
    let mut left = text;
    let mut plain = String::with_capacity(text.len());
    while let Some((before, rest)) = left.split_once('[') {
        let Some((words, after)) =
            rest.split_once("](").and_then(|(words, link)| Some((words, link.split_once(')')?.1)))
        else {
            break;
        };
        plain += before;
        plain += words;
        left = after;
    }
    plain + left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_words_and_code_and_links_are_their_words() {
        let shown: Vec<(bool, String)> =
            spans("See [Errors](#errors) of `fetch`.").into_iter().map(|span| (span.is_code, span.text)).collect();
        let expected = [(false, "See Errors of "), (true, "fetch"), (false, ".")];
        assert_eq!(shown, expected.map(|(is_code, text)| (is_code, text.to_owned())));
        assert_eq!(unlinked("a [b] c"), "a [b] c");
    }

    #[test]
    fn what_is_looked_for_is_found_by_name_and_by_what_it_does() {
        let found = |wanted: &str| script_api().iter().filter_map(|page| Subject::of(page, wanted)).count();
        assert!(found("") > 10);
        assert!(found("increment") >= 1 && found("increment") < found(""));
        assert_eq!(found("no such thing anywhere"), 0);
    }
}
