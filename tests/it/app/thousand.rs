//! A thousand recorded executions, replayed with the world switched off.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use app::App;
use domain::{Capabilities, ExecutionId};
use futures_util::{FutureExt, StreamExt, stream};

use super::{
    outside::{Asked, HOST, Outside, answer},
    stage::{Stage, config},
};

const EXECUTIONS: usize = 1_000;
/// Executions at once: as many as the tenant's share of slots.
const AT_ONCE: usize = 8;

/// Calls of every kind, in an order that chance and the world decide; one in seven fails on purpose.
const SOURCE: &str = "export default async ({ n, url }) => {
    const roll = Math.random();
    const answers = await Promise.all([
        fetch(`${url}?n=${n}&roll=${roll}`).then((response) => response.json()),
        http.post(url, { n, id: utils.uuid() }).then((response) => response.text()),
        storage.get(`last/${n % 10}`),
        services.products.get(`p-${100 + (n % 5)}`),
        utils.sleep(n % 3).then(() => Date.now()),
    ]);
    await storage.set(`last/${n % 10}`, { n, roll, at: answers[4] });
    await storage.increment('count');
    const page = await storage.list('last/');
    await events.publish('order.counted', { n, keys: page.entries.length });
    console.log('answers', answers, crypto.randomUUID(), new Date().toISOString());
    const race = await Promise.race([utils.sleep(1).then(() => 'timer'), fetch(url).then(() => 'answer')]);
    const denied = await storage.get('outside').catch((error) => error.code);
    if (n % 7 === 0) throw new RangeError(`on purpose: ${n} ${race} ${denied}`);
    return { n, roll, race, denied, seen: page.entries.map((entry) => entry.value.n) };
};";

/// A server whose answers take turns in coming late, so that no two executions take them in one order.
async fn world() -> Outside {
    let turn = Arc::new(AtomicUsize::new(0));
    Outside::start(move |asked: Asked| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        async move {
            for _ in 0..turn % 5 * 20 {
                tokio::task::yield_now().await;
            }
            let body = serde_json::json!({ "turn": turn, "path": asked.path, "bytes": asked.body.len() }).to_string();
            answer("200 OK", "content-type: application/json\r\n", body.as_bytes())
        }
        .boxed()
    })
    .await
}

async fn stage(upstream: &Outside) -> Stage {
    let stage = Stage::set_with(|config| *config = upstream.configured(config.clone())).await;
    let capabilities = Capabilities {
        hosts: vec![HOST.to_owned()],
        services: vec![String::from("products.get")],
        storage_prefixes: Some(vec![String::from("last/"), String::from("count")]),
        ..Capabilities::default()
    };
    stage.deploy_with("mixed", SOURCE, capabilities, None).await;
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_recorded_executions_are_replayed_to_the_unit_with_the_world_switched_off() {
    let upstream = world().await;
    let stage = stage(&upstream).await;
    let executions: Vec<(ExecutionId, u64)> = stream::iter(0..EXECUTIONS)
        .map(async |n| {
            let input = serde_json::json!({ "n": n, "url": upstream.url("/rates") }).to_string();
            let execution = stage.run("mixed", &input).await.execution;
            (execution.id, execution.fuel)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let asked = upstream.asked().len();
    // The last request of a run is cut where its timer wins, perhaps before it was sent.
    assert!(asked >= 2 * EXECUTIONS, "{asked}");

    // The same data, opened with nobody allowed to send anything.
    let Stage { app, principal, directory } = stage;
    drop(app);
    let app = App::open(config(&directory)).await.unwrap();
    let unequal: Vec<String> = stream::iter(executions)
        .map(async |(execution, fuel)| {
            let replay = app.executions().replay(&principal, execution, None).await.unwrap();
            let equal = replay.equal && replay.fuel_equal == Some(true) && replay.outcome.fuel == fuel;
            (!equal).then(|| format!("{execution}: {:?} {:?}", replay.difference, replay.outcome.result))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(async |difference| difference)
        .collect()
        .await;
    assert!(unequal.is_empty(), "{} of {EXECUTIONS}: {:#?}", unequal.len(), &unequal[..unequal.len().min(3)]);
    assert_eq!(upstream.asked().len(), asked, "a replay sends nothing");
}
