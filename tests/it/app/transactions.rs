//! An execution is a transaction (SPEC 2.2).

use futures_util::future::join_all;
use serde_json::json;

use super::stage::{Stage, kind};

const READ: &str = "export default async (keys) => storage.getMany(keys)";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_wrote_is_there_for_the_next_one() {
    let stage = Stage::set().await;
    stage
        .deploy("write", "export default async (n) => { await storage.set('k', { n }); return storage.get('k'); }")
        .await;
    stage.deploy("read", READ).await;
    assert_eq!(stage.answer("write", "7").await, json!({ "n": 7 }));
    assert_eq!(stage.answer("read", r#"["k", "absent"]"#).await, json!([{ "n": 7 }, null]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_fails_leaves_nothing() {
    let stage = Stage::set().await;
    let source = "export default async () => {
        for (const key of ['a', 'b', 'c']) await storage.set(key, 1);
        await storage.increment('d');
        await events.publish('order.created', {});
        throw new Error('no');
    }";
    stage.deploy("fail", source).await;
    stage.deploy("read", READ).await;
    assert_eq!(kind(&stage.run("fail", "null").await), "user_error");
    assert_eq!(stage.answer("read", r#"["a", "b", "c", "d"]"#).await, json!([null, null, null, null]));
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_side_by_side_lose_nothing() {
    let stage = Stage::set().await;
    stage
        .deploy("count", "export default async () => { for (let i = 0; i < 50; i++) await storage.increment('n', 2); }")
        .await;
    stage.deploy("read", READ).await;
    join_all((0..8).map(|_| stage.run("count", "null"))).await;
    assert_eq!(stage.answer("read", r#"["n"]"#).await, json!([800]));
}

#[tokio::test(flavor = "multi_thread")]
async fn read_and_write_side_by_side_is_repeated_until_nothing_is_lost() {
    let stage = Stage::set().await;
    let source = "export default async () => {
        const n = (await storage.get('n')) ?? 0;
        await utils.sleep(5);
        await storage.set('n', n + 1);
    }";
    stage.deploy("add", source).await;
    stage.deploy("read", READ).await;
    let ends = join_all((0..12).map(|_| stage.run("add", "null"))).await;
    let succeeded = ends.iter().filter(|view| kind(view) == "success").count();
    assert_eq!(succeeded, 12, "contention slows runs down and does not fail them");
    assert_eq!(stage.answer("read", r#"["n"]"#).await, json!([12]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_a_read_of_its_range() {
    let stage = Stage::set().await;
    let source = "export default async (name) => {
        const { entries } = await storage.list('seat/');
        await utils.sleep(5);
        if (entries.length === 0) await storage.set(`seat/${name}`, true);
        return entries.length;
    }";
    stage.deploy("claim", source).await;
    let inputs: Vec<String> = (0..6).map(|n| format!("\"{n}\"")).collect();
    let answers = join_all(inputs.iter().map(|input| stage.answer("claim", input))).await;
    assert_eq!(answers.iter().filter(|answer| **answer == json!(0)).count(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_in_between_keeps_what_came_before_it() {
    let stage = Stage::set().await;
    let source = "export default async () => {
        await storage.set('kept', 1);
        await storage.commit();
        await storage.set('lost', 1);
        throw new Error('after the commit');
    }";
    stage.deploy("half", source).await;
    stage.deploy("read", READ).await;
    assert_eq!(kind(&stage.run("half", "null").await), "user_error");
    assert_eq!(stage.answer("read", r#"["kept", "lost"]"#).await, json!([1, null]));
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_to_a_text_fails_the_execution_with_words() {
    let stage = Stage::set().await;
    stage.deploy("text", "export default () => storage.set('k', 'text')").await;
    stage.deploy("add", "export default () => storage.increment('k')").await;
    stage.run("text", "null").await;
    let view = stage.run("add", "null").await;
    assert_eq!(kind(&view), "user_error");
    assert!(view.error.unwrap().message.contains("no number"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_the_runs_own_writes_page_by_page() {
    let stage = Stage::set().await;
    let source = "export default async () => {
        for (let i = 0; i < 10; i++) await storage.set('p/' + i, i);
        await storage.commit();
        await storage.delete('p/3');
        await storage.set('p/33', 33);
        const pages = [];
        let cursor;
        do {
            const page = await storage.list({ prefix: 'p/', cursor, limit: 4 });
            pages.push(page.entries.map((entry) => entry.value));
            cursor = page.cursor;
        } while (cursor);
        return pages;
    }";
    stage.deploy("pages", source).await;
    assert_eq!(stage.answer("pages", "null").await, json!([[0, 1, 2, 33], [4, 5, 6, 7], [8, 9]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_read_and_strangers_are_denied() {
    let stage = Stage::set().await;
    let source = "export default async () => (await services.products.list({ limit: 2 })).items.length";
    let products =
        domain::Capabilities { services: vec![String::from("products.list")], ..domain::Capabilities::default() };
    stage.deploy_with("list", source, products, None).await;
    assert_eq!(stage.answer("list", "null").await, json!(2));
    stage.deploy("denied", "export default async () => services.products.get('p1')").await;
    assert_eq!(kind(&stage.run("denied", "null").await), "capability_denied");
    let source = "export default async () => { try { await services.products.get('p1') } catch (e) { return [e.name, e.code] } }";
    stage.deploy("caught", source).await;
    assert_eq!(stage.answer("caught", "null").await, json!(["SkerryError", "capability_denied"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_refused_and_caught_loses_nothing_silently() {
    let stage = Stage::set().await;
    let source = "export default async () => {
        await storage.set('text', 'text');
        await storage.commit();
        await storage.set('y', 1);
        await storage.increment('text');
        try { await storage.commit() } catch { return storage.get('y') }
    }";
    stage.deploy("refused", source).await;
    stage.deploy("read", READ).await;
    assert_eq!(kind(&stage.run("refused", "null").await), "user_error", "what could not be committed fails the run");
    assert_eq!(stage.answer("read", r#"["text", "y"]"#).await, json!(["text", null]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_nobody_waits_for_is_made_once() {
    let stage = Stage::set().await;
    let source = "export default async () => { await storage.increment('n'); storage.commit(); }";
    stage.deploy("count", source).await;
    stage.deploy("read", READ).await;
    for _ in 0..5 {
        assert_eq!(kind(&stage.run("count", "null").await), "success");
    }
    assert_eq!(stage.answer("read", r#"["n"]"#).await, json!([5]));
}
