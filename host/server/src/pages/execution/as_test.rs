//! An execution as a test for `skerry test`: the script, what it was given, what its calls were answered, and what came of it.
//! It is a beginning that its reader goes on with, and there only for those who may inspect the execution.

use std::{collections::BTreeMap, fmt::Write};

use app::{CallView, Execution, ResultView};
use domain::ScriptKind;
use serde_json::Value;

use super::{super::format, Read};

/// The most bytes of what stands in a test: of more nobody makes one by copying.
const BYTES_MAX: usize = 32 << 10;

/// The services by name, with what each method answered, in order.
type Answers = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// The test; `None` where it cannot be one: the execution has not ended, was ended from outside, or is too large.
pub(super) fn of(read: &Read) -> Option<String> {
    let (view, script) = (&read.view, read.script.as_ref()?);
    let expectation = expectation(read, script.kind == ScriptKind::Endpoint)?;
    let input = view.input.as_deref()?;
    let mut test = String::new();
    // Writing to a text does not fail.
    let _ =
        writeln!(test, "import run from {};\n", quoted(&format!("./{}{}", script.name, script.language.extension())));
    let _ = writeln!(test, "it({}, async () => {{", quoted(&title(&view.execution)));
    let _ = writeln!(test, "  fake.time({});", quoted(&began(&view.execution)));
    fakes(&mut test, read.calls.as_deref().unwrap_or_default());
    if script.kind == ScriptKind::Endpoint {
        let _ = writeln!(test, "  const request = {};", request(input)?);
    } else {
        let _ = writeln!(test, "  const input = {input};");
    }
    test.push_str(&expectation);
    test.push_str("});\n");
    (test.len() <= BYTES_MAX).then(|| format::shown(&test))
}

fn title(execution: &Execution) -> String {
    format!("does what it did in {}", execution.id)
}

fn began(execution: &Execution) -> String {
    execution.started_at.unwrap_or(execution.accepted_at).to_rfc3339()
}

/// What is to come of it.
fn expectation(read: &Read, is_endpoint: bool) -> Option<String> {
    let argument = if is_endpoint { "request" } else { "input" };
    if let Some(failure) = &read.view.error {
        let is_the_scripts = failure.kind == domain::ErrorKind::UserError;
        let message = quoted(&failure.message);
        return is_the_scripts.then(|| format!("  await expect(run({argument})).rejects.toThrow({message});\n"));
    }
    Some(match read.view.result.as_ref()? {
        ResultView::Json(json) => format!("  expect(await run({argument})).toEqual({json});\n"),
        ResultView::Response { status, .. } => {
            format!("  const answer = await run({argument});\n  expect(answer.status).toBe({status});\n")
        }
    })
}

/// What stands for the world: of storage what was read first, of services and hosts what they answered.
fn fakes(test: &mut String, calls: &[CallView]) {
    let (mut entries, mut services, mut others) = (BTreeMap::new(), Answers::new(), Vec::new());
    for call in calls.iter().filter(|call| call.error.is_none()) {
        let (Some(asked), Some(answered)) = (&call.asked, &call.answered) else { continue };
        match call.name.as_str() {
            "storage.get" => {
                let key = asked["key"].as_str().unwrap_or_default().to_owned();
                entries.entry(key).or_insert_with(|| answered.clone());
            }
            "services.call" => {
                let part = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
                let methods = services.entry(part("service")).or_default();
                methods.entry(part("method")).or_default().push(answered.to_string());
            }
            "http.send" => others.push(host(asked, answered)),
            "secrets.check" => {
                let name = quoted(asked["secret"].as_str().unwrap_or_default());
                others.push(format!("  fake.secret({name}, \"a secret\");\n"));
            }
            _ => {}
        }
    }
    entries.retain(|_, value: &mut Value| !value.is_null());
    if !entries.is_empty() {
        let entries: serde_json::Map<String, Value> = entries.into_iter().collect();
        let _ = writeln!(test, "  fake.storage({});", Value::Object(entries));
    }
    for (service, methods) in services {
        let methods =
            methods.into_iter().map(|(method, answers)| format!("{}: {}", quoted(&method), in_turn(&answers)));
        let methods: Vec<String> = methods.collect();
        let _ = writeln!(test, "  fake.service({}, {{ {} }});", quoted(&service), methods.join(", "));
    }
    others.dedup();
    for other in others {
        test.push_str(&other);
    }
}

/// A function that gives each answer once, in their order.
fn in_turn(answers: &[String]) -> String {
    match answers {
        [answer] => format!("async () => ({answer})"),
        answers => format!("((answers) => async () => answers.shift())([{}])", answers.join(", ")),
    }
}

/// What a host answered. Values of a query are not shown to anybody, so that any will do.
fn host(asked: &Value, answered: &Value) -> String {
    let url = asked["url"].as_str().unwrap_or_default();
    let url = url.find("(hidden)").map_or_else(|| url.to_owned(), |at| format!("{}*", &url[..at]));
    let method = asked["method"].as_str().unwrap_or("GET");
    let body = answered["body"].as_str().map_or_else(|| String::from("null"), quoted);
    let wanted = quoted(&format!("{method} {url}"));
    format!("  fake.http({wanted}, () => new Response({body}, {{ status: {} }}));\n", answered["status"])
}

fn request(input: &str) -> Option<String> {
    let request: Value = serde_json::from_str(input).ok()?;
    let method = request["method"].as_str()?;
    let has_body = !matches!(method, "GET" | "HEAD");
    let body = request["body"].as_str().filter(|_| has_body).map(|body| format!(", body: {}", quoted(body)));
    let url = quoted(request["url"].as_str()?);
    Some(format!("new Request({url}, {{ method: {}{} }})", quoted(method), body.unwrap_or_default()))
}

/// A text as JavaScript writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(name: &str, asked: Value, answered: Value) -> CallView {
        CallView {
            number: 1,
            name: name.to_owned(),
            started_us: 0,
            answered_us: Some(1),
            bytes_asked: 0,
            bytes_answered: None,
            error: None,
            asked: Some(asked),
            answered: Some(answered),
        }
    }

    #[test]
    fn calls_become_what_stands_for_the_world() {
        let mut test = String::new();
        fakes(
            &mut test,
            &[
                call("storage.get", json!({ "key": "a" }), json!(1)),
                call("storage.get", json!({ "key": "a" }), json!(2)),
                call("storage.get", json!({ "key": "b" }), json!(null)),
                call("services.call", json!({ "service": "p", "method": "get" }), json!({ "id": 1 })),
                call("services.call", json!({ "service": "p", "method": "get" }), json!({ "id": 2 })),
                call(
                    "http.send",
                    json!({ "method": "GET", "url": "https://x/?k=(hidden)" }),
                    json!({ "status": 200, "body": "\"" }),
                ),
            ],
        );
        let expected = "  fake.storage({\"a\":1});\n  fake.service(\"p\", { \"get\": ((answers) => async () => answers.shift())\
                        ([{\"id\":1}, {\"id\":2}]) });\n  fake.http(\"GET https://x/?k=*\", () => new Response(\"\\\"\", { status: 200 }));\n";
        assert_eq!(test, expected);
    }

    #[test]
    fn a_request_is_written_as_one() {
        let input = json!({ "method": "POST", "url": "https://x/orders", "headers": [], "body": "{}" }).to_string();
        assert_eq!(
            request(&input).as_deref(),
            Some(r#"new Request("https://x/orders", { method: "POST", body: "{}" })"#)
        );
        let get = json!({ "method": "GET", "url": "https://x/", "body": "" }).to_string();
        assert_eq!(request(&get).as_deref(), Some(r#"new Request("https://x/", { method: "GET" })"#));
    }
}
