//! A sample of what ECMAScript asks for, in our own words: `fixtures/conformance/<part>.js` answers cases by name, each
//! with what it comes to and what it has to be. `docs/conformance.md` says which parts of test262 were run,
//! and how they came out.

use std::{fs, path::Path};

use domain::Language;

use crate::support::{Run, json};

/// How many cases there are at least, so that an empty folder is noticed.
const CASES_MIN: usize = 100;

#[tokio::test]
async fn the_language_is_ecmascripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/conformance");
    let (mut cases, mut findings) = (0, Vec::new());
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        let outcome = Run { language: Language::JavaScript, ..Run::default() }.source(&source).await;
        for (what, values) in json(&outcome).as_object().unwrap() {
            cases += 1;
            if values[0] != values[1] {
                findings.push(format!("{}: {what}: {} is not {}", path.display(), values[0], values[1]));
            }
        }
    }
    assert!(cases >= CASES_MIN, "{cases} cases");
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
