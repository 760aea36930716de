//! The examples of `docs/script-api.md`: each is run, and answers what the page says.
//!
//! An example says in comments what it is given and how it ends: `// kind: …`, `// input: …`, `// → …` or `// fails: …`.
//! What is not there without being declared it asks for with `// with: …`, see `examples/stage.rs`.

mod network;
mod stage;

use app::{App, AppConfig, LocalEnd, LocalRun, Output};
use domain::{Language, Limits, ScriptKind};

const PAGE: &str = include_str!("../../docs/script-api.md");

/// An example, and what the page says of it.
#[derive(Debug)]
struct Example {
    language: Language,
    source: String,
    kind: ScriptKind,
    input: String,
    with: Vec<String>,
    expected: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_script_api_answers_what_its_page_says() {
    let examples = examples();
    assert!(examples.len() >= 15, "the page has {} examples", examples.len());
    for example in examples {
        let answered = if example.with.is_empty() { run(&example).await } else { stage::run(&example).await };
        assert_eq!(answered, example.expected, "{}", example.source);
    }
}

/// The page's blocks of code. Each says how it ends.
fn examples() -> Vec<Example> {
    let languages = [("```js\n", Language::JavaScript), ("```ts\n", Language::TypeScript)];
    let blocks = languages.into_iter().flat_map(|(fence, language)| {
        PAGE.split(fence).skip(1).filter_map(move |rest| Some((language, rest.split("```").next()?)))
    });
    blocks.map(|(language, block)| example(language, block)).collect()
}

fn example(language: Language, block: &str) -> Example {
    let said = |mark: &str| block.lines().find_map(|line| line.strip_prefix(mark)).map(str::to_owned);
    let failure = said("// fails: ").map(|kind| format!("fails: {kind}"));
    Example {
        language,
        kind: said("// kind: ").map_or(ScriptKind::OneOff, |kind| kind.parse().unwrap()),
        input: said("// input: ").unwrap_or_else(|| String::from("null")),
        with: block.lines().filter_map(|line| line.strip_prefix("// with: ")).map(str::to_owned).collect(),
        expected: said("// → ").or(failure).expect("every example says how it ends"),
        source: block.to_owned(),
    }
}

/// Run an example as `skerry run` does: nothing is there that has to be declared.
async fn run(example: &Example) -> String {
    let app = App::open(AppConfig::in_memory()).await.unwrap();
    let run = LocalRun {
        file_name: format!("example{}", example.language.extension()),
        language: example.language,
        text: example.source.clone(),
        kind: example.kind,
        input: example.input.clone(),
        limits: Limits::DEFAULT,
    };
    match app.run_local(run).await.unwrap() {
        LocalEnd::NotCompiled(diagnostics) => panic!("{diagnostics:#?}"),
        LocalEnd::Ran(outcome) => match outcome.result {
            Ok(Output::Json(json)) => json,
            Ok(Output::Response(response)) => {
                let body = String::from_utf8(response.body).unwrap();
                format!("{} {body}", response.status).trim_end().to_owned()
            }
            Err(failure) => format!("fails: {}", failure.kind),
        },
    }
}
