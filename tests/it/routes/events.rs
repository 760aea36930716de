//! Events over the API: publishing, subscriptions, deliveries, and dead letters that are looked at, edited and sent again.

use std::time::Duration;

use serde_json::{Value, json};

use super::{client::Answer, stage::Stage};

const EVENTS: &str = "/api/v1/events";
const SUBSCRIPTIONS: &str = "/api/v1/subscriptions";
const LETTERS: &str = "/api/v1/dead-letters";

/// Takes everything but what has no data.
const SHIP: &str = "export default (event) => { if (event.data === null) throw new Error('no data'); return event }";

/// A server with a script `ship` that can be subscribed.
async fn stage() -> Stage {
    let stage = Stage::open().await;
    stage.deploy_with(json!({ "name": "ship", "kind": "event", "source": SHIP })).await;
    stage
}

async fn subscribe(stage: &Stage, types: &[&str]) -> String {
    let made = stage.post(SUBSCRIPTIONS, json!({ "script": "ship", "types": types, "max_attempts": 1 })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.header("location").to_owned()
}

async fn publish(stage: &Stage, event: Value) -> Value {
    stage.post(EVENTS, event).await.expect(202)
}

async fn patch(stage: &Stage, path: &str, body: Value) -> Answer {
    let call = stage.api("PATCH", path).header("content-type", "application/merge-patch+json");
    call.body(body.to_string()).send().await
}

/// The items of a list once they are so many, and all that `is_there` asks for.
async fn until(stage: &Stage, path: &str, is_there: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let looking = async {
        loop {
            let page = stage.get(path).await.expect(200);
            let items = page["items"].as_array().unwrap();
            if is_there(items) {
                return items.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), looking).await.expect("it never came")
}

/// The one dead letter, once there is one that was not sent again.
async fn letter(stage: &Stage) -> Value {
    let is_open = |letter: &&Value| letter["redriven_at"].is_null();
    let letters = until(stage, LETTERS, |letters| letters.iter().any(|letter| is_open(&letter))).await;
    letters.iter().find(is_open).unwrap().clone()
}

fn names_field(problem: &Value, field: &str) -> bool {
    problem["errors"].as_array().is_some_and(|errors| errors.iter().any(|error| error["field"] == field))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_published_listed_and_shown_to_who_may_see_it() {
    let stage = stage().await;
    let event = json!({ "type": "order.placed", "subject": "order-17", "data": { "total": 99 } });
    let published = stage.post(EVENTS, event).await;
    let location = published.header("location").to_owned();
    let published = published.expect(202);
    assert_eq!(location, format!("{EVENTS}/{}", published["position"].as_str().unwrap()));
    let shown = stage.get(&location).await.expect(200);
    assert_eq!(
        (&shown["type"], &shown["subject"], &shown["hop"]),
        (&json!("order.placed"), &json!("order-17"), &json!(0))
    );
    assert_eq!((&shown["data"]["total"], &shown["source"]), (&json!(99), &published["source"]));
    assert!(published["source"].as_str().unwrap().starts_with("/users/"), "{published}");
    let newer = publish(&stage, json!({ "type": "order.shipped" })).await;
    let page = stage.get(&format!("{EVENTS}?limit=1")).await.expect(200);
    assert_eq!(page["items"][0]["position"], newer["position"], "the latest first");
    assert_eq!(page["items"][0].get("data"), None, "a list has no data");
    let next = page["next_cursor"].as_str().unwrap();
    let rest = stage.get(&format!("{EVENTS}?limit=1&cursor={next}")).await.expect(200);
    assert_eq!(rest["items"][0]["position"], published["position"]);
    assert_eq!(
        stage.get(&format!("{EVENTS}/{}", newer["position"].as_str().unwrap())).await.expect(200)["data"],
        Value::Null
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_publishes_an_id_once_also_in_parallel() {
    let stage = stage().await;
    let event = |total: u32| json!({ "type": "order.placed", "id": "order-17", "data": total });
    let first = publish(&stage, event(1)).await;
    let again = stage.post(EVENTS, event(2)).await.expect(200);
    assert_eq!((&again["position"], &again["id"]), (&first["position"], &json!("order-17")));
    let position = first["position"].as_str().unwrap();
    assert_eq!(stage.get(&format!("{EVENTS}/{position}")).await.expect(200)["data"], 1, "what came first stands");
    let same = json!({ "type": "order.placed", "id": "at once" });
    let calls = (0..8).map(|_| stage.post(EVENTS, same.clone()));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 202)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_out_of_shape_is_refused_by_its_field() {
    let stage = stage().await;
    let named = |name: &str, value: Value| {
        let mut event = json!({ "type": "order.placed" });
        event[name] = value;
        event
    };
    let refused = [
        (named("type", json!("skerry.script.created")), "type"),
        (named("type", json!("skerry")), "type"),
        (named("type", json!("Order.Placed")), "type"),
        (named("type", json!("order.*")), "type"),
        (named("type", json!("order.\u{0}")), "type"),
        (named("type", json!("a".repeat(201))), "type"),
        (named("type", json!(7)), "type"),
        (named("id", json!("")), "id"),
        (named("id", json!("a\u{0}b")), "id"),
        (named("subject", json!("\u{1b}[31m")), "subject"),
        (named("data", json!("a".repeat(256 << 10))), "data"),
        // Whose it is, is the server's to say.
        (named("source", json!("/users/root")), "source"),
        (named("tenant", json!("other")), "tenant"),
        (named("hop", json!(0)), "hop"),
    ];
    for (event, field) in refused {
        let problem = stage.post(EVENTS, event).await.expect_problem(422, "invalid");
        assert!(names_field(&problem, field) || problem["detail"].as_str().unwrap().contains(field), "{problem}");
    }
    let broken = stage.api("POST", EVENTS).header("content-type", "application/json").body("{\"type\":");
    broken.send().await.expect_problem(400, "malformed_json");
    let bomb = format!("{{\"type\":\"a\",\"data\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let bomb = stage.api("POST", EVENTS).header("content-type", "application/json").body(bomb).send().await;
    assert_eq!(bomb.status, 400, "{}", bomb.text());
    let text = stage.api("POST", EVENTS).header("content-type", "text/plain").body("{\"type\":\"a\"}").send().await;
    assert_eq!(text.status, 415, "{}", text.text());
    assert_eq!(
        stage.get(EVENTS).await.expect(200)["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["type"] == "order.placed")
            .count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_events_that_makes_no_sense_is_refused_by_name() {
    let stage = stage().await;
    let nowhere = "00000000-0000-7000-8000-000000000000";
    for list in [EVENTS, SUBSCRIPTIONS, LETTERS] {
        for query in ["limit=x", "limit=0", "limit=201", "limit=-1", "cursor=%00", "cursor=x", "colour=red"] {
            let problem = stage.get(&format!("{list}?{query}")).await.expect_problem(422, "invalid");
            let name = query.split('=').next().unwrap();
            assert!(
                names_field(&problem, name) || problem["detail"].as_str().unwrap().contains(name),
                "{query}: {problem}"
            );
        }
    }
    for (query, name) in [("script=ship", "script"), ("subscription=7", "subscription"), ("reason=because", "reason")] {
        let problem = stage.get(&format!("{LETTERS}?{query}")).await.expect_problem(422, "invalid");
        assert!(
            names_field(&problem, name) || problem["detail"].as_str().unwrap().contains(name),
            "{query}: {problem}"
        );
    }
    for query in [format!("script={nowhere}"), format!("subscription={nowhere}"), String::from("reason=hops")] {
        assert_eq!(stage.get(&format!("{LETTERS}?{query}")).await.expect(200)["items"], json!([]));
    }
    for path in ["/events/1", "/events/-1-0", "/events/999999999-0", "/subscriptions/ship", "/dead-letters/7"] {
        stage.get(&format!("/api/v1{path}")).await.expect_problem(404, "not_found");
    }
    stage.get(&format!("{SUBSCRIPTIONS}/{nowhere}/deliveries")).await.expect_problem(404, "not_found");
    stage.post(&format!("{LETTERS}/{nowhere}/redrive"), json!({})).await.expect_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_made_changed_and_removed_and_its_deliveries_are_listed() {
    let stage = stage().await;
    let path = subscribe(&stage, &["order.*"]).await;
    let shown = stage.get(&path).await.expect(200);
    assert_eq!(
        (&shown["types"], &shown["max_attempts"], &shown["is_active"]),
        (&json!(["order.*"]), &json!(1), &json!(true))
    );
    assert_eq!(stage.get(SUBSCRIPTIONS).await.expect(200)["items"], json!([shown]));
    let again = stage.post(SUBSCRIPTIONS, json!({ "script": "ship", "types": ["order.*"] })).await;
    assert_eq!(again.status, 409, "{}", again.text());
    assert!(again.text().contains(shown["id"].as_str().unwrap()), "{}", again.text());

    publish(&stage, json!({ "type": "invoice.sent", "data": 1 })).await;
    let placed = publish(&stage, json!({ "type": "order.placed", "data": 1 })).await;
    let deliveries = format!("{path}/deliveries");
    let [delivery] = until(&stage, &deliveries, |found| found.first().is_some_and(|one| one["status"] == "delivered"))
        .await
        .try_into()
        .unwrap();
    assert_eq!((&delivery["event_position"], &delivery["event_id"]), (&placed["position"], &placed["id"]));
    let execution = stage.get(&format!("/api/v1/executions/{}", delivery["execution_id"].as_str().unwrap())).await;
    assert_eq!(execution.expect(200)["trigger"], "event");

    let changed = patch(&stage, &path, json!({ "types": ["invoice.sent"], "is_active": false })).await.expect(200);
    assert_eq!((&changed["types"], &changed["is_active"]), (&json!(["invoice.sent"]), &json!(false)));
    assert_eq!(stage.api("DELETE", &path).send().await.status, 204);
    stage.get(&path).await.expect_problem(404, "not_found");
    stage.api("DELETE", &path).send().await.expect_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_cannot_be_is_refused_by_its_field() {
    let stage = stage().await;
    stage.deploy("by-hand", "export default () => 1").await;
    let of = |name: &str, value: Value| {
        let mut subscription = json!({ "script": "ship", "types": ["order.*"] });
        subscription[name] = value;
        subscription
    };
    let refused = [
        (of("types", json!([])), "types"),
        (of("types", json!(vec!["a"; 21])), "types"),
        (of("types", json!(["*.created"])), "types"),
        (of("types", json!(["order.**"])), "types"),
        (of("types", json!(["skerry.script.exploded"])), "types"),
        (of("source", json!("")), "source"),
        (of("source", json!("shop")), "source"),
        (of("source", json!("a\u{0}")), "source"),
        (of("source", json!("skerry")), "types"),
        (of("max_attempts", json!(0)), "max_attempts"),
        (of("max_attempts", json!(21)), "max_attempts"),
        (of("script", json!("by-hand")), "script"),
        (of("script", json!("../ship")), "script"),
        (of("run_as", json!("root")), "run_as"),
    ];
    for (subscription, field) in refused {
        let problem = stage.post(SUBSCRIPTIONS, subscription.clone()).await.expect_problem(422, "invalid");
        let is_named = names_field(&problem, field) || problem["detail"].as_str().unwrap().contains(field);
        assert!(is_named, "{subscription}: {problem}");
    }
    let nobody = stage.post(SUBSCRIPTIONS, of("script", json!("nobody"))).await;
    assert!(matches!(nobody.status, 404 | 422), "{}", nobody.text());
    assert_eq!(stage.get(SUBSCRIPTIONS).await.expect(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_looked_at_edited_and_sent_again_once() {
    let stage = stage().await;
    let path = subscribe(&stage, &["order.placed"]).await;
    let published = publish(&stage, json!({ "type": "order.placed", "subject": "o-1" })).await;
    let found = letter(&stage).await;
    assert_eq!((&found["kind"], &found["reason"], &found["events"]), (&json!("event"), &json!("attempts"), &json!(1)));
    assert_eq!((&found["event_id"], &found["event_type"]), (&published["id"], &json!("order.placed")));
    let letter_path = format!("{LETTERS}/{}", found["id"].as_str().unwrap());
    let shown = stage.get(&letter_path).await.expect(200);
    assert_eq!(
        (&shown["execution"]["status"], &shown["execution"]["error"]["message"]),
        (&json!("failed"), &json!("no data"))
    );
    assert_eq!((&shown["event"]["data"], &shown["chain"][0]["event_id"]), (&Value::Null, &published["id"]));
    let subscription = stage.get(&path).await.expect(200)["id"].clone();
    let of_it = format!("{LETTERS}?reason=attempts&subscription={}", subscription.as_str().unwrap());
    assert_eq!(stage.get(&of_it).await.expect(200)["items"][0]["id"], found["id"]);

    let redrive = format!("{letter_path}/redrive");
    stage.post(&redrive, json!({ "data": 1, "source": "/users/root" })).await.expect_problem(422, "invalid");
    stage.post(&redrive, json!({ "subject": "" })).await.expect_problem(422, "invalid");
    let edited = stage.post(&redrive, json!({ "data": { "total": 5 }, "subject": null })).await.expect(202);
    let is_there =
        |found: &[Value]| found.iter().any(|one| one["event_id"] == edited["event_id"] && one["status"] == "delivered");
    let deliveries = until(&stage, &format!("{path}/deliveries"), is_there).await;
    let delivery = deliveries.iter().find(|one| one["event_id"] == edited["event_id"]).unwrap();
    assert_eq!((&delivery["event_source"], &delivery["subject"]), (&json!("redrive"), &Value::Null));
    stage.post(&redrive, json!({})).await.expect_problem(409, "already_redriven");
    assert_eq!(stage.api("DELETE", &letter_path).send().await.status, 204);
    stage.get(&letter_path).await.expect_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_sent_again_as_it_was_once_the_script_is_mended() {
    let stage = stage().await;
    let path = subscribe(&stage, &["order.placed"]).await;
    let published = publish(&stage, json!({ "type": "order.placed" })).await;
    let found = letter(&stage).await;
    let mended = json!({ "source": "export default (event) => event" });
    stage.api("PUT", "/api/v1/scripts/ship/draft").header("if-match", "\"1\"").json(&mended).send().await.expect(200);
    stage.post("/api/v1/scripts/ship/deploy", json!({})).await.expect(201);
    let redriven = stage.api("POST", &format!("{LETTERS}/{}/redrive", found["id"].as_str().unwrap())).send().await;
    assert_eq!(redriven.expect(202)["event_id"], Value::Null, "the same event");
    let [delivery] = until(&stage, &format!("{path}/deliveries"), |found| found[0]["status"] == "delivered")
        .await
        .try_into()
        .unwrap();
    assert_eq!(delivery["event_id"], published["id"]);
    let letters = stage.get(LETTERS).await.expect(200);
    assert!(
        letters["items"][0]["redriven_at"].is_string() && letters["items"][0]["redriven_by"].is_string(),
        "{letters}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_publishes_what_it_listens_to_ends_in_a_dead_letter_with_its_chain() {
    let stage = Stage::open().await;
    let source = "export default (event) => events.publish('loop.turn', event.data + 1)";
    stage.deploy_with(json!({ "name": "ship", "kind": "event", "source": source })).await;
    subscribe(&stage, &["loop.turn"]).await;
    publish(&stage, json!({ "type": "loop.turn", "data": 0 })).await;
    let found = letter(&stage).await;
    assert_eq!(found["reason"], "hops");
    let path = format!("{LETTERS}/{}", found["id"].as_str().unwrap());
    let shown = stage.get(&path).await.expect(200);
    let hops: Vec<&Value> = shown["chain"].as_array().unwrap().iter().map(|link| &link["hop"]).collect();
    assert_eq!(hops, (0..=16).map(|hop| json!(hop)).collect::<Vec<Value>>().iter().collect::<Vec<&Value>>());
    let refused = stage.post(&format!("{path}/redrive"), json!({})).await.expect_problem(422, "invalid");
    assert!(names_field(&refused, "data"), "{refused}");
}
