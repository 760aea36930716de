//! JSDoc: descriptions, and the types that JavaScript has in its comments.

use oxc::ast::ast::{BindingPattern, Comment, Program};

use super::EntryFunction;

/// The alias that the argument's type gets in [`as_typescript`]. No author's type can have this name.
pub(super) const INPUT: &str = "$Input";

/// More would not fit a form's help text.
const DESCRIPTION_CHARS_MAX: usize = 500;

/// The first paragraph of the comment before what starts at a byte.
pub(super) fn description(program: &Program<'_>, start: u32) -> Option<String> {
    let text = lines(program, comment_before(program, start)?).join("\n");
    let before_tags = text.split("\n@").next().unwrap_or_default();
    described(if before_tags.starts_with('@') { "" } else { before_tags })
}

fn described(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(DESCRIPTION_CHARS_MAX).collect();
    (!text.is_empty()).then_some(text)
}

fn comment_before<'p>(program: &'p Program<'_>, start: u32) -> Option<&'p Comment> {
    program.comments.iter().rev().find(|comment| comment.is_jsdoc() && comment.attached_to == start)
}

/// A comment's lines without its stars.
fn lines<'a>(program: &Program<'a>, comment: &Comment) -> Vec<&'a str> {
    let span = comment.content_span();
    let text = &program.source_text[span.start as usize..span.end as usize];
    text.lines().map(|line| line.trim().trim_start_matches('*').trim()).collect()
}

/// A `@param`, `@property` or `@typedef`.
struct Tag {
    kind: &'static str,
    ty: String,
    /// With dots, where it names a property of a parameter.
    name: String,
    is_optional: bool,
    description: String,
}

/// The types of a script's comments, with the argument's as [`INPUT`], in TypeScript; `None` where it has none.
pub(super) fn as_typescript(program: &Program<'_>, entry: &EntryFunction<'_, '_>) -> Option<String> {
    let tags = tags(&lines(program, comment_before(program, entry.start)?));
    let parameters: Vec<&Tag> = tags.iter().filter(|tag| tag.kind == "param").collect();
    let first = parameters.first()?;
    let name = match entry.params.and_then(|params| params.items.first()).map(|first| &first.pattern) {
        Some(BindingPattern::BindingIdentifier(identifier)) => identifier.name.to_string(),
        // What is taken apart has no name of its own; the comment's first parameter gives it one.
        Some(_) => first.name.clone(),
        None => return None,
    };
    let parameter = parameters.iter().find(|tag| tag.name == name)?;
    let prefix = format!("{name}.");
    let nested: Vec<(&str, &Tag)> =
        parameters.iter().filter_map(|tag| Some((tag.name.strip_prefix(&prefix)?, *tag))).collect();
    let input = if nested.is_empty() { parameter.ty.clone() } else { object(&nested, &parameter.ty) };
    let mut text = typedefs(program);
    text.push_str(&format!("type {INPUT} = {input};\n"));
    Some(text)
}

fn typedefs(program: &Program<'_>) -> String {
    let mut text = String::new();
    for comment in program.comments.iter().filter(|comment| comment.is_jsdoc()) {
        let lines = lines(program, comment);
        let tags = tags(&lines);
        let Some(typedef) = tags.iter().find(|tag| tag.kind == "typedef") else { continue };
        let properties: Vec<(&str, &Tag)> =
            tags.iter().filter(|tag| tag.kind == "property").map(|tag| (tag.name.as_str(), tag)).collect();
        let ty = if properties.is_empty() { typedef.ty.clone() } else { object(&properties, &typedef.ty) };
        let about = lines.iter().take_while(|line| !line.starts_with('@')).copied().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("/** {} */\ntype {} = {ty};\n", harmless(&about), typedef.name));
    }
    text
}

/// An object type of tags. Those with dots in their names are properties of properties.
fn object(tags: &[(&str, &Tag)], outer: &str) -> String {
    let mut text = String::from("{\n");
    for (name, tag) in tags.iter().filter(|(name, _)| !name.contains('.')) {
        let (plain, item) = (name.trim_end_matches("[]"), format!("{}[].", name.trim_end_matches("[]")));
        let of_item = |path: &'_ str| path.strip_prefix(&item).map(str::len);
        let prefix = format!("{plain}.");
        let nested: Vec<(&str, &Tag)> = tags
            .iter()
            .filter_map(|(path, tag)| match of_item(path) {
                Some(rest) => Some((&path[path.len() - rest..], *tag)),
                None => Some((path.strip_prefix(&prefix)?, *tag)),
            })
            .collect();
        let ty = if nested.is_empty() { tag.ty.clone() } else { object(&nested, &tag.ty) };
        let mark = if tag.is_optional { "?" } else { "" };
        text.push_str(&format!("/** {} */\n{plain:?}{mark}: {ty};\n", harmless(&tag.description)));
    }
    text.push('}');
    let is_list = outer.ends_with("[]") || outer.starts_with("Array");
    if is_list { format!("({text})[]") } else { text }
}

/// A description cannot end the comment that it is put into.
fn harmless(text: &str) -> String {
    text.replace("*/", "")
}

fn tags(lines: &[&str]) -> Vec<Tag> {
    let mut joined: Vec<String> = Vec::new();
    for line in lines {
        match joined.last_mut() {
            // A tag goes on until the next one.
            Some(last) if !line.starts_with('@') => {
                last.push('\n');
                last.push_str(line);
            }
            _ if line.starts_with('@') => joined.push((*line).to_owned()),
            _ => {}
        }
    }
    joined.iter().filter_map(|text| tag(text)).collect()
}

fn tag(text: &str) -> Option<Tag> {
    const KINDS: [(&str, &str); 6] = [
        ("@param", "param"),
        ("@arg", "param"),
        ("@argument", "param"),
        ("@property", "property"),
        ("@prop", "property"),
        ("@typedef", "typedef"),
    ];
    let (word, rest) = text.split_once(char::is_whitespace)?;
    let kind = KINDS.iter().find(|(tag, _)| *tag == word)?.1;
    let (ty, rest) = enclosed(rest.trim_start(), '{', '}').unwrap_or(("Object", rest));
    let (name, is_bracketed, rest) = name(rest.trim_start());
    let ty = ty.trim();
    let is_optional = is_bracketed || ty.ends_with('=');
    let ty = match ty.trim_end_matches('=') {
        "*" | "" => String::from("any"),
        "array" => String::from("Array"),
        ty => ty.replace(".<", "<"),
    };
    let description = described(rest.trim_start().trim_start_matches('-')).unwrap_or_default();
    Some(Tag { kind, ty, name: name.to_owned(), is_optional, description })
}

/// What stands in the braces or brackets that a text begins with, and what follows them.
fn enclosed(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    if !text.starts_with(open) {
        return None;
    }
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        depth += i32::from(character == open) - i32::from(character == close);
        if depth == 0 {
            return Some((&text[1..at], &text[at + 1..]));
        }
    }
    None
}

/// A name, whether it is in brackets (`[name]`, `[name=1]`), and what follows.
fn name(text: &str) -> (&str, bool, &str) {
    if let Some((inner, rest)) = enclosed(text, '[', ']') {
        return (inner.split('=').next().unwrap_or_default().trim(), true, rest);
    }
    let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (name, false, rest)
}
