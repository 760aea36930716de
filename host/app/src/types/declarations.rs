//! The script API as TypeScript declarations: what `ui/script-api.d.ts` and `@skerry/types` hold.

use std::collections::BTreeMap;

use super::description::{Global, GlobalKind, Page, script_api};

const HEADER: &str = "\
// Generated from wit/script-api by `./just generate`; what is changed here is lost.
//
// The script API, version 1: everything that a script can reach beside JavaScript's own; see docs/script-api.md.
// It takes the place of the types of a browser or of Node: `\"lib\": [\"esnext\"], \"types\": [\"@skerry/types\"]`.
";

/// Declarations that take the place of those of the same name.
pub(super) type Replacements = BTreeMap<&'static str, String>;

/// The declarations that hold for every tenant.
pub fn declarations() -> String {
    declarations_with(&Replacements::new())
}

/// The declarations, with some of the types replaced by a tenant's own.
pub(super) fn declarations_with(replacements: &Replacements) -> String {
    let mut text = HEADER.to_owned();
    for page in script_api() {
        write_page(page, replacements, &mut text);
    }
    text
}

fn write_page(page: &Page, replacements: &Replacements, text: &mut String) {
    *text += &format!("\n// {}\n", page.title.replace('`', ""));
    for global in &page.globals {
        text.push('\n');
        *text += &comment(&global.doc, &global.errors, "");
        write_global(global, text);
    }
    for alias in &page.types {
        text.push('\n');
        *text += &comment(&alias.doc, &[], "");
        *text += replacements.get(alias.name()).map_or(alias.declaration.trim_end(), |own| own.trim_end());
        text.push('\n');
    }
}

fn write_global(global: &Global, text: &mut String) {
    let Global { name, .. } = global;
    match &global.kind {
        GlobalKind::Function(signature) => *text += &format!("declare function {name}{signature};\n"),
        GlobalKind::Value(type_) => *text += &format!("declare const {name}: {type_};\n"),
        GlobalKind::Namespace => {
            *text += &format!("declare const {name}: {{\n");
            write_members(global, text);
            *text += "};\n";
        }
        GlobalKind::Interface => {
            let parents = global.extends.iter().map(|parent| format!(" extends {parent}")).collect::<String>();
            *text += &format!("interface {name}{parents} {{\n");
            write_members(global, text);
            *text += "}\n";
        }
        GlobalKind::Class => write_class(global, text),
    }
}

/// A class; what its instances have in common with others comes from an interface of the same name.
fn write_class(global: &Global, text: &mut String) {
    let Global { name, parameters, .. } = global;
    let parent = global.extends.iter().map(|parent| format!(" extends {parent}")).collect::<String>();
    *text += &format!("declare class {name}{parameters}{parent} {{\n");
    write_members(global, text);
    *text += "}\n";
    if let Some(shared) = &global.implements {
        *text += &format!("interface {name}{parameters} extends {shared} {{}}\n");
    }
}

fn write_members(global: &Global, text: &mut String) {
    for member in &global.members {
        for declaration in &member.declarations {
            *text += &comment(&member.doc, &member.errors, "  ");
            *text += &format!("  {declaration}\n");
        }
    }
}

/// A comment for editors; nothing where there is nothing to say.
fn comment(doc: &str, errors: &[String], indent: &str) -> String {
    let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
    if doc.is_empty() {
        return String::new();
    }
    if errors.is_empty() {
        return format!("{indent}/** {doc} */\n");
    }
    let codes = errors.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
    format!("{indent}/**\n{indent} * {doc}\n{indent} * @throws {{SkerryError}} {codes}\n{indent} */\n")
}
