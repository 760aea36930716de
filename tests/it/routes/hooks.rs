//! The host application's extension points, from outside.

use serde_json::{Value, json};

use super::stage::Stage;

const HOOKS: &str = "
[hooks.\"order.validate\"]
description = 'Before an order is taken'
input_schema = { type = 'object', required = ['id'] }
output_schema = { type = 'object', required = ['valid'] }
deadline_ms = 60000
on_failure = 'closed'
[hooks.\"order.price\"]
on_failure = 'open'
deadline_ms = 60000
";

async fn stage() -> Stage {
    Stage::open_with(HOOKS).await
}

/// Deploy an embedded script, and bind it behind the others of a point.
async fn bind(stage: &Stage, point: &str, name: &str, source: &str) {
    stage.deploy_with(json!({ "name": name, "kind": "embedded", "source": source })).await;
    let path = format!("/api/v1/hooks/{point}/bindings/{name}");
    stage.api("PUT", &path).send().await.expect(201);
}

async fn call(stage: &Stage, point: &str, body: Value) -> super::client::Answer {
    stage.post(&format!("/api/v1/hooks/{point}"), body).await
}

#[tokio::test]
async fn declared_points_are_listed_with_their_schemas() {
    let stage = stage().await;
    let points = stage.get("/api/v1/hooks").await.expect(200);
    let names: Vec<&Value> = points["items"].as_array().unwrap().iter().map(|point| &point["point"]).collect();
    assert_eq!(names, ["order.price", "order.validate"]);
    let validate = &points["items"][1];
    assert_eq!(validate["input_schema"]["required"], json!(["id"]));
    assert_eq!((&validate["deadline_ms"], &validate["on_failure"]), (&json!(60_000), &json!("closed")));
    assert_eq!((&points["items"][0]["input_schema"], &points["next_cursor"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_hook_runs_the_bound_scripts_and_answers_what_each_said() {
    let stage = stage().await;
    bind(&stage, "order.validate", "stock", "export default (order) => ({ valid: order.id === 'o-1' })").await;
    bind(&stage, "order.validate", "limit", "export default () => ({ valid: true })").await;
    let answer =
        call(&stage, "order.validate", json!({ "input": { "id": "o-1" }, "tenant": "acme" })).await.expect(200);
    assert_eq!((&answer["outcome"], &answer["not_run"]), (&json!("passed"), &json!([])));
    let results = answer["results"].as_array().unwrap();
    let said: Vec<(&Value, &Value)> = results.iter().map(|result| (&result["script"], &result["output"])).collect();
    assert_eq!(said, [(&json!("stock"), &json!({ "valid": true })), (&json!("limit"), &json!({ "valid": true }))]);
    let id = results[0]["execution_id"].as_str().unwrap();
    let execution = stage.get(&format!("/api/v1/executions/{id}")).await.expect(200);
    assert_eq!((&execution["trigger"], &execution["status"]), (&json!("embedded"), &json!("success")));
}

#[tokio::test]
async fn a_closed_point_answers_a_problem_that_says_what_ran_and_what_did_not() {
    let stage = stage().await;
    bind(&stage, "order.validate", "wrong", "export default () => 'yes'").await;
    bind(&stage, "order.validate", "behind", "export default () => ({ valid: true })").await;
    let problem =
        call(&stage, "order.validate", json!({ "input": { "id": 1 } })).await.expect_problem(424, "hook_failed");
    assert_eq!(problem["outcome"], "failed_closed");
    let wrong = &problem["results"][0];
    assert_eq!((&wrong["status"], &wrong["error"]["kind"]), (&json!("failed"), &json!("user_error")), "{wrong}");
    assert_eq!(wrong["error"]["name"], "OutputMismatch");
    assert!(wrong.get("output").is_none(), "{wrong}");
    let behind = &problem["not_run"][0];
    assert_eq!((&behind["script"], &behind["reason"]), (&json!("behind"), &json!("stopped")));
}

#[tokio::test]
async fn an_open_point_answers_200_and_says_that_a_script_failed() {
    let stage = stage().await;
    bind(&stage, "order.price", "throws", "export default () => { throw new Error('no') }").await;
    let answer = call(&stage, "order.price", json!({})).await.expect(200);
    assert_eq!((&answer["outcome"], &answer["results"][0]["error"]["message"]), (&json!("failed_open"), &json!("no")));
}

#[tokio::test]
async fn what_a_hook_cannot_take_is_refused_by_name() {
    let stage = stage().await;
    let refused =
        call(&stage, "order.validate", json!({ "input": { "total": 1 } })).await.expect_problem(422, "invalid");
    assert_eq!(refused["errors"][0]["field"], "input", "{refused}");
    call(&stage, "order.validate", json!({ "inputs": {} })).await.expect_problem(422, "invalid");
    call(&stage, "order.validate", json!([])).await.expect_problem(422, "invalid");
    let stranger = stage.stranger("POST", "/api/v1/hooks/order.validate").json(&json!({ "input": { "id": 1 } }));
    stranger.send().await.expect_problem(401, "unauthenticated");
    // Whether there is such a tenant, or such a point, nobody learns.
    let mut answers = Vec::new();
    for tenant in ["other", "01920000-0000-7000-8000-000000000000", "", "../acme"] {
        let body = json!({ "input": { "id": 1 }, "tenant": tenant });
        answers.push(call(&stage, "order.validate", body).await.expect_problem(404, "not_found"));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    for point in ["nowhere", "order..validate", "Order", "%2e%2e"] {
        call(&stage, point, json!({ "input": { "id": 1 } })).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn bindings_are_set_moved_listed_and_taken_away() {
    let stage = stage().await;
    for name in ["a", "b"] {
        bind(&stage, "order.price", name, "export default () => 1").await;
    }
    let path = "/api/v1/hooks/order.price/bindings";
    let moved = stage.api("PUT", &format!("{path}/a")).json(&json!({ "position": 5 })).send().await.expect(200);
    let order = |page: &Value| -> Vec<(String, u64)> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| (item["script"].as_str().unwrap().to_owned(), item["position"].as_u64().unwrap())).collect()
    };
    assert_eq!(order(&moved), [(String::from("b"), 1), (String::from("a"), 5)]);
    assert_eq!(stage.get(path).await.expect(200), moved);
    stage.api("DELETE", &format!("{path}/b")).send().await.expect(204);
    stage.api("DELETE", &format!("{path}/b")).send().await.expect_problem(404, "not_found");
    assert_eq!(order(&stage.get(path).await.expect(200)), [(String::from("a"), 5)]);
    stage.deploy("job", "export default () => 1").await;
    stage.api("PUT", &format!("{path}/job")).send().await.expect_problem(422, "invalid");
    stage.api("PUT", &format!("{path}/nobody")).send().await.expect_problem(404, "not_found");
    stage.get("/api/v1/hooks/nowhere/bindings").await.expect_problem(404, "not_found");
}
