//! Keeps the repository in the form that `docs/ARCHITECTURE.md` and `docs/STYLE.md` describe: which crate imports which,
//! where SQL and `unsafe` are, what every file has, and that the documents speak of what is there.

mod documents;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use tree::{File, files, parts, rust_files};
pub(crate) use tree::{has_word, read, root};

/// The import table. Of Skerry's own crates a crate imports those that are named here and no other.
const CRATES: [(&str, &[&str]); 7] = [
    ("host/domain", &[]),
    ("host/database", &["domain"]),
    ("host/runtime", &["domain"]),
    ("host/app", &["domain", "database", "runtime"]),
    ("host/server", &["domain", "app"]),
    ("guest-js-engine/assemble", &["runtime"]),
    ("guest-js-engine", &[]),
];

/// Skerry's own crates, by the names under which they are imported.
const OWN: [&str; 5] = ["domain", "database", "runtime", "app", "server"];

/// Libraries that belong to some crates alone, with what begins like them.
const RESERVED: [(&str, &[&str]); 9] = [
    ("wasmtime", &["host/runtime", "guest-js-engine/assemble"]),
    ("rusqlite", &["host/database"]),
    ("refinery", &["host/database"]),
    ("oxc", &["guest-js-engine/compiler"]),
    ("javy", &["guest-js-engine"]),
    ("hyper", &["host/app", "host/server"]),
    ("axum", &["host/server"]),
    ("clap", &["host/server", "guest-js-engine/assemble"]),
    ("tokio", &["host/database", "host/runtime", "host/app", "host/server", "guest-js-engine/assemble"]),
];

/// The only files with `unsafe`, each with what it cannot do without.
const UNSAFE: [(&str, &str); 9] = [
    ("guest-js-engine/src/clock.rs", "libc's clock"),
    ("guest-js-engine/src/entry.rs", "loading bytecode"),
    ("guest-js-engine/src/globals/bytes.rs", "QuickJS's own questions"),
    ("guest-js-engine/src/globals/clone.rs", "QuickJS's own questions"),
    ("guest-js-engine/src/globals/inspect.rs", "QuickJS's own questions"),
    ("guest-js-engine/src/memory.rs", "the canonical ABI's allocator, and snapshots"),
    ("guest-js-engine/src/system.rs", "libc's system calls"),
    ("host/runtime/src/image.rs", "loading the embedded native code"),
    ("tests/benches/native.rs", "loading bytecode"),
];

/// Tables that belong to no tenant.
const GLOBAL_TABLES: [&str; 10] = [
    "deployment",
    "known_addresses",
    "operator_tokens",
    "password_resets",
    "passwords",
    "plans",
    "sessions",
    "sign_in_failures",
    "tenants",
    "users",
];

/// Files that are made from others, and read in an editor's hints.
const GENERATED: [&str; 2] = ["packages/types/index.d.ts", "ui/script-api.d.ts"];

/// The most lines of a file, and of one that is a test.
const LINES_MAX: usize = 500;
const TEST_LINES_MAX: usize = 600;

#[test]
fn a_crate_imports_only_the_crates_below_it() {
    for (folder, allowed) in CRATES {
        let needed = dependencies(folder);
        let wrong: Vec<&str> = OWN.into_iter().filter(|own| needed.contains(*own) && !allowed.contains(own)).collect();
        assert!(wrong.is_empty(), "{folder} must not depend on {wrong:?}");
        for file in sources_of(folder) {
            let code = parts(&file.text).code;
            for own in OWN.into_iter().filter(|own| !allowed.contains(own) && !folder.ends_with(own)) {
                assert!(!names_crate(&code, own), "{} must not name the crate {own}", file.path);
            }
        }
    }
}

#[test]
fn the_domain_needs_no_runtime_and_no_io() {
    let allowed = BTreeSet::from(["jiff", "thiserror", "uuid"].map(String::from));
    assert_eq!(dependencies("host/domain"), allowed);
}

#[test]
fn the_guest_needs_nothing_of_the_host() {
    for folder in ["guest-js-engine", "guest-js-engine/compiler"] {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        assert!(!manifest.contains("path = \"..") && !manifest.contains("host/"), "{folder} reaches into the host");
    }
}

#[test]
fn a_library_is_used_only_where_it_belongs() {
    for (library, owners) in RESERVED {
        for folder in CRATES.iter().map(|(folder, _)| *folder).chain(["guest-js-engine/compiler"]) {
            if owners.contains(&folder) {
                continue;
            }
            let wrong: Vec<String> = dependencies(folder).into_iter().filter(|name| belongs(name, library)).collect();
            assert!(wrong.is_empty(), "{folder} must not depend on {wrong:?}");
            for file in sources_of(folder) {
                assert!(!names_crate(&parts(&file.text).code, library), "{} must not name {library}", file.path);
            }
        }
    }
}

#[test]
fn only_the_database_contains_sql() {
    for file in rust_files().iter().filter(|file| !file.path.starts_with("host/database/")) {
        for text in parts(&file.text).texts {
            assert!(!is_statement(&text), "{} contains SQL: {text}", file.path);
        }
    }
    let strays: Vec<String> = files()
        .into_iter()
        .filter(|file| file.is("sql") && !file.path.starts_with("migrations/"))
        .map(|f| f.path)
        .collect();
    assert!(strays.is_empty(), "SQL files outside migrations: {strays:?}");
}

#[test]
fn every_module_says_what_it_is() {
    for file in rust_files() {
        assert!(file.text.starts_with("//! "), "{} does not open with `//!`", file.path);
    }
}

#[test]
fn no_file_is_two_files() {
    for file in files().iter().filter(|file| ["js", "rs", "sql", "ts", "wit"].iter().any(|ending| file.is(ending))) {
        if GENERATED.contains(&file.path.as_str()) {
            continue;
        }
        let (lines, most) = (file.text.lines().count(), if file.is_test() { TEST_LINES_MAX } else { LINES_MAX });
        assert!(lines <= most, "{} has {lines} lines, at most {most} are read in one go", file.path);
    }
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    for file in files() {
        for mark in marks {
            assert!(!has_word(&file.text, mark), "{} has a {mark}", file.path);
        }
        assert!(
            !file.is("rs") || !parts(&file.text).code.contains(concat!("#[ig", "nore")),
            "{} skips a test",
            file.path
        );
    }
}

#[test]
fn no_file_names_a_machine_or_where_packages_are_fetched() {
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let hosts =
        [concat!("crates", ".io"), concat!("npmjs", ".org"), concat!("debian", ".org"), concat!("proxy", ".golang")];
    for file in files() {
        for word in paths.into_iter().chain(hosts) {
            assert!(!names_path(&file.text, word), "{} names {word}", file.path);
        }
    }
}

#[test]
fn every_locked_package_comes_from_the_public_registry() {
    for lock in ["Cargo.lock", "guest-js-engine/Cargo.lock"] {
        let text = read(lock);
        let sources: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
        assert_eq!(sources.len(), 1, "{lock} has other sources: {sources:?}");
    }
}

#[test]
fn unsafe_is_where_it_is_listed_and_nowhere_else() {
    let is_unsafe = |file: &File| has_word(&parts(&file.text).code, "unsafe");
    let found: Vec<String> = rust_files().into_iter().filter(is_unsafe).map(|file| file.path).collect();
    let listed: Vec<&str> = UNSAFE.iter().map(|(path, _)| *path).collect();
    assert_eq!(found, listed);
}

#[test]
fn a_lint_is_expected_for_a_reason_and_never_allowed() {
    for file in rust_files() {
        let code = parts(&file.text).code;
        for attribute in ["#[allow(", "#![allow("] {
            assert!(!code.contains(attribute), "{}: write `expect` with a reason", file.path);
        }
        for attribute in code.split("[expect(").skip(1) {
            let attribute = attribute.split(']').next().unwrap_or_default();
            assert!(has_word(attribute, "reason"), "{}: `expect({attribute}` gives no reason", file.path);
        }
    }
}

#[test]
fn everything_in_the_contract_says_since_when_it_is_there() {
    let dated = ["interface ", "world ", "record ", "variant ", "enum ", "type ", "export "];
    for file in files().iter().filter(|file| file.is("wit")) {
        let mut before = "";
        for line in file.text.lines().map(str::trim) {
            let is_function = line.contains(": func(") && !line.starts_with("///");
            let is_dated = is_function || dated.iter().any(|word| line.starts_with(word));
            let is_since = before.starts_with("@since(version = ");
            assert!(!is_dated || is_since, "{}: `{line}` does not say since when", file.path);
            before = line;
        }
    }
}

#[test]
fn every_table_of_a_tenant_names_the_tenant_first() {
    for file in files().iter().filter(|file| file.path.starts_with("migrations/")) {
        for (table, body) in tables(&file.text) {
            if GLOBAL_TABLES.contains(&table) {
                continue;
            }
            let first = body.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("--"));
            assert!(first.is_some_and(|line| line.starts_with("tenant_id ")), "{table} does not begin with tenant_id");
            assert!(body.contains("PRIMARY KEY (tenant_id"), "{table}: the primary key does not begin with tenant_id");
            let loose = body.lines().map(str::trim).find(|line| {
                line.starts_with("FOREIGN KEY")
                    && !line.starts_with("FOREIGN KEY (tenant_id")
                    && !line.contains("REFERENCES users ")
            });
            assert_eq!(loose, None, "{table}: a foreign key does not begin with tenant_id");
        }
    }
}

#[test]
fn what_breaks_a_rule_is_found() {
    assert!(names_crate("use database::Script;", "database"));
    assert!(names_crate("fn f() -> Option<wasmtime::Engine>", "wasmtime"));
    assert!(!names_crate("use tokio::runtime::Builder; my_runtime::f()", "runtime"));
    let [select, from, delete] = [concat!("SEL", "ECT"), concat!("FR", "OM"), concat!("DEL", "ETE")];
    assert!(is_statement(&format!("{select} name {from} scripts")));
    assert!(is_statement(&format!("\n  {delete}\n  {from} scripts")));
    assert!(!is_statement(delete) && !is_statement("select one from many"));
    assert!(names_path("cd /srv/x", "/srv/") && !names_path("/api/srv/x", "/srv/"));
    let (table, body) = ("t", "\n    id TEXT");
    assert_eq!(tables(&format!("{} TABLE {table} ({body}\n);", concat!("CRE", "ATE"))), [(table, body)]);
}

/// Whether a text names `path` from the root of a machine, and not as the end of another path.
fn names_path(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| !path.starts_with('/') || !text[..at].ends_with(char::is_alphanumeric))
}

/// Every dependency of a crate, also of its tests and its build script.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest: toml::Table = read(&format!("{folder}/Cargo.toml")).parse().unwrap();
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

/// The sources of a crate, without those of the crates in its folder.
fn sources_of(folder: &str) -> Vec<File> {
    let own = [format!("{folder}/src/"), format!("{folder}/tests/"), format!("{folder}/build.rs")];
    rust_files().into_iter().filter(|file| own.iter().any(|start| file.path.starts_with(start))).collect()
}

/// Whether code reaches a crate by its name. A module of that name, as in `tokio::runtime`, is something else.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = &code[..at];
        !before.ends_with(|c: char| c.is_alphanumeric() || c == '_') && !before.trim_end().ends_with("::")
    })
}

fn belongs(name: &str, library: &str) -> bool {
    name == library || name.strip_prefix(library).is_some_and(|rest| rest.starts_with('-'))
}

/// Whether a text reads as a statement of SQL, of which every keyword is in upper case here.
fn is_statement(text: &str) -> bool {
    let pairs: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("SELECT", ["FROM"].as_slice()),
        ("INSERT", &["INTO"]),
        ("DELETE", &["FROM"]),
        ("UPDATE", &["SET"]),
        ("CREATE", &["TABLE", "INDEX", "VIEW", "TRIGGER"]),
        ("ALTER", &["TABLE"]),
        ("DROP", &["TABLE", "INDEX"]),
    ]);
    let starts_as_pragma = text.trim_start().starts_with(concat!("PRAG", "MA "));
    starts_as_pragma
        || pairs.iter().any(|(verb, others)| has_word(text, verb) && others.iter().any(|other| has_word(text, other)))
}

/// Each table that a migration creates, with what stands between its parentheses.
fn tables(migration: &str) -> Vec<(&str, &str)> {
    let create = concat!("CREATE", " TABLE ");
    migration
        .split(create)
        .skip(1)
        .map(|rest| {
            let (name, body) = rest.split_once('(').unwrap();
            (name.trim(), body.split_once("\n);").unwrap().0)
        })
        .collect()
}
