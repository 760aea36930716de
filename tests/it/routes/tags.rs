//! Changes that name a tag, of things with a revision and of those without, beside others that name none.

use serde_json::{Value, json};

use super::stage::Stage;

async fn tag_of(stage: &Stage, path: &str) -> String {
    let tag = stage.get(path).await.header("etag").to_owned();
    assert!(!tag.is_empty(), "{path}");
    tag
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_a_tag_never_writes_over_whoever_names_none() {
    let stage = Stage::open().await;
    let egress = "/api/v1/egress";
    let put = |host: &str| stage.api("PUT", egress).json(&json!({ "hosts": [host] }));
    for round in 0..20 {
        let tag = tag_of(&stage, egress).await;
        let (seen, unseen) = (put("seen.example").header("if-match", &tag), put(&format!("unseen-{round}.example")));
        let (seen, unseen) = tokio::join!(seen.send(), unseen.send());
        assert_eq!(unseen.status, 200, "{}", unseen.text());
        assert!(matches!(seen.status, 200 | 412), "{}", seen.text());
        // It came before the other one, or was refused.
        let kept = stage.get(egress).await.expect(200);
        assert_eq!(kept["hosts"], json!([format!("unseen-{round}.example")]), "{}", seen.status);
    }
}

/// Change the thing, then remove it with the tag of before, then with the one of now.
async fn is_removed_by_its_tag_alone(stage: &Stage, path: &str, (method, change): (&str, Value)) {
    let seen = tag_of(stage, path).await;
    let changed = stage.api(method, path).json(&change).send().await;
    assert_eq!(changed.status, 200, "{path}: {}", changed.text());
    let remove = |tag: &str| stage.api("DELETE", path).header("if-match", tag);
    let refused = remove(&seen).send().await;
    let now = refused.header("etag").to_owned();
    refused.expect_problem(412, "stale");
    assert_eq!(now, tag_of(stage, path).await, "{path}");
    let removed = remove(&now).send().await;
    assert!(matches!(removed.status, 200 | 204), "{path}: {}", removed.text());
    assert_eq!(stage.get(path).await.status, 404, "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_by_whoever_saw_it_as_it_was() {
    let stage = Stage::open().await;
    let provider = json!({ "name": "Login", "issuer": "https://login.example.com", "client_id": "skerry" });
    let made = stage.post("/api/v1/sign-in/providers", provider.clone()).await.expect(201);
    let path = format!("/api/v1/sign-in/providers/{}", made["id"].as_str().unwrap());
    is_removed_by_its_tag_alone(&stage, &path, ("PUT", provider)).await;

    let invited = stage.post("/api/v1/invitations", json!({ "email": "ada@example.com", "role": "editor" })).await;
    let secret = invited.expect(201)["secret"].clone();
    let body = json!({ "secret": secret, "name": "Ada", "password": "a few words of hers" });
    let joins =
        stage.stranger("POST", "/api/v1/sign-in/invitation").json(&body).header("sec-fetch-site", "same-origin");
    joins.send().await.expect(200);
    let members = stage.get("/api/v1/members").await.expect(200);
    let ada = members["items"].as_array().unwrap().iter().find(|member| member["name"] == "Ada").unwrap();
    let path = format!("/api/v1/members/{}", ada["id"].as_str().unwrap());
    is_removed_by_its_tag_alone(&stage, &path, ("PATCH", json!({ "role": "viewer" }))).await;

    stage.post("/api/v1/roles", json!({ "name": "reader", "permissions": ["scripts.read"] })).await.expect(201);
    let change = ("PATCH", json!({ "description": "Reads" }));
    is_removed_by_its_tag_alone(&stage, "/api/v1/roles/reader", change).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_change_tells_of_its_own_thing_and_of_none_that_has_its_name() {
    let stage = Stage::open().await;
    let body = json!({ "name": "runs", "permissions": ["storage.read", "storage.write"] });
    let made = stage.post("/api/v1/tokens", body).await.expect(201);
    let (bearer, id) = (format!("Bearer {}", made["token"].as_str().unwrap()), made["id"].as_str().unwrap());
    let path = format!("/api/v1/storage/{id}");
    let put = || stage.stranger("PUT", &path).header("authorization", &bearer).json(&json!({ "value": 1 }));
    assert!(matches!(put().send().await.status, 200 | 201));
    // The key is the token's id, whose making the audit log tells of to whoever may read it.
    let stale = put().header("if-match", "\"0\"").send().await.expect_problem(412, "stale");
    assert_eq!(stale.get("last_change"), None, "{stale}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_is_saved_with_settings_rests_on_both() {
    let stage = Stage::open().await;
    stage.deploy("both", "export default () => 1").await;
    let (script, draft) = ("/api/v1/scripts/both", "/api/v1/scripts/both/draft");
    let (settings, source) = (tag_of(&stage, script).await, tag_of(&stage, draft).await);
    let save = |text: &str, settings: &str| {
        let body = json!({ "source": text, "settings": { "description": text }, "settings_tag": settings });
        stage.api("PUT", draft).json(&body).header("if-match", &source)
    };
    // Somebody else changes what stands beside the source, and leaves the draft as it is.
    stage.api("PATCH", script).json(&json!({ "record": "off" })).send().await.expect(200);
    let refused = save("export default () => 2", &settings).send().await.expect_problem(412, "stale");
    assert_eq!(refused["last_change"]["detail"]["set"], json!(["record"]), "{refused}");
    let now = stage.get(script).await.expect(200);
    assert_eq!((&now["description"], &now["record"]), (&json!(""), &json!("off")));
    assert_eq!(stage.get(draft).await.expect(200)["source"], "export default () => 1");
    let settings = tag_of(&stage, script).await;
    save("export default () => 2", &settings).send().await.expect(200);
    assert_eq!(stage.get(script).await.expect(200)["description"], "export default () => 2");
}
