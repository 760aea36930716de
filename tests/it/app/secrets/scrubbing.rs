//! What comes back of what was sent (RULES 24).

use serde_json::{Value, json};

use super::{
    outside::{Heard, Reply},
    stage::{VALUE, Vault},
};
use crate::app::stage::kind;

/// Everything that a script can read of an answer.
const ASK: &str = "export default async (targets) => {
    const key = await secrets.get('KEY'), seen = [];
    for (const target of targets) {
        const settings = target.startsWith('/plain') ? {} : { headers: { authorization: key.format('Bearer {}') } };
        const answer = await http.get('https://api.example.com' + target, settings);
        seen.push({ url: answer.url, headers: [...answer.headers], body: await answer.text() });
    }
    console.log('seen', seen);
    return seen;
}";

/// Answers the credential in the form that the target names.
fn encoded(heard: &Heard) -> Reply {
    let credential = match heard.header("authorization") {
        "" => format!("Bearer {VALUE}"),
        sent => sent.to_owned(),
    };
    let value = credential.strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let hexadecimal: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let body = match heard.target.trim_start_matches("/plain") {
        "/hex" => hexadecimal,
        "/upper-hex" => hexadecimal.to_uppercase(),
        "/percent" => percent.clone(),
        "/lower-percent" => percent.to_lowercase(),
        "/json" => json!({ "nested": json!({ "value": value }).to_string() }).to_string(),
        "/unicode" => value.bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
        "/html" => value.replace('&', "&amp;"),
        target if target.starts_with("/base64") => {
            let before = "u".repeat(target.len() - "/base64".len());
            base64(&format!("{before}{value}"))
        }
        _ => value.clone(),
    };
    let headers = vec![
        (String::from("x-echo"), credential),
        (String::from("x-percent"), percent.clone()),
        (String::from("location"), format!("https://api.example.com/?key={percent}")),
    ];
    (200, headers, body.into_bytes())
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits: String = text.bytes().map(|byte| format!("{byte:08b}")).collect();
    while !bits.len().is_multiple_of(6) {
        bits.push('0');
    }
    let sextets = bits.as_bytes().chunks(6).map(|six| std::str::from_utf8(six).unwrap());
    sextets.map(|six| char::from(ALPHABET[usize::from_str_radix(six, 2).unwrap()])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_request_with_a_secret_is_scrubbed_before_the_guest() {
    let vault = Vault::open(encoded).await;
    vault.deploy("ask", ASK).await;
    vault.keep("KEY", VALUE, &["header authorization"], "ask").await;
    let targets = [
        "/raw",
        "/hex",
        "/upper-hex",
        "/percent",
        "/lower-percent",
        "/json",
        "/unicode",
        "/html",
        "/base64",
        "/base64u",
        "/base64uu",
        "/base64uuu",
    ];
    // Also what the same origin says later, where nothing was sent with the request.
    let all: Vec<String> = targets
        .iter()
        .map(|&target| target.to_owned())
        .chain(targets.iter().map(|target| format!("/plain{target}")))
        .collect();
    let view = vault.run("ask", &json!(all)).await;
    let seen = crate::app::stage::json(&view);
    for (answer, target) in seen.as_array().unwrap().iter().zip(&all) {
        let body = answer["body"].as_str().unwrap();
        assert!(body.contains("[secret KEY]"), "{target}: {body}");
        let rest = body.replace("[secret KEY]", "");
        let allowed = if target.contains("/json") { 40 } else { 4 };
        assert!(rest.len() <= allowed, "{target}: {body}");
        let headers = answer["headers"].to_string();
        assert!(headers.contains("[\"x-echo\",\"Bearer [secret KEY]\"]"), "{target}: {headers}");
        assert!(!headers.contains("%4D%41%52"), "{target}: {headers}");
    }
    // What is kept of the run is what the guest saw: a replay has nothing else.
    let replay = vault.app.executions().replay(&vault.principal, view.execution.id, None).await.unwrap();
    assert!(replay.equal, "{:?}", replay.difference);
    let log = format!("{:?}", vault.app.executions().logs(&vault.principal, view.execution.id).unwrap());
    assert!(!log.contains("MARKER") && !log.contains("TUFSS0VS"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_was_sent_nothing_is_not_compared_with_anything() {
    let vault = Vault::open(encoded).await;
    let source = "export default async () => {
        const key = await secrets.get('KEY');
        const before = await (await http.get('https://api.example.com/plain')).text();
        const other = await (await http.get('https://other.example/plain')).text();
        return [before, other];
    }";
    vault.deploy("compare", source).await;
    vault.keep("KEY", VALUE, &["header authorization"], "compare").await;
    assert_eq!(vault.answer("compare", &Value::Null).await, json!([VALUE, VALUE]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_searched_is_refused() {
    let vault = Vault::open(|heard| match heard.target.as_str() {
        "/gzip" => (200, vec![(String::from("content-encoding"), String::from("gzip"))], vec![0x1f, 0x8b]),
        "/part" => (206, vec![(String::from("content-range"), String::from("bytes 0-3/9"))], b"MARK".to_vec()),
        _ => (200, Vec::new(), Vec::new()),
    })
    .await;
    let source = "export default async ({ first, target, headers }) => {
        const key = await secrets.get('KEY');
        try {
            if (first) await http.get('https://api.example.com/', { headers: { authorization: key } });
            headers = headers ?? { authorization: key };
            return (await http.get('https://api.example.com' + target, { headers })).status;
        } catch (error) { return error.code ?? error.name }
    }";
    vault.deploy("parts", source).await;
    vault.keep("KEY", VALUE, &["header authorization"], "parts").await;
    for target in ["/gzip", "/part"] {
        assert_eq!(vault.answer("parts", &json!({ "target": target })).await, "unavailable");
        assert_eq!(
            vault.answer("parts", &json!({ "first": true, "target": target, "headers": {} })).await,
            "unavailable"
        );
    }
    let ranged = json!({ "first": true, "target": "/", "headers": { "range": "bytes=0-3" } });
    assert_eq!(vault.answer("parts", &ranged).await, "TypeError");
    let before = json!({ "target": "/", "headers": { "range": "bytes=0-3" } });
    assert_eq!(vault.answer("parts", &before).await, 200, "where nothing was sent, a range is the script's own affair");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_from_what_was_scrubbed_already() {
    let vault = Vault::with_echo().await;
    let source = "export default async () => {
        const key = await secrets.get('KEY');
        const times = await storage.get('times');
        const first = await http.get('https://api.example.com/hold', { headers: { authorization: key } });
        await storage.set('times', (times ?? 0) + 1);
        return [times, await first.json()];
    }";
    vault.deploy("repeated", source).await;
    vault.deploy("meanwhile", "export default () => storage.set('times', 41)").await;
    vault.keep("KEY", VALUE, &["header authorization"], "repeated").await;
    let meanwhile = async {
        vault.outside.held.notified().await;
        assert_eq!(kind(&vault.run("meanwhile", &Value::Null).await), "success");
        vault.outside.release.notify_one();
    };
    let (answered, ()) = tokio::join!(vault.answer("repeated", &Value::Null), meanwhile);
    assert_eq!(answered[0], 41, "the run was repeated");
    assert!(answered.to_string().contains("[secret KEY]") && !answered.to_string().contains("MARKER"), "{answered}");
    assert_eq!(vault.outside.heard().len(), 1, "the call was made once");
}
