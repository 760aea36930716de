//! Where a value goes (RULES 22, 23, 25, 26).

use serde_json::{Value, json};

use super::stage::{VALUE, Vault};

/// Sends what the input says and answers the status, or the error's code and message.
const SEND: &str = "export default async ({ url, method, header, format, field, kind, plain, redirect }) => {
    try {
        let key = await secrets.get('KEY');
        if (format !== undefined) key = key.format(format);
        const settings = { headers: { ...plain }, redirect };
        if (header !== undefined) settings.headers[header] = key;
        if (kind === 'form') settings.form = { a: 'b', [field]: key };
        const body = kind === 'json' ? { a: [1], [field]: key } : undefined;
        const answer = await http.request(url, { method: method ?? (body || kind ? 'POST' : 'GET'), body, ...settings });
        return answer.status;
    } catch (error) {
        return `${error.code ?? error.name}: ${error.message}`;
    }
}";

async fn vault() -> Vault {
    let vault = Vault::with_echo().await;
    vault.deploy("send", SEND).await;
    let placements = ["header authorization", "header x-key", "body client_secret"];
    vault.keep("KEY", VALUE, &placements, "send").await;
    vault
}

const URL: &str = "https://api.example.com/x";

#[tokio::test(flavor = "multi_thread")]
async fn a_value_goes_where_its_record_says() {
    let vault = vault().await;
    assert_eq!(
        vault.answer("send", &json!({ "url": URL, "header": "Authorization", "format": "Bearer {}" })).await,
        200
    );
    assert_eq!(vault.outside.heard()[0].header("authorization"), format!("Bearer {VALUE}"));
    assert_eq!(vault.answer("send", &json!({ "url": "HTTPS://API.Example.COM:443/x", "header": "x-key" })).await, 200);
    assert_eq!(vault.outside.heard()[0].header("x-key"), VALUE);
    let field = json!({ "url": URL, "field": "client_secret", "kind": "json", "format": "\"{}\" & ü" });
    assert_eq!(vault.answer("send", &field).await, 200);
    let heard = vault.outside.heard();
    let body: Value = serde_json::from_str(&heard[0].body).unwrap();
    assert_eq!(body, json!({ "a": [1], "client_secret": format!("\"{VALUE}\" & ü") }));
    assert_eq!(heard[0].header("content-type"), "application/json");
    assert_eq!(vault.answer("send", &json!({ "url": URL, "field": "client_secret", "kind": "form" })).await, 200);
    assert_eq!(vault.outside.heard()[0].body, "a=b&client_secret=MARKER%2Fs3cr3t%2Bv4lue%3D%26%3F");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_goes_to_no_other_origin_and_to_no_other_place() {
    let vault = vault().await;
    let origins = [
        "http://api.example.com/x",
        "https://api.example.com:8443/x",
        "https://v2.api.example.com/x",
        "https://example.com/x",
        "https://other.example/x",
        "https://api.example.com./x",
        "https://api.example.com.other.example/x",
        "https://other.example/?https://api.example.com",
        "https://\u{430}pi.example.com/x",
        "https://api.example.com\u{3002}other.example/x",
    ];
    let mut cases: Vec<Value> = origins.map(|url| json!({ "url": url, "header": "authorization" })).to_vec();
    cases.extend([
        json!({ "url": URL, "header": "x-other" }),
        json!({ "url": URL, "header": "x-key-2" }),
        json!({ "url": URL, "header": "cookie" }),
        json!({ "url": URL, "kind": "json", "field": "authorization" }),
        json!({ "url": URL, "kind": "json", "field": "Client_Secret" }),
        json!({ "url": URL, "kind": "json", "field": "client_secret " }),
        json!({ "url": URL, "kind": "form", "field": "other" }),
    ]);
    for case in cases {
        let refused = vault.answer("send", &case).await;
        let refused = refused.as_str().unwrap_or_else(|| panic!("{case} was sent"));
        assert!(refused.starts_with("capability_denied: http: the record of the secret 'KEY'"), "{case}: {refused}");
    }
    // User information is no part of an address at all, for `Request` as for the host.
    for url in ["https://user@api.example.com/", "https://api.example.com@other.example/"] {
        let refused = vault.answer("send", &json!({ "url": url, "header": "authorization" })).await;
        assert!(refused.is_string(), "{url}: {refused}");
    }
    assert!(vault.outside.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_makes_neither_a_second_header_nor_a_second_value() {
    let vault = vault().await;
    for format in ["Bearer {}\r\nx-evil: {}", "{}\r\nx-evil: 1", "{}\n", "\u{0}{}", "{}\u{7f}", "ü{}", "\u{ff}{}"] {
        let refused = vault.answer("send", &json!({ "url": URL, "header": "authorization", "format": format })).await;
        assert!(refused.as_str().is_some_and(|text| text.starts_with("TypeError: ")), "{format:?}: {refused}");
    }
    for format in ["", "Bearer", "{}{}", "{} {}", "{ }"] {
        let refused = vault.answer("send", &json!({ "url": URL, "header": "authorization", "format": format })).await;
        assert!(refused.as_str().is_some_and(|text| text.contains("exactly one")), "{format:?}: {refused}");
    }
    let twice = json!({ "url": URL, "header": "authorization", "plain": { "Authorization": "mine" } });
    let refused = vault.answer("send", &twice).await;
    assert!(refused.as_str().is_some_and(|text| text.contains("once more")), "{refused}");
    assert!(vault.outside.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_carries_a_secret_asks_for_no_part_and_no_encoding() {
    let vault = vault().await;
    for name in ["Range", "Accept-Encoding", "If-Range"] {
        let case = json!({ "url": URL, "header": "authorization", "plain": { name: "bytes=0-3" } });
        let refused = vault.answer("send", &case).await;
        assert!(refused.as_str().is_some_and(|text| text.contains(&name.to_lowercase())), "{refused}");
    }
    let traced = vault.answer("send", &json!({ "url": URL, "header": "authorization", "method": "TRACE" })).await;
    assert!(traced.is_string(), "{traced}");
    assert!(vault.outside.heard().is_empty());
    assert_eq!(vault.answer("send", &json!({ "url": URL, "header": "authorization" })).await, 200);
    assert_eq!(vault.outside.heard()[0].header("accept-encoding"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_carries_a_secret_follows_no_redirect() {
    let vault = Vault::open(|heard| match heard.target.as_str() {
        "/x" => (307, vec![(String::from("location"), String::from("https://other.example/stolen"))], Vec::new()),
        "/same" => (302, vec![(String::from("location"), String::from("/next"))], Vec::new()),
        _ => (200, Vec::new(), Vec::new()),
    })
    .await;
    vault.deploy("send", SEND).await;
    vault.keep("KEY", VALUE, &["header authorization", "body client_secret"], "send").await;
    for (url, status) in [(URL, 307), ("https://api.example.com/same", 302)] {
        for redirect in ["follow", "manual"] {
            let case = json!({ "url": url, "header": "authorization", "redirect": redirect });
            assert_eq!(vault.answer("send", &case).await, status, "{case}");
            let case = json!({ "url": url, "kind": "form", "field": "client_secret", "redirect": redirect });
            assert_eq!(vault.answer("send", &case).await, status, "{case}");
        }
    }
    let heard = vault.outside.heard();
    assert!(heard.iter().all(|heard| ["/x", "/same"].contains(&heard.target.as_str())), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_looks_for_no_secret_in_text() {
    let vault = Vault::with_echo().await;
    let source = "export default async () => {
        await secrets.get('KEY');
        const texts = ['{{secret:KEY}}', '{}', '[secret KEY]', 'secret:KEY', '${secrets.KEY}', '{{KEY}}'];
        for (const text of texts) {
            await http.post(`https://api.example.com/${encodeURIComponent(text)}`, { client_secret: text },
                { headers: { authorization: text } });
        }
        return texts;
    }";
    vault.deploy("texts", source).await;
    vault.keep("KEY", VALUE, &["header authorization", "body client_secret"], "texts").await;
    let texts = vault.answer("texts", &json!(null)).await;
    for (heard, text) in vault.outside.heard().iter().zip(texts.as_array().unwrap()) {
        assert_eq!(heard.header("authorization"), text.as_str().unwrap());
        assert_eq!(serde_json::from_str::<Value>(&heard.body).unwrap()["client_secret"], *text);
        assert!(!heard.target.contains("MARKER"));
    }
}
