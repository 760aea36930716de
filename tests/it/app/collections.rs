//! Services of the kind `collection`: documents inside the execution's transaction (SPEC 4.5 and 2.2).

use std::collections::BTreeMap;

use app::{App, AppConfig, AppOpenError};
use domain::Capabilities;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::stage::{Stage, config, json as answered, kind};

/// Things with a field of each sort.
pub(crate) const THINGS: &str = r#"{
    "type": "object",
    "properties": {
        "n": { "type": "number" },
        "s": { "type": "string" },
        "b": { "type": "boolean" },
        "o": { "type": ["number", "string", "null"] },
        "tags": { "type": "array", "items": { "type": "string" } },
        "at": { "type": "object", "properties": { "city": { "type": "string" } } },
        "free": {}
    }
}"#;

pub(crate) fn capabilities() -> Capabilities {
    Capabilities { services: vec![String::from("things.*")], ..Capabilities::default() }
}

fn with_schema(directory: &TempDir, schema: &str) -> AppConfig {
    AppConfig { collections: BTreeMap::from([(String::from("things"), schema.to_owned())]), ..config(directory) }
}

impl Stage {
    /// A tenant with the collection `things`.
    pub(crate) async fn with_things(schema: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let config = with_schema(&directory, schema);
        Self::with(directory, config).await
    }

    /// Deploy a function of `things` and its input, as one that may call everything.
    pub(crate) async fn deploy_for_things(&self, name: &str, body: &str) {
        let source = format!("export default async (input) => {{ const things = services.things; {body} }}");
        self.deploy_with(name, &source, capabilities(), None).await;
    }

    /// What one run of such a function answers.
    pub(crate) async fn of_things(&self, name: &str, body: &str) -> Value {
        self.deploy_for_things(name, body).await;
        self.answer(name, "null").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_created_read_changed_and_deleted() {
    let stage = Stage::with_things(THINGS).await;
    let made = stage
        .of_things(
            "life",
            "const made = await things.create({ id: 'a', s: 'one', at: { city: 'Oslo', zip: 1 } });
             const changed = await things.update('a', { n: 2, s: null, at: { zip: null } });
             const got = await things.get('a');
             return [made, changed, got, await things.get('b'), await things.delete('a'), await things.delete('a'),
                     await things.get('a')];",
        )
        .await;
    let changed = json!({ "id": "a", "at": { "city": "Oslo" }, "n": 2 });
    let created = json!({ "id": "a", "s": "one", "at": { "city": "Oslo", "zip": 1 } });
    assert_eq!(made, json!([created, changed, changed, null, true, false, null]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_keeps_the_order_of_its_properties() {
    let stage = Stage::with_things(THINGS).await;
    let text = stage
        .of_things(
            "order",
            "await things.create({ z: 1, s: 'x', a: 2, id: 'k' });
             await things.update('k', { b: true, s: 'y' });
             return JSON.stringify(await things.get('k'));",
        )
        .await;
    assert_eq!(text, json!(r#"{"z":1,"s":"y","a":2,"id":"k","b":true}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_without_an_id_is_given_one_that_sorts_by_time() {
    let stage = Stage::with_things(THINGS).await;
    stage
        .deploy_for_things(
            "make",
            "const a = await things.create({ n: 1 }); const b = await things.create({}); return [a, b];",
        )
        .await;
    let made = stage.answer("make", "null").await;
    let ids: Vec<uuid::Uuid> = [0, 1].map(|at| made[at]["id"].as_str().unwrap().parse().unwrap()).to_vec();
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.get_version_num() == 7), "{ids:?}");
    assert_eq!(made[0]["n"], json!(1));
    let next = stage.answer("make", "null").await;
    assert!(next[0]["id"].as_str() > made[1]["id"].as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_wrote_to_documents_is_there_for_the_next_one_and_nothing_of_one_that_failed() {
    let stage = Stage::with_things(THINGS).await;
    stage
        .deploy_for_things(
            "write",
            "await things.create({ id: input, n: 1 }); if (input === 'b') throw new Error('no');",
        )
        .await;
    assert_eq!(kind(&stage.run("write", "\"a\"").await), "success");
    assert_eq!(kind(&stage.run("write", "\"b\"").await), "user_error");
    let found = stage.of_things("read", "return (await things.list()).items.map((thing) => thing.id);").await;
    assert_eq!(found, json!(["a"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_refused_a_call_goes_on_with_nothing_half_done() {
    let stage = Stage::with_things(THINGS).await;
    let found = stage
        .of_things(
            "caught",
            "await things.create({ id: 'a', n: 1 });
             const codes = [];
             for (const call of [
                () => things.create({ id: 'a', n: 2 }), () => things.update('a', { n: 'text' }),
                () => things.update('missing', {}), () => things.create({ id: 'c', n: 'text' }),
                () => things.update('a', { id: 'z' }),
             ]) {
                try { await call(); } catch (error) { codes.push(error.code ?? error.name); }
             }
             return [codes, (await things.list()).items];",
        )
        .await;
    let codes = json!(["conflict", "TypeError", "not_found", "TypeError", "TypeError"]);
    assert_eq!(found, json!([codes, [{ "id": "a", "n": 1 }]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_that_change_one_document_lose_nothing() {
    let stage = Stage::with_things(THINGS).await;
    stage.of_things("first", "await things.create({ id: 'a', n: 0 });").await;
    let add = "const { n } = await things.get('a'); await utils.sleep(3); await things.update('a', { n: n + 1 });";
    stage.deploy_for_things("add", add).await;
    let ends = join_all((0..8).map(|_| stage.run("add", "null"))).await;
    assert!(ends.iter().all(|view| kind(view) == "success"), "contention slows runs down and does not fail them");
    assert_eq!(stage.of_things("read", "return (await things.get('a')).n;").await, json!(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_executions_that_create_one_document_one_wins_and_the_others_are_told() {
    let stage = Stage::with_things(THINGS).await;
    let claim = "await utils.sleep(3);
        try { await things.create({ id: 'seat' }); return 'mine'; } catch (error) { return error.code; }";
    stage.deploy_for_things("claim", claim).await;
    let mut answers: Vec<Value> = join_all((0..5).map(|_| stage.answer("claim", "null"))).await;
    answers.sort_by_key(Value::to_string);
    assert_eq!(answers, ["conflict", "conflict", "conflict", "conflict", "mine"].map(|answer| json!(answer)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_list_is_a_read_of_what_matches() {
    let stage = Stage::with_things(THINGS).await;
    let claim = "const { items } = await things.list({ filter: { s: 'seat', n: { gte: 1 } }, sort: '-n' });
        await utils.sleep(3);
        if (items.length === 0) await things.create({ s: 'seat', n: input + 1 });
        return items.length;";
    stage.deploy_for_things("claim", claim).await;
    let inputs: Vec<String> = (0..6).map(|n| n.to_string()).collect();
    let answers = join_all(inputs.iter().map(|input| stage.answer("claim", input))).await;
    assert_eq!(answers.iter().filter(|answer| **answer == json!(0)).count(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_the_runs_own_writes_in_its_order_page_by_page() {
    let stage = Stage::with_things(THINGS).await;
    stage
        .of_things(
            "stored",
            "for (let n = 0; n < 10; n++) await things.create({ id: `p${n}`, n, s: n % 2 ? 'odd' : 'even' });",
        )
        .await;
    let pages = stage
        .of_things(
            "pages",
            "await things.delete('p4');
             await things.update('p3', { s: 'even' });
             await things.update('p2', { s: 'odd' });
             await things.create({ id: 'own', n: 5.5, s: 'even' });
             await things.create({ id: 'last', s: 'even' });
             const pages = [];
             let cursor;
             do {
                const page = await things.list({ filter: { s: 'even' }, sort: '-n', limit: 2, cursor });
                pages.push(page.items.map((thing) => thing.id));
                cursor = page.cursor;
             } while (cursor);
             return pages;",
        )
        .await;
    assert_eq!(pages, json!([["p8", "p6"], ["own", "p3"], ["p0", "last"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_goes_on_where_its_page_ended_whatever_was_written_since() {
    let stage = Stage::with_things(THINGS).await;
    stage.of_things("stored", "for (let n = 0; n < 6; n++) await things.create({ id: `p${n}`, n });").await;
    stage
        .deploy_for_things(
            "page",
            "const page = await things.list({ sort: 'n', limit: 2, cursor: input });
        return [page.items.map((thing) => thing.n), page.cursor];",
        )
        .await;
    let first = stage.answer("page", "null").await;
    stage.of_things("between", "await things.create({ id: 'x', n: 0.5 }); await things.create({ id: 'y', n: 1.5 }); await things.delete('p2');").await;
    let second = stage.answer("page", &first[1].to_string()).await;
    assert_eq!((&first[0], &second[0]), (&json!([0, 1]), &json!([1.5, 3])));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_count_as_storage_and_the_quota_holds_for_them() {
    let directory = TempDir::new().unwrap();
    let config = AppConfig { storage_limit_bytes: 32_000, ..with_schema(&directory, THINGS) };
    let stage = Stage::with(directory, config).await;
    let write = "await things.create({ id: input, s: 'x'.repeat(8000) });";
    stage.deploy_for_things("write", write).await;
    assert_eq!(kind(&stage.run("write", "\"a\"").await), "success");
    assert_eq!(kind(&stage.run("write", "\"b\"").await), "success");
    assert_eq!(kind(&stage.run("write", "\"c\"").await), "quota");
    let left = stage.of_things("free", "await things.delete('a'); return (await things.list()).items.length;").await;
    assert_eq!(left, json!(1));
    assert_eq!(kind(&stage.run("write", "\"c\"").await), "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_in_between_keeps_the_documents_before_it() {
    let stage = Stage::with_things(THINGS).await;
    let half = "await things.create({ id: 'kept', n: 1 });
        await storage.commit();
        await things.update('kept', { n: 2 });
        await things.create({ id: 'lost' });
        throw new Error('after the commit');";
    stage.deploy_for_things("half", half).await;
    assert_eq!(kind(&stage.run("half", "null").await), "user_error");
    let left = stage.of_things("read", "return (await things.list()).items;").await;
    assert_eq!(left, json!([{ "id": "kept", "n": 1 }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_was_changed_is_followed_by_every_document_that_is_there() {
    let stage = Stage::with_things(r#"{ "type": "object", "properties": { "n": { "type": "number" } } }"#).await;
    stage
        .of_things("stored", "for (let n = 0; n < 450; n++) await things.create({ id: `p${n}`, n, s: `s${n % 100}` });")
        .await;
    stage
        .deploy_for_things(
            "find",
            "return (await things.list({ filter: { s: 's7' } })).items.map((thing) => thing.id);",
        )
        .await;
    assert_eq!(kind(&stage.run("find", "null").await), "user_error", "the field is not declared yet");
    let Stage { app, principal, directory } = stage;
    drop(app);
    let app = App::open(with_schema(&directory, THINGS)).await.unwrap();
    let stage = Stage { app, principal, directory };
    assert_eq!(answered(&stage.run("find", "null").await), json!(["p107", "p207", "p307", "p407", "p7"]));
}

#[tokio::test]
async fn a_collection_whose_schema_is_not_taken_keeps_the_application_from_starting() {
    for schema in
        ["{", r##"{ "$ref": "#" }"##, r#"{ "$ref": "https://example.org/schema.json" }"#, r#"{ "pattern": "(?=a)" }"#]
    {
        let directory = TempDir::new().unwrap();
        let refused = App::open(with_schema(&directory, schema)).await;
        assert!(
            matches!(&refused, Err(AppOpenError::CollectionSchema { name, .. }) if name == "things"),
            "{refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_says_what_there_is_to_call() {
    let stage = Stage::with_things(THINGS).await;
    let collections = stage.app.collections(&stage.principal).unwrap();
    let names: Vec<&str> = collections.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["products", "things"]);
    let methods: Vec<&str> = collections[1].1.iter().map(|method| method.name.as_str()).collect();
    assert_eq!(methods, ["list", "get", "create", "update", "delete"]);
    let query = collections[1].1[0].parameters[0].schema.as_ref().unwrap();
    let filter = &query["properties"]["filter"]["properties"];
    assert!(filter["at.city"].is_object() && filter["tags"].is_object() && filter["free"].is_null(), "{filter}");
    assert!(query["properties"]["sort"]["enum"].as_array().unwrap().contains(&json!("-n")));
}
