//! The examples of `docs/script-api.md`: each is run, and answers what the page says.

use app::{App, AppConfig, LocalEnd, LocalRun, Output};
use domain::{Language, Limits, ScriptKind};

const PAGE: &str = include_str!("../../docs/script-api.md");

/// An example, and what the page says of it.
#[derive(Debug)]
struct Example {
    source: String,
    kind: ScriptKind,
    input: String,
    expected: String,
}

#[tokio::test]
async fn every_example_of_the_script_api_answers_what_its_page_says() {
    let examples = examples();
    assert!(examples.len() >= 15, "the page has {} examples", examples.len());
    for example in examples {
        let answered = run(&example).await;
        assert_eq!(answered, example.expected, "{}", example.source);
    }
}

/// The blocks of JavaScript that say how they end.
fn examples() -> Vec<Example> {
    let blocks = PAGE.split("```js\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks
        .map(|block| {
            let said = |mark: &str| block.lines().find_map(|line| line.strip_prefix(mark)).map(str::to_owned);
            let failure = said("// fails: ").map(|kind| format!("fails: {kind}"));
            Example {
                kind: said("// kind: ").map_or(ScriptKind::OneOff, |kind| kind.parse().unwrap()),
                input: said("// input: ").unwrap_or_else(|| String::from("null")),
                expected: said("// → ").or(failure).expect("every example says how it ends"),
                source: block.to_owned(),
            }
        })
        .collect()
}

async fn run(example: &Example) -> String {
    let app = App::open(AppConfig::in_memory()).await.unwrap();
    let run = LocalRun {
        file_name: String::from("example.js"),
        language: Language::JavaScript,
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
