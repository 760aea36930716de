//! The script API as Markdown: the reference in `docs/script-api.md`.

use super::description::{Example, Global, GlobalKind, Member, Page, Place, script_api};

/// The columns of a document.
const WIDTH: usize = 120;

/// What stands in the document before the reference.
pub const REFERENCE_BEGIN: &str = "<!-- reference: made from wit/script-api by ./just generate -->";
/// What stands in the document after the reference.
pub const REFERENCE_END: &str = "<!-- reference: end -->";

/// The reference: a heading, the members and the examples of each page.
pub fn reference() -> String {
    let pages = script_api().iter().filter(|page| page.is_documented);
    pages.map(page_text).collect::<Vec<_>>().join("\n")
}

fn page_text(page: &Page) -> String {
    let mut text = format!("### {}\n", page.title);
    push_part(&mut text, paragraphs(&page.intro));
    let listed: String = page.globals.iter().map(|global| global_text(page, global)).collect();
    push_part(&mut text, listed);
    push_part(&mut text, paragraphs(&page.limits));
    if !page.types.is_empty() && !page.is_standard {
        let types: Vec<&str> = page.types.iter().map(|alias| alias.declaration.trim()).collect();
        push_part(&mut text, format!("```typescript\n{}\n```\n", types.join("\n")));
    }
    for example in &page.examples {
        push_part(&mut text, example_text(example));
    }
    text
}

fn push_part(text: &mut String, part: String) {
    if !part.is_empty() {
        text.push('\n');
        *text += &part;
    }
}

fn example_text(example: &Example) -> String {
    format!("```{}\n{}\n```\n", example.language, example.source.trim())
}

fn global_text(page: &Page, global: &Global) -> String {
    if page.is_standard {
        return item(&format!("`{}`: {}{}", global.name, global.doc, names(global)));
    }
    match &global.kind {
        GlobalKind::Function(signature) => {
            let told = told(&global.doc, &global.errors);
            item(&format!("`{}{signature}`: {told}", global.name))
        }
        GlobalKind::Value(type_) => item(&format!("`{}: {type_}`: {}", global.name, told(&global.doc, &global.errors))),
        GlobalKind::Namespace | GlobalKind::Interface | GlobalKind::Class => {
            global.members.iter().map(|member| item(&member_text(global, member))).collect()
        }
    }
}

/// A member under the name by which a script reaches it.
fn member_text(global: &Global, member: &Member) -> String {
    let owner = match (&global.kind, &global.make) {
        (GlobalKind::Namespace, _) => global.name.clone(),
        (_, Some(path)) if !path.contains(['(', ' ']) => path.clone(),
        _ => global.name.to_lowercase(),
    };
    let declaration = member.declarations[0].trim_start_matches("readonly ").trim_end_matches(';');
    format!("`{owner}.{declaration}`: {}", told(&member.doc, &member.errors))
}

fn told(doc: &str, errors: &[String]) -> String {
    if errors.is_empty() {
        return doc.to_owned();
    }
    let codes = errors.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
    format!("{doc} May reject with {codes}.")
}

/// The names of a standard global's members; what they do, the standard says.
fn names(global: &Global) -> String {
    let shown = |place: Place| {
        let members = global.members.iter().filter(|member| member.place == place);
        let members = members.filter(|member| !matches!(member.name.as_str(), "constructor" | "[Symbol.iterator]"));
        members.map(|member| format!("`{}`", member.name)).collect::<Vec<_>>().join(", ")
    };
    let (instance, on_class, some) = (shown(Place::Instance), shown(Place::Static), shown(Place::SomeInstances));
    let mut text = String::new();
    for (what, names) in [("", instance), ("on the class ", on_class), ("on some ", some)] {
        if !names.is_empty() {
            text += if text.is_empty() { " Has " } else { "; " };
            text += &format!("{what}{names}");
        }
    }
    if text.is_empty() { text } else { text + "." }
}

fn item(text: &str) -> String {
    wrap(text, "- ", "  ")
}

fn paragraphs(text: &str) -> String {
    let parts = text.split("\n\n").filter(|part| !part.trim().is_empty());
    // A table is one row a line.
    let shown = |part: &str| if part.starts_with('|') { format!("{}\n", part.trim()) } else { wrap(part, "", "") };
    parts.map(shown).collect::<Vec<_>>().join("\n")
}

/// Break text into lines of at most [`WIDTH`] columns; what stands between backticks stays on one line.
fn wrap(text: &str, first: &str, others: &str) -> String {
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in words(text) {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines += &line;
            lines.push('\n');
            line = others.to_owned();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += &word;
        is_empty = false;
    }
    lines + &line + "\n"
}

/// What stands between spaces that are in no code and in no number.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_code = false;
    let mut characters = text.trim().chars().peekable();
    while let Some(c) = characters.next() {
        is_code ^= c == '`';
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let last = words.last().and_then(|word| word.chars().next_back());
        let is_within = is_code || (is_digit(last) && is_digit(characters.peek().copied()));
        match words.last_mut() {
            Some(word) if is_within || !c.is_whitespace() => word.push(if c == '\n' { ' ' } else { c }),
            Some(word) if word.is_empty() => {}
            _ => words.push(String::new()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_never_broken() {
        let code = format!("`{}`", "a b ".repeat(40));
        let wrapped = wrap(&format!("one two {code} three"), "- ", "  ");
        assert!(wrapped.lines().any(|line| line.contains(&code)), "{wrapped}");
        assert!(wrapped.starts_with("- one two\n  `a b"), "{wrapped}");
    }

    #[test]
    fn a_table_keeps_its_rows() {
        let table = "| call | answers |\n|---|---|\n| `get(id)` | the document |";
        assert_eq!(
            paragraphs(&format!("Before it.\n\n{table}\n\nAfter it.")),
            format!("Before it.\n\n{table}\n\nAfter it.\n")
        );
    }

    #[test]
    fn text_is_broken_at_the_width_of_a_document() {
        let wrapped = wrap(&"word ".repeat(100), "- ", "  ");
        assert!(wrapped.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(wrapped.split_whitespace().filter(|word| *word == "word").count(), 100);
    }
}
