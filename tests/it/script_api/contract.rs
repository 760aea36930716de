//! What the description says of the contract in `wit/`, and what the contract says itself.

use std::collections::BTreeSet;

use app::types::{Example, Global, Page, script_api};
use wit_parser::{Resolve, TypeDefKind, WorldItem, WorldKey};

use crate::tidy::{has_word, read, root};

/// Imports that no script reaches: the host's own business with the guest.
const NOT_FOR_SCRIPTS: [&str; 1] = ["pages"];

#[test]
fn every_function_of_the_contract_is_described_and_every_described_one_is_there() {
    let described: BTreeSet<String> = script_api().iter().flat_map(functions).collect();
    let contract = contract_functions();
    let missing: Vec<&String> = contract.difference(&described).collect();
    let invented: Vec<&String> = described.difference(&contract).collect();
    assert!(missing.is_empty(), "not described in wit/script-api: {missing:?}");
    assert!(invented.is_empty(), "not in the contract: {invented:?}");
}

#[test]
fn every_host_call_is_described() {
    let described: BTreeSet<String> = script_api().iter().flat_map(functions).collect();
    let source = read("host/runtime/src/calls.rs");
    let names: Vec<&str> =
        source.lines().filter(|line| line.contains("\" needs ")).filter_map(|line| line.split('"').nth(1)).collect();
    assert!(names.len() >= 14, "{names:?}");
    for name in names {
        assert!(described.contains(name), "wit/script-api does not say what stands on {name}");
    }
}

#[test]
fn the_codes_of_errors_are_the_cases_of_the_contract() {
    let resolve = contract();
    let error = resolve.types.iter().find(|(_, type_)| type_.name.as_deref() == Some("error")).unwrap().1;
    let TypeDefKind::Variant(variant) = &error.kind else { panic!("{error:?}") };
    let is_own = |name: &&str| !["invalid-argument", "out-of-range"].contains(name);
    let cases = variant.cases.iter().map(|case| case.name.as_str());
    let cases: BTreeSet<String> = cases.filter(is_own).map(|name| name.replace('-', "_")).collect();
    let types = script_api().iter().flat_map(|page| &page.types);
    let codes = types.into_iter().find(|alias| alias.name() == "SkerryErrorCode").unwrap();
    let codes: BTreeSet<String> = codes.declaration.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(codes, cases);
    let page = read("docs/script-api.md");
    for code in &codes {
        assert!(page.contains(&format!("`{code}`")), "docs/script-api.md does not name the code {code}");
    }
    for (name, code) in script_api().iter().flat_map(errors) {
        assert!(codes.contains(code), "{name} rejects with {code}, which is none");
    }
}

#[test]
fn every_described_call_is_in_an_example() {
    for page in script_api().iter().filter(|page| !page.globals.is_empty()) {
        assert!(!page.examples.is_empty(), "{} has no example", page.title);
        let examples: String = page.examples.iter().map(|Example { source, .. }| source.as_str()).collect();
        // What standards say needs no example for each name.
        for global in page.globals.iter().filter(|global| global.is_global() && !page.is_standard) {
            assert!(has_word(&examples, &global.name), "no example has {}", global.name);
        }
        for member in
            page.globals.iter().filter(|_| page.is_documented && !page.is_standard).flat_map(|global| &global.members)
        {
            let is_shown = member.name == "constructor" || has_word(&examples, &member.name);
            assert!(is_shown, "{}: no example has {}", page.title, member.name);
        }
    }
}

#[test]
fn the_names_that_the_compiler_knows_are_the_described_globals() {
    let source = read("guest-js-engine/compiler/src/globals.rs");
    let list = source.split("const SCRIPT_API: &[&str] = &[").nth(1).and_then(|rest| rest.split("];").next()).unwrap();
    let known: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    let globals = script_api().iter().flat_map(|page| &page.globals).filter(|global| global.is_global());
    let described: BTreeSet<&str> = globals.map(|global| global.name.as_str()).collect();
    assert_eq!(known, described);
}

/// The functions of the contract that a page stands on.
fn functions(page: &Page) -> Vec<String> {
    let of_global = |global: &Global| {
        let members = global.members.iter().flat_map(|member| member.wit.clone());
        members.chain(global.wit.clone()).collect::<Vec<_>>()
    };
    page.globals.iter().flat_map(of_global).collect()
}

/// The codes of errors that a page names, with what it says them of.
fn errors(page: &Page) -> Vec<(&str, &String)> {
    let of_global = |global: &'static Global| {
        let own = global.errors.iter().map(|code| (global.name.as_str(), code));
        let members = global.members.iter();
        let members = members.flat_map(|member| member.errors.iter().map(|code| (member.name.as_str(), code)));
        own.chain(members).collect::<Vec<_>>()
    };
    script_api()
        .iter()
        .filter(|known| known.title == page.title)
        .flat_map(|page| &page.globals)
        .flat_map(of_global)
        .collect()
}

/// Every function that a script can reach, as `interface.function`.
fn contract_functions() -> BTreeSet<String> {
    let resolve = contract();
    let (_, world) = resolve.worlds.iter().find(|(_, world)| world.name == "script").unwrap();
    let mut functions = BTreeSet::new();
    for (key, item) in &world.imports {
        let (WorldKey::Interface(_), WorldItem::Interface { id, .. }) = (key, item) else { continue };
        let interface = &resolve.interfaces[*id];
        let name = interface.name.as_deref().unwrap();
        if !NOT_FOR_SCRIPTS.contains(&name) {
            functions.extend(interface.functions.keys().map(|function| format!("{name}.{function}")));
        }
    }
    assert!(functions.len() >= 16, "{functions:?}");
    functions
}

fn contract() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit")).unwrap();
    resolve
}
