//! The audit log over the API.

use serde_json::{Value, json};

use super::stage::Stage;

#[tokio::test]
async fn a_change_is_told_of_under_the_id_of_its_request() {
    let stage = Stage::open().await;
    let made =
        stage.post("/api/v1/scripts", json!({ "name": "told", "kind": "one_off", "source": "export default () => 1" }));
    let made = made.await;
    let request = made.header("x-request-id").to_owned();
    let id = made.expect(201)["id"].clone();
    let page = stage.get("/api/v1/audit?action=scripts.create&limit=1").await.expect(200);
    let row = &page["items"][0];
    assert_eq!((&row["object"], &row["request_id"]), (&id, &json!(request)));
    assert_eq!((&row["outcome"], &row["actor"]["kind"]), (&json!("done"), &json!("token")));
    assert_eq!((&row["detail"]["name"], &row["address"]), (&json!("told"), &json!("127.0.0.1")));
}

#[tokio::test]
async fn who_may_not_leaves_a_row_and_who_is_nobody_a_number() {
    let stage = Stage::open().await;
    let reader = stage.post("/api/v1/tokens", json!({ "name": "reader", "permissions": ["scripts.read"] })).await;
    let reader = format!("Bearer {}", reader.expect(201)["token"].as_str().unwrap());
    let refused = stage.stranger("DELETE", "/api/v1/scripts/order-rules").header("authorization", &reader).send().await;
    refused.expect_problem(403, "forbidden");
    let page = stage.get("/api/v1/audit?outcome=refused").await.expect(200);
    let row = &page["items"][0];
    assert_eq!(row["action"], "requests.refuse");
    assert_eq!(row["object"], "DELETE /api/v1/scripts/order-rules");
    assert_eq!(row["detail"]["permission"], "scripts.deploy");

    stage.stranger("GET", "/api/v1/scripts").send().await.expect_problem(401, "unauthenticated");
    let page = stage.get("/api/v1/audit?outcome=refused").await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "nobody's refusals are no rows");
}

#[tokio::test]
async fn an_export_has_every_row_with_its_links_and_no_formula() {
    let stage = Stage::open().await;
    stage.api("PUT", "/api/v1/egress").json(&json!({ "hosts": [] })).send().await.expect(200);
    let export = stage.get("/api/v1/audit/export").await;
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    let rows: Vec<Value> = export.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<u64>>());
    assert!(rows.iter().all(|row| row["chain"].as_str().unwrap().len() == 64));
    let after = stage.get(&format!("/api/v1/audit/export?after={}&rows=1", numbers.len() - 1)).await;
    assert_eq!(after.text().lines().count(), 1);
    let csv = stage.get("/api/v1/audit/export?format=csv").await;
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert_eq!(csv.text().matches("\r\n").count(), numbers.len() + 1);
    stage.get("/api/v1/audit/export?rows=0").await.expect_problem(422, "invalid");
    stage
        .get("/api/v1/audit?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z")
        .await
        .expect_problem(422, "invalid");
    stage.get("/api/v1/audit?action=scripts.steal").await.expect_problem(422, "invalid");
}
