//! Filters, sorts and pages of a collection against a naive model of them, over stored and own documents at once.

use std::{cmp::Ordering, collections::BTreeMap, sync::LazyLock};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::{
    collections::{THINGS, capabilities},
    stage::Stage,
};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Writes its own documents, lists page by page, and fails with what it found, so that nothing stays.
const SOURCE: &str = "export default async ({ own, query }) => {
    const things = services.things;
    for (const [id, body] of Object.entries(own)) {
        await things.delete(id);
        if (body !== null) await things.create({ ...body, id });
    }
    const found = [];
    let cursor = null;
    do {
        const page = await things.list({ ...query, cursor });
        found.push(page.items.map((thing) => thing.id));
        cursor = page.cursor;
    } while (cursor !== null);
    throw new Error(JSON.stringify(found));
}";

/// One list over some documents.
#[derive(Clone, Debug)]
struct Case {
    own: BTreeMap<String, Option<Value>>,
    filter: Vec<(&'static str, &'static str, Value)>,
    sort: Option<(&'static str, bool)>,
    limit: usize,
}

#[test]
fn every_filter_sort_and_page_is_as_a_naive_model_has_it() {
    let stored: BTreeMap<String, Value> = sample(&prop::collection::btree_map(id(), thing(), 25..30));
    let stage = RUNTIME.block_on(async {
        let stage = Stage::with_things(THINGS).await;
        stage
            .deploy_for_things(
                "store",
                "for (const [id, body] of Object.entries(input)) await things.create({ ...body, id });",
            )
            .await;
        assert!(stage.run("store", &json!(stored).to_string()).await.error.is_none());
        stage.deploy_with("list", SOURCE, capabilities(), None).await;
        stage
    });
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&case(), |case| {
        let expected = model(&stored, &case);
        let found = RUNTIME.block_on(found(&stage, &case));
        prop_assert_eq!(found, expected, "{}", query(&case));
        Ok(())
    });
    RUNTIME.block_on(async { drop(stage) });
    outcome.unwrap();
}

async fn found(stage: &Stage, case: &Case) -> Value {
    let input = json!({ "own": case.own, "query": query(case) });
    let view = stage.run("list", &input.to_string()).await;
    let message = view.error.unwrap().message;
    serde_json::from_str(&message).unwrap_or(Value::String(message))
}

fn query(case: &Case) -> Value {
    let mut filter: Map<String, Value> = Map::new();
    for (field, operator, value) in &case.filter {
        filter.entry(*field).or_insert_with(|| json!({}))[*operator] = value.clone();
    }
    let sort = case.sort.map(|(field, is_ascending)| if is_ascending { field.to_owned() } else { format!("-{field}") });
    json!({ "filter": filter, "sort": sort, "limit": case.limit })
}

/// What the pages hold: every document is looked at.
fn model(stored: &BTreeMap<String, Value>, case: &Case) -> Value {
    let mut documents = stored.clone();
    for (id, body) in &case.own {
        match body {
            Some(body) => documents.insert(id.clone(), body.clone()),
            None => documents.remove(id),
        };
    }
    let mut matching: Vec<(String, Value)> = documents
        .into_iter()
        .map(|(id, mut body)| {
            body["id"] = json!(id);
            (id, body)
        })
        .filter(|(_, body)| {
            // As an object has one member of a name, the last one of an operator counts.
            let last = query(case);
            let conditions = last["filter"].as_object().unwrap().clone();
            conditions.iter().all(|(field, operators)| {
                operators.as_object().unwrap().iter().all(|(operator, value)| holds(at(body, field), operator, value))
            })
        })
        .collect();
    let (field, is_ascending) = case.sort.unwrap_or(("id", true));
    matching.sort_by(|(one_id, one), (other_id, other)| {
        let order = compare(at(one, field), at(other, field)).then_with(|| one_id.cmp(other_id));
        if is_ascending { order } else { order.reverse() }
    });
    let ids: Vec<String> = matching.into_iter().map(|(id, _)| id).collect();
    let pages: Vec<&[String]> = if ids.is_empty() { vec![&[]] } else { ids.chunks(case.limit).collect() };
    json!(pages)
}

fn at<'a>(body: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').try_fold(body, |value, name| value.get(name))
}

fn holds(found: Option<&Value>, operator: &str, value: &Value) -> bool {
    let is_equal =
        |value: &Value| found.is_some_and(|found| compare(Some(found), Some(value)).is_eq() && rank(Some(found)) < 5);
    let ordered =
        |allowed: fn(Ordering) -> bool| rank(found) == rank(Some(value)) && allowed(compare(found, Some(value)));
    match operator {
        "eq" => is_equal(value),
        "ne" => !is_equal(value),
        "in" => value.as_array().unwrap().iter().any(is_equal),
        "lt" => ordered(Ordering::is_lt),
        "lte" => ordered(Ordering::is_le),
        "gt" => ordered(Ordering::is_gt),
        "gte" => ordered(Ordering::is_ge),
        "startsWith" => found.and_then(Value::as_str).is_some_and(|text| text.starts_with(value.as_str().unwrap())),
        "exists" => found.is_some() == value.as_bool().unwrap(),
        "contains" => found.and_then(Value::as_array).is_some_and(|items| items.contains(value)),
        other => panic!("{other}"),
    }
}

/// Missing, null, booleans, numbers, texts, everything else.
fn rank(value: Option<&Value>) -> u8 {
    match value {
        None => 0,
        Some(Value::Null) => 1,
        Some(Value::Bool(_)) => 2,
        Some(Value::Number(_)) => 3,
        Some(Value::String(_)) => 4,
        Some(Value::Array(_) | Value::Object(_)) => 5,
    }
}

fn compare(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    rank(one).cmp(&rank(other)).then_with(|| match (one, other) {
        (Some(Value::Bool(one)), Some(Value::Bool(other))) => one.cmp(other),
        (Some(Value::Number(one)), Some(Value::Number(other))) => {
            one.as_f64().unwrap().partial_cmp(&other.as_f64().unwrap()).unwrap()
        }
        (Some(Value::String(one)), Some(Value::String(other))) => one.cmp(other),
        _ => Ordering::Equal,
    })
}

fn sample<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

fn id() -> impl Strategy<Value = String> + Clone {
    prop::sample::select(vec!["a", "b", "ab", "abc", "ä", "z", "\u{10ffff}", "'", "A", "0"])
        .prop_flat_map(|head| (0..6).prop_map(move |tail| format!("{head}{tail}")))
}

fn number() -> impl Strategy<Value = Value> + Clone {
    prop::sample::select(vec![
        json!(-1e300),
        json!(-2),
        json!(-0.5),
        json!(0),
        json!(1),
        json!(1.5),
        json!(2),
        json!(10),
        json!(1e21),
    ])
}

fn text() -> impl Strategy<Value = Value> + Clone {
    let long = "x".repeat(600);
    let texts = ["", "a", "ab", "abc", "b", "B", "ä", "\u{0}", "\u{1}", "a\u{0}", "%", "'", "\u{ffff}", "\u{10000}"];
    let mut texts: Vec<Value> = texts.map(|text| json!(text)).to_vec();
    texts.extend([json!(long), json!("y".repeat(600))]);
    prop::sample::select(texts)
}

fn short_text() -> impl Strategy<Value = Value> + Clone {
    text().prop_filter("a text to order by", |text| text.as_str().unwrap().len() <= 500)
}

fn thing() -> impl Strategy<Value = Value> + Clone {
    let tags = prop::collection::vec(text(), 0..3).prop_map(Value::Array);
    let mixed = prop_oneof![number(), text(), Just(Value::Null)];
    let city = prop::option::of(text()).prop_map(|city| city.map_or(json!({}), |city| json!({ "city": city })));
    let optional = (
        prop::option::of(number()),
        prop::option::of(text()),
        prop::option::of(any::<bool>().prop_map(Value::Bool)),
        prop::option::of(mixed),
        prop::option::of(tags),
        prop::option::of(city),
    );
    optional.prop_map(|(n, s, b, o, tags, at)| {
        let members = [("n", n), ("s", s), ("b", b), ("o", o), ("tags", tags), ("at", at)];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect())
    })
}

fn condition() -> impl Strategy<Value = (&'static str, &'static str, Value)> + Clone {
    let equality = || prop::sample::select(vec!["eq", "ne"]);
    let order = || prop::sample::select(vec!["lt", "lte", "gt", "gte"]);
    let texts = || prop::sample::select(vec!["s", "at.city", "o", "id"]);
    let several = |value: BoxedStrategy<Value>| prop::collection::vec(value, 0..4).prop_map(Value::Array);
    let any_field = prop::sample::select(vec!["n", "s", "b", "o", "tags", "at.city", "id"]);
    let mixed = prop_oneof![number(), text(), Just(Value::Null)];
    prop_oneof![
        (Just("n"), equality(), number()),
        (Just("n"), order(), number()),
        (Just("n"), Just("in"), several(number().boxed())),
        (Just("b"), equality(), any::<bool>().prop_map(Value::Bool)),
        (Just("o"), equality(), mixed.clone()),
        (Just("o"), order(), number()),
        (Just("o"), Just("in"), several(mixed.boxed())),
        (texts(), equality(), text()),
        (texts(), order(), short_text()),
        (texts(), Just("in"), several(text().boxed())),
        (texts(), Just("startsWith"), short_text()),
        (Just("id"), order(), id().prop_map(Value::String)),
        (Just("id"), equality(), id().prop_map(Value::String)),
        (Just("tags"), Just("contains"), text()),
        (any_field, Just("exists"), any::<bool>().prop_map(Value::Bool)),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let sort = (prop::sample::select(vec!["id", "n", "s", "b", "o", "at.city"]), any::<bool>());
    (
        prop::collection::btree_map(id(), prop::option::of(thing()), 0..8),
        prop::collection::vec(condition(), 0..4),
        prop::option::of(sort),
        1..20_usize,
    )
        .prop_map(|(own, filter, sort, limit)| Case { own, filter, sort, limit })
}
