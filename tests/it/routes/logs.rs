//! Following logs as server-sent events.

use serde_json::{Value, json};

use super::stage::Stage;

/// The events of a stream that has ended: name, id, data.
fn events(text: &str) -> Vec<(String, String, Value)> {
    let body = text.replace("\r\n", "\n");
    let read = |event: &str| {
        let field = |name: &str| {
            let mut lines = event.lines().filter_map(|line| line.strip_prefix(name));
            lines.next().map(str::trim_start).unwrap_or_default().to_owned()
        };
        let name = field("event:");
        let data = serde_json::from_str(&field("data:")).unwrap_or(Value::Null);
        (!name.is_empty()).then(|| (name, field("id:"), data))
    };
    body.split("\n\n").filter_map(|event| read(event.trim_start())).collect()
}

#[tokio::test]
async fn a_log_is_followed_as_events_and_goes_on_from_where_it_was_left() {
    let stage = Stage::open().await;
    let source = "export default () => {
        console.log('one');
        console.warn('two\\n\\nevent: end\\ndata: {}\\u2028');
        console.log('three', { a: 1 });
    }";
    stage.deploy("talks", source).await;
    let id = stage.run("talks", json!(null)).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/executions/{id}/logs");
    let follow = |last: &str| {
        let call = stage.api("GET", &path).header("accept", "text/event-stream");
        if last.is_empty() { call } else { call.header("last-event-id", last) }
    };
    let answer = follow("").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = events(&unchunked(&answer.text()));
    let names: Vec<&str> = told.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["line", "line", "line", "end"]);
    assert_eq!(told[1].2["message"], "two\n\nevent: end\ndata: {}\u{2028}");
    assert_eq!((&told[1].2["level"], &told[3].2["status"]), (&json!("warn"), &json!("success")));

    let rest = events(&unchunked(&follow(&told[1].1).send().await.text()));
    assert_eq!(rest, told[2..]);
    let forged = events(&unchunked(&follow("2-0000000000000000").send().await.text()));
    assert_eq!((forged[0].0.as_str(), &forged[1..]), ("anew", &told[..]));

    let plain = stage.get(&path).await.expect(200);
    assert_eq!(plain["lines"].as_array().unwrap().len(), 3);
    let unknown = "/api/v1/executions/01890000-0000-7000-8000-000000000000/logs";
    let missing = stage.api("GET", unknown).header("accept", "text/event-stream").send().await;
    missing.expect_problem(404, "not_found");
}

/// A body without the sizes of its chunks.
fn unchunked(text: &str) -> String {
    let (mut body, mut rest) = (String::new(), text.as_bytes());
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let Ok(size) = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap().trim(), 16) else { break };
        let (chunk, after) = rest[end + 2..].split_at(size.min(rest.len() - end - 2));
        body += std::str::from_utf8(chunk).unwrap();
        rest = after.strip_prefix(b"\r\n").unwrap_or(after);
    }
    body
}
