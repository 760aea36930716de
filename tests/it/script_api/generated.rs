//! Files that are made from the description are what it makes. `./just generate` writes them again.

use app::types::{REFERENCE_BEGIN, REFERENCE_END, declarations, reference};

use crate::tidy::read;

const AGAIN: &str = "run ./just generate";

#[test]
fn the_declarations_are_those_in_the_repository() {
    for path in ["ui/script-api.d.ts", "packages/types/index.d.ts"] {
        assert!(read(path) == declarations(), "{path} is old: {AGAIN}");
    }
}

#[test]
fn the_reference_is_the_one_in_the_page() {
    let page = read("docs/script-api.md");
    let (_, after) = page.split_once(REFERENCE_BEGIN).expect("the page has a reference");
    let (kept, _) = after.split_once(REFERENCE_END).expect("the reference has an end");
    assert!(kept.trim() == reference().trim(), "docs/script-api.md is old: {AGAIN}");
}

#[test]
fn the_package_carries_the_licences_of_the_repository_and_the_version_of_the_contract() {
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(read(licence) == read(&format!("packages/types/{licence}")), "packages/types/{licence} is another");
    }
    let package: serde_json::Value = serde_json::from_str(&read("packages/types/package.json")).unwrap();
    let contract = format!("package skerry:script@{};", package["version"].as_str().unwrap());
    assert!(read("wit/world.wit").contains(&contract), "the package's version is not the contract's");
}
