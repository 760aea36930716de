//! What a script can do when nothing goes wrong.

use crate::support::{Run, json, kind};

#[tokio::test]
async fn a_script_answers_with_what_it_returns() {
    let outcome = Run::default().source("export default function () { return { ok: true }; }").await;
    assert_eq!(json(&outcome), serde_json::json!({ "ok": true }));
    assert!(outcome.fuel > 0);
}

#[tokio::test]
async fn awaited_host_calls_are_answered() {
    let source = "export default async function () {
        await storage.set('k', { n: 1 });
        console.log('stored', { n: 1 });
        return [await storage.get('k'), await storage.get('absent'), await services.products.get('p1')];
    }";
    let outcome = Run::default().source(source).await;
    assert_eq!(json(&outcome), serde_json::json!([{ "n": 1 }, null, ["p1"]]));
    assert_eq!(outcome.host_calls, 4);
    assert_eq!(outcome.logs.len(), 1);
}

#[tokio::test]
async fn an_endless_loop_is_stopped_by_fuel() {
    let outcome = Run::default().source("export default function () { for (;;); }").await;
    assert_eq!(kind(&outcome), "cpu_limit");
}
