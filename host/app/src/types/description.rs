//! The description of the script API, as it is written in `wit/script-api/`: one page for each subject.
//!
//! It is the one source of the TypeScript declarations and of the reference in `docs/script-api.md`. Tests hold it
//! against the contract in `wit/` and against the guest.

use std::sync::LazyLock;

use serde::Deserialize;

/// The pages in the order of the reference.
const SOURCES: [&str; 16] = [
    include_str!("../../../../wit/script-api/entries.toml"),
    include_str!("../../../../wit/script-api/context.toml"),
    include_str!("../../../../wit/script-api/storage.toml"),
    include_str!("../../../../wit/script-api/services.toml"),
    include_str!("../../../../wit/script-api/events.toml"),
    include_str!("../../../../wit/script-api/http.toml"),
    include_str!("../../../../wit/script-api/secrets.toml"),
    include_str!("../../../../wit/script-api/console.toml"),
    include_str!("../../../../wit/script-api/utils.toml"),
    include_str!("../../../../wit/script-api/timers.toml"),
    include_str!("../../../../wit/script-api/crypto.toml"),
    include_str!("../../../../wit/script-api/errors.toml"),
    include_str!("../../../../wit/script-api/url.toml"),
    include_str!("../../../../wit/script-api/fetch.toml"),
    include_str!("../../../../wit/script-api/binary.toml"),
    include_str!("../../../../wit/script-api/web.toml"),
];

static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let read = |source| toml::from_str(source).expect("the description is in the binary, and tests read it");
    SOURCES.into_iter().map(read).collect()
});

/// Every page of the description, in order.
pub fn script_api() -> &'static [Page] {
    &PAGES
}

/// One subject.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The heading, in Markdown.
    pub title: String,
    /// What stands below the heading, in Markdown.
    #[serde(default)]
    pub intro: String,
    /// What stands after the members, in Markdown: limits, and what this version lacks.
    #[serde(default)]
    pub limits: String,
    /// Whether a standard says what everything on the page does: the reference then only lists it.
    #[serde(default)]
    pub is_standard: bool,
    /// Whether the page is a part of the reference, and not of the declarations alone.
    #[serde(default = "yes")]
    pub is_documented: bool,
    /// What a script can name.
    #[serde(default)]
    pub globals: Vec<Global>,
    /// Types that the declarations use.
    #[serde(default)]
    pub types: Vec<TypeAlias>,
    /// Examples, each run by a test.
    #[serde(default)]
    pub examples: Vec<Example>,
}

/// A global, or the type of a value that one answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "GlobalSource")]
pub struct Global {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: GlobalKind,
    /// What it is for, in a sentence.
    pub doc: String,
    /// Its type parameters, as TypeScript writes them; empty where there are none.
    pub parameters: String,
    /// The class that it extends.
    pub extends: Option<String>,
    /// The interface that its instances have too.
    pub implements: Option<String>,
    /// JavaScript that answers one: an instance of a class, or a value that has the interface's members.
    pub make: Option<String>,
    /// The functions of the contract that it stands on by itself.
    pub wit: Vec<String>,
    /// The codes of the errors that it rejects with by itself.
    pub errors: Vec<String>,
    /// Its members.
    pub members: Vec<Member>,
}

/// What a global is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobalKind {
    /// An object with members.
    Namespace,
    /// A class with instances.
    Class,
    /// The type of a value; not a global by itself.
    Interface,
    /// A function, with its parameters and its answer.
    Function(String),
    /// A value of a type.
    Value(String),
}

/// A member of a global.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name; `constructor` and `[Symbol.iterator]` are names too.
    pub name: String,
    /// Where it is found.
    pub place: Place,
    /// Its declarations in TypeScript; more than one where it is overloaded.
    pub declarations: Vec<String>,
    /// What it does or is.
    pub doc: String,
    /// The functions of the contract that it stands on.
    pub wit: Vec<String>,
    /// The codes of the errors that it rejects with.
    pub errors: Vec<String>,
}

/// Where a member is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the object, or on the instances of the class.
    Instance,
    /// On the class itself.
    Static,
    /// On some instances alone.
    SomeInstances,
}

/// A type that the declarations use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeAlias {
    /// Its declaration.
    pub declaration: String,
    /// What it is.
    pub doc: String,
}

/// An example, which says how it ends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The script.
    pub source: String,
    /// What it is written in: `js` or `ts`.
    #[serde(default = "javascript")]
    pub language: String,
}

impl TypeAlias {
    /// The name that it declares.
    pub fn name(&self) -> &str {
        let after = self.declaration.split_whitespace().nth(1).unwrap_or_default();
        after.split(['<', '{', '=', ';']).next().unwrap_or_default()
    }
}

impl Global {
    /// Whether a script finds it under its name.
    pub fn is_global(&self) -> bool {
        self.kind != GlobalKind::Interface
    }
}

/// A global as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GlobalSource {
    name: String,
    kind: String,
    doc: String,
    signature: Option<String>,
    r#type: Option<String>,
    #[serde(default)]
    parameters: String,
    extends: Option<String>,
    implements: Option<String>,
    make: Option<String>,
    #[serde(default)]
    wit: Vec<String>,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    members: Vec<MemberSource>,
    #[serde(default)]
    body: String,
}

/// A member as it is written where it has more than a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberSource {
    signature: String,
    doc: String,
    #[serde(default)]
    wit: Vec<String>,
    #[serde(default)]
    errors: Vec<String>,
}

impl TryFrom<GlobalSource> for Global {
    type Error = String;

    fn try_from(source: GlobalSource) -> Result<Self, String> {
        let name = source.name;
        let kind = match (source.kind.as_str(), source.signature, source.r#type) {
            ("namespace", None, None) => GlobalKind::Namespace,
            ("class", None, None) => GlobalKind::Class,
            ("interface", None, None) => GlobalKind::Interface,
            ("function", Some(signature), None) => GlobalKind::Function(signature),
            ("value", None, Some(type_)) => GlobalKind::Value(type_),
            (kind, ..) => return Err(format!("{name}: '{kind}' is not described like this")),
        };
        let mut members = body_members(&source.body);
        members.extend(source.members.into_iter().map(|member| {
            let declarations: Vec<String> = member.signature.lines().map(str::to_owned).collect();
            let (name, place) = name_and_place(&declarations[0]);
            Member { name, place, declarations, doc: member.doc, wit: member.wit, errors: member.errors }
        }));
        Ok(Self {
            name,
            kind,
            doc: source.doc,
            parameters: source.parameters,
            extends: source.extends,
            implements: source.implements,
            make: source.make,
            wit: source.wit,
            errors: source.errors,
            members,
        })
    }
}

/// The members of a body of TypeScript, of which each line is one declaration or the comment before it.
fn body_members(body: &str) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    let mut doc = String::new();
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("/** ").and_then(|rest| rest.strip_suffix(" */")) {
            doc = comment.to_owned();
            continue;
        }
        let (name, place) = name_and_place(line);
        let declaration = line.strip_prefix("own ").unwrap_or(line).to_owned();
        match members.last_mut().filter(|last| last.name == name && last.place == place) {
            Some(overloaded) => overloaded.declarations.push(declaration),
            None => {
                let (doc, wit, errors) = (std::mem::take(&mut doc), Vec::new(), Vec::new());
                members.push(Member { name, place, declarations: vec![declaration], doc, wit, errors });
            }
        }
    }
    members
}

/// The name in a declaration, and where the words before it say that it is found.
fn name_and_place(declaration: &str) -> (String, Place) {
    let mut place = Place::Instance;
    let mut rest = declaration;
    while let Some((word, after)) = rest.split_once(' ') {
        match word {
            "static" => place = Place::Static,
            "own" => place = Place::SomeInstances,
            "readonly" | "private" => {}
            _ => break,
        }
        rest = after;
    }
    let end = rest.find(['(', '<', ':', '?']).unwrap_or(rest.len());
    (rest[..end].to_owned(), place)
}

fn yes() -> bool {
    true
}

fn javascript() -> String {
    String::from("js")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_says_its_name_and_its_place() {
        let cases = [
            ("get<T = any>(key: string): Promise<T | null>;", "get", Place::Instance),
            ("readonly size: number;", "size", Place::Instance),
            ("static any(signals: Iterable<AbortSignal>): AbortSignal;", "any", Place::Static),
            ("own readonly params: { readonly [name: string]: string };", "params", Place::SomeInstances),
            ("[Symbol.iterator](): IterableIterator<string>;", "[Symbol.iterator]", Place::Instance),
            ("private constructor();", "constructor", Place::Instance),
        ];
        for (declaration, name, place) in cases {
            assert_eq!(name_and_place(declaration), (name.to_owned(), place), "{declaration}");
        }
    }

    #[test]
    fn a_type_says_its_name() {
        let name =
            |declaration: &str| TypeAlias { declaration: declaration.to_owned(), doc: String::new() }.name().to_owned();
        assert_eq!(name("type Json = null;"), "Json");
        assert_eq!(name("interface EventInput<T = any> {\n}"), "EventInput");
        assert_eq!(name("interface Env {\n}"), "Env");
    }

    #[test]
    fn every_page_reads_and_every_name_is_there_once() {
        let mut names: Vec<&str> = script_api()
            .iter()
            .flat_map(|page| page.globals.iter().map(|global| global.name.as_str()))
            .chain(script_api().iter().flat_map(|page| page.types.iter().map(TypeAlias::name)))
            .collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert!(all > 40 && names.len() == all, "{names:?}");
    }
}
