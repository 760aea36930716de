//! Finds the imports and exports of a module, for putting modules into one where esbuild is not there.
//!
//! It reads just enough of JavaScript and TypeScript to know what stands at the top level: texts, templates, comments, regular
//! expressions and brackets. What it does not know it says, and leaves to a bundler.

/// An import or export at the top level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Where it begins and ends, in bytes. Of an export that declares something, only what stands before the declaration.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Takes names of another module.
    Import { names: Names, from: String },
    /// Of types alone: nothing that runs.
    Types,
    /// `export default` before a function or class with a name, or before anything else.
    Default { name: Option<String> },
    /// `export` before a declaration of a name.
    Declaration { name: String },
    /// `export { a, b as c }`.
    List(Vec<(String, String)>),
    /// A function at the top level that is not exported.
    Function { name: String },
}

/// What an import names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) default: Option<String>,
    pub(super) namespace: Option<String>,
    /// Each with the name that it has here.
    pub(super) named: Vec<(String, String)>,
}

/// Why a module cannot be read here: where, in bytes, and what.
pub(super) type Unknown = (usize, &'static str);

/// The statements of a module, in order.
pub(super) fn find(text: &str) -> Result<Vec<Statement>, Unknown> {
    let mut found = Vec::new();
    let (mut depth, mut at, mut starts) = (0_usize, 0, true);
    let mut before = Token::Start;
    while let Some((token, start, end)) = next(text, at, before) {
        at = end;
        if depth == 0
            && starts
            && let Token::Word(word) = token
            && let Some((statement, end)) = statement(text, word, start, end)?
        {
            at = end;
            // What an export declares follows it, and begins no statement of its own.
            starts = !matches!(statement.kind, Kind::Default { .. } | Kind::Declaration { .. });
            found.push(statement);
            before = Token::Start;
            continue;
        }
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        // A statement begins a line, or follows a `;` or a `}`.
        starts = matches!(token, Token::Semicolon | Token::Close)
            || text[end..].trim_start_matches([' ', '\t', '\r']).starts_with('\n');
        before = token;
    }
    Ok(found)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Start,
    Word(&'a str),
    Open,
    Close,
    Semicolon,
    /// A number, a text, a template or a regular expression.
    Value,
    Sign,
}

/// The next token from `at` on that is no space and no comment.
fn next<'a>(text: &'a str, at: usize, before: Token<'_>) -> Option<(Token<'a>, usize, usize)> {
    let at = skip_blank(text, at);
    let rest = &text[at..];
    let first = rest.chars().next()?;
    let (token, length) = match first {
        '{' | '(' | '[' => (Token::Open, 1),
        '}' | ')' | ']' => (Token::Close, 1),
        ';' => (Token::Semicolon, 1),
        '"' | '\'' => (Token::Value, quoted(rest, first)),
        '`' => (Token::Value, template(rest)),
        '/' if begins_expression(before) => (Token::Value, regular_expression(rest)),
        _ if is_word(first) => {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let is_number = first.is_ascii_digit();
            (if is_number { Token::Value } else { Token::Word(&rest[..length]) }, length)
        }
        _ => (Token::Sign, first.len_utf8()),
    };
    Some((token, at, at + length))
}

fn skip_blank(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        at += if trimmed.starts_with("//") || (at == 0 && trimmed.starts_with("#!")) {
            trimmed.find('\n').unwrap_or(trimmed.len())
        } else if trimmed.starts_with("/*") {
            trimmed.find("*/").map_or(trimmed.len(), |end| end + 2)
        } else {
            return at;
        };
    }
}

/// Whether a `/` after `before` begins a regular expression, and divides nothing.
fn begins_expression(before: Token<'_>) -> bool {
    match before {
        Token::Value | Token::Close => false,
        Token::Word(word) => {
            matches!(
                word,
                "return" | "typeof" | "case" | "in" | "of" | "void" | "delete" | "await" | "yield" | "else" | "do"
            )
        }
        _ => true,
    }
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => return at,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn regular_expression(text: &str) -> usize {
    let (mut escaped, mut in_class) = (false, false);
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => return at,
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A template with the expressions inside of it.
fn template(text: &str) -> usize {
    let mut at = 1;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '\\' => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            '`' => return at + 1,
            '$' if text[at + 1..].starts_with('{') => {
                let (mut depth, mut before) = (1, Token::Start);
                at += 2;
                while depth > 0 {
                    let Some((token, _, end)) = next(text, at, before) else { return text.len() };
                    depth = match token {
                        Token::Open => depth + 1,
                        Token::Close => depth - 1,
                        _ => depth,
                    };
                    (at, before) = (end, token);
                }
            }
            _ => at += c.len_utf8(),
        }
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '#')
}

/// The import or export that `word` begins, with where reading goes on; nothing where it is something else.
fn statement(text: &str, word: &str, start: usize, end: usize) -> Result<Option<(Statement, usize)>, Unknown> {
    let made = |kind, end| Ok(Some((Statement { start, end, kind }, end)));
    match word {
        "import" => match import(text, start, end)? {
            Some((kind, end)) => made(kind, end),
            None => Ok(None),
        },
        "export" => {
            let (kind, end) = export(text, start, end)?;
            made(kind, end)
        }
        "function" | "async" => {
            let name = function_name(text, word, end);
            Ok(name.map(|name| (Statement { start, end: start, kind: Kind::Function { name } }, end)))
        }
        _ => Ok(None),
    }
}

fn import(text: &str, start: usize, end: usize) -> Result<Option<(Kind, usize)>, Unknown> {
    let after = skip_blank(text, end);
    // `import(…)` and `import.meta` are expressions.
    if text[after..].starts_with(['(', '.']) {
        return Ok(None);
    }
    let (clause_end, from) = specifier(text, after).ok_or((start, "this import cannot be read here"))?;
    let clause = &text[after..clause_end.0];
    let names = names(clause.trim().trim_end_matches("from").trim());
    let kind = match names {
        _ if is_of_types(clause) => Kind::Types,
        Some(names) => Kind::Import { names, from },
        None => return Err((start, "this import cannot be read here")),
    };
    Ok(Some((kind, end_of(text, clause_end.1))))
}

fn is_of_types(clause: &str) -> bool {
    clause.strip_prefix("type").is_some_and(|rest| {
        let rest = rest.trim_start();
        rest.starts_with(['{', '*'])
            || (!rest.is_empty() && !rest.starts_with([',', '"', '\'']) && !rest.starts_with("from "))
    })
}

/// Where the text with a module's name stands, from `at` on, and the name.
fn specifier(text: &str, at: usize) -> Option<((usize, usize), String)> {
    let mut position = at;
    loop {
        let (token, start, end) = next(text, position, Token::Start)?;
        match token {
            Token::Value => return Some(((start, end), text[start + 1..end - 1].to_owned())),
            Token::Semicolon => return None,
            _ => position = end,
        }
    }
}

fn names(clause: &str) -> Option<Names> {
    let mut names = Names::default();
    let (head, braces) = match clause.split_once('{') {
        Some((head, rest)) => (head, Some(rest.split_once('}')?.0)),
        None => (clause, None),
    };
    for part in head.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.strip_prefix('*') {
            Some(rest) => names.namespace = Some(rest.trim().strip_prefix("as ")?.trim().to_owned()),
            None if part.chars().all(is_word) => names.default = Some(part.to_owned()),
            None => return None,
        }
    }
    names.named = pairs(braces.unwrap_or_default())?;
    Some(names)
}

/// `a, b as c` as pairs of the first and the second name; types are left out.
fn pairs(list: &str) -> Option<Vec<(String, String)>> {
    let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty() && !part.starts_with("type "));
    parts
        .map(|part| {
            let mut words = part.split_whitespace();
            let first = words.next()?;
            let second = match words.next() {
                Some("as") => words.next()?,
                Some(_) => return None,
                None => first,
            };
            (first.chars().all(is_word) && second.chars().all(is_word)).then(|| (first.to_owned(), second.to_owned()))
        })
        .collect()
}

fn export(text: &str, start: usize, end: usize) -> Result<(Kind, usize), Unknown> {
    let unknown = |what| Err((start, what));
    let after = skip_blank(text, end);
    let rest = &text[after..];
    if rest.starts_with('*') {
        return unknown("a re-export cannot be read here");
    }
    if rest.starts_with('{') {
        let close = rest.find('}').ok_or((start, "this export cannot be read here"))?;
        let list = pairs(&rest[1..close]).ok_or((start, "this export cannot be read here"))?;
        let tail = skip_blank(text, after + close + 1);
        if text[tail..].starts_with("from") {
            return unknown("a re-export cannot be read here");
        }
        return Ok((Kind::List(list), end_of(text, after + close + 1)));
    }
    let word = rest.split(|c| !is_word(c)).next().unwrap_or_default();
    let word_end = after + word.len();
    match word {
        "default" => {
            let value = skip_blank(text, word_end);
            Ok((Kind::Default { name: declared(text, value) }, value))
        }
        "type" | "interface" | "declare" | "namespace" => Ok((Kind::Types, after)),
        "const" | "let" | "var" | "function" | "async" | "class" | "abstract" | "enum" => match declared(text, after) {
            Some(name) => Ok((Kind::Declaration { name }, after)),
            None => unknown("this export cannot be read here"),
        },
        _ => unknown("this export cannot be read here"),
    }
}

/// The name that the declaration at `at` declares.
fn declared(text: &str, at: usize) -> Option<String> {
    let (Token::Word(word), _, end) = next(text, at, Token::Start)? else { return None };
    match word {
        "function" | "async" => function_name(text, word, end),
        "class" | "const" | "let" | "var" | "enum" => {
            word_at(text, end).filter(|name| *name != "extends").map(str::to_owned)
        }
        "abstract" => declared(text, end),
        _ => None,
    }
}

fn function_name(text: &str, word: &str, end: usize) -> Option<String> {
    let mut at = end;
    if word == "async" {
        let (Token::Word("function"), _, end) = next(text, end, Token::Start)? else { return None };
        at = end;
    }
    at = skip_blank(text, at);
    at += usize::from(text[at..].starts_with('*'));
    word_at(text, at).map(str::to_owned)
}

fn word_at(text: &str, at: usize) -> Option<&str> {
    match next(text, at, Token::Start)? {
        (Token::Word(word), ..) => Some(word),
        _ => None,
    }
}

/// The end of a statement whose last part ends at `at`: after its `;`, where there is one on the line.
fn end_of(text: &str, at: usize) -> usize {
    let rest = text[at..].trim_start_matches([' ', '\t']);
    if rest.starts_with(';') { text.len() - rest.len() + 1 } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        find(text).expect(text).into_iter().map(|statement| statement.kind).collect()
    }

    fn import(default: Option<&str>, named: &[(&str, &str)]) -> Kind {
        let named = named.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let names = Names { default: default.map(str::to_owned), namespace: None, named };
        Kind::Import { names, from: String::from("./a.js") }
    }

    #[test]
    fn imports_are_read_in_each_of_their_forms() {
        assert_eq!(kinds("import a from './a.js';"), [import(Some("a"), &[])]);
        assert_eq!(kinds("import { b, c as d, type T } from \"./a.js\""), [import(None, &[("b", "b"), ("c", "d")])]);
        assert_eq!(kinds("import a, {\n  b,\n} from './a.js'"), [import(Some("a"), &[("b", "b")])]);
        assert_eq!(kinds("import './a.js'"), [import(None, &[])]);
        assert_eq!(kinds("import type { T } from './a.js'"), [Kind::Types]);
        assert_eq!(kinds("const x = import.meta; import('./a.js')"), []);
        assert!(matches!(&kinds("import * as all from './a.js'")[..],
            [Kind::Import { names, .. }] if names.namespace.as_deref() == Some("all")));
    }

    #[test]
    fn exports_are_read_in_each_of_their_forms() {
        let default = |name: Option<&str>| Kind::Default { name: name.map(str::to_owned) };
        let declaration = |name: &str| Kind::Declaration { name: name.to_owned() };
        for (text, kind) in [
            ("export default async function* main() {}", default(Some("main"))),
            ("export default class A extends B {}", default(Some("A"))),
            ("export default class extends B {}", default(None)),
            ("export default (a) => a", default(None)),
            ("export default function () {}", default(None)),
            ("export const a = 1", declaration("a")),
            ("export async function f() {}", declaration("f")),
            ("export abstract class C {}", declaration("C")),
            ("export interface I {}", Kind::Types),
            ("export type T = 1", Kind::Types),
            ("export { a, b as c };", Kind::List(vec![("a".into(), "a".into()), ("b".into(), "c".into())])),
            ("function only() {}", Kind::Function { name: String::from("only") }),
        ] {
            assert_eq!(kinds(text), [kind], "{text}");
        }
        for text in ["export * from './a.js'", "export { a } from './a.js'", "export const { a } = b"] {
            assert!(find(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_statement_is_none() {
        for text in [
            "const a = `\nimport x from './x'\n${`\nexport default ${{}}\n`}\n`",
            "/*\nimport x from './x'\n*/",
            "const a = '\\'\\\nimport';\n// import x from 'y'",
            "{\nimport x from './x'\n}",
            "const r = /[/'\"`]/;\nconst s = 1 / 2 / 3;",
            "a.export\n.import",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }
}
