//! Edited code against a recorded execution, and what executions tell of the capabilities they need.

use app::{EditedCode, ReplayView, ScriptRef};
use domain::{Capabilities, ExecutionId, Language, Permission, Permissions, Principal};
use serde_json::json;

use super::{
    outside::{self, Outside, answer, at_once},
    stage::{Stage, json},
};

const RECORDED: &str = "export default async (order) => {
    const seen = await storage.get('seen');
    const rate = await storage.get('rate');
    await storage.set('total', order.total * (rate ?? 2));
    console.info('total', order.total);
    return { seen, total: order.total * (rate ?? 2) };
};";

async fn recorded(stage: &Stage) -> ExecutionId {
    stage.deploy("order", RECORDED).await;
    stage.run("order", r#"{"total":21}"#).await.execution.id
}

async fn edit(stage: &Stage, principal: &Principal, execution: ExecutionId, text: &str) -> ReplayView {
    let code = EditedCode { language: Some(Language::JavaScript), text: text.to_owned() };
    stage.app.executions().replay(principal, execution, Some(code)).await.unwrap()
}

fn result(replay: &ReplayView) -> serde_json::Value {
    match &replay.outcome.result {
        Ok(app::Output::Json(json)) => serde_json::from_str(json).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_asks_the_same_is_answered_the_same() {
    let stage = Stage::set().await;
    let execution = recorded(&stage).await;
    let same = edit(&stage, &stage.principal, execution, &RECORDED.replace("const seen", "let seen")).await;
    assert!(same.equal && same.first_different_call.is_none(), "{:?}", same.difference);
    assert_eq!(same.fuel_equal, None, "other code takes other fuel");

    let fixed = RECORDED.replace("return {", "return { fixed: true,");
    let fixed = edit(&stage, &stage.principal, execution, &fixed).await;
    assert!(!fixed.equal && fixed.logs_equal && fixed.first_different_call.is_none());
    assert_eq!(result(&fixed), json!({ "fixed": true, "seen": null, "total": 42 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_host_call_that_differs_is_shown_with_its_arguments() {
    let stage = Stage::set().await;
    let execution = recorded(&stage).await;
    let other = edit(&stage, &stage.principal, execution, &RECORDED.replace("?? 2", "?? 3")).await;
    let difference = other.first_different_call.unwrap();
    assert_eq!(difference.number, 3);
    assert_eq!(difference.recorded.unwrap().arguments, json!({ "key": "total", "value": 42, "ttl": null }));
    assert_eq!(difference.asked.unwrap().arguments, json!({ "key": "total", "value": 63, "ttl": null }));
    assert_eq!(other.difference.unwrap(), "host call 3 (storage.set) has other arguments than the recorded one");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_left_out_or_swapped_are_a_difference_and_no_end() {
    let stage = Stage::set().await;
    let execution = recorded(&stage).await;
    let without = RECORDED.replace("const seen = await storage.get('seen');", "const seen = 'gone';");
    let without = edit(&stage, &stage.principal, execution, &without).await;
    assert_eq!(result(&without), json!({ "seen": "gone", "total": 42 }));
    assert_eq!(without.first_different_call.unwrap().number, 1);

    let swapped = RECORDED.replace(
        "const seen = await storage.get('seen');\n    const rate = await storage.get('rate');",
        "const [rate, seen] = await Promise.all([storage.get('rate'), storage.get('seen')]);",
    );
    let swapped = edit(&stage, &stage.principal, execution, &swapped).await;
    assert!(swapped.result_equal && !swapped.equal, "{:?}", swapped.outcome.result);

    let early = edit(&stage, &stage.principal, execution, "export default () => ({ seen: null, total: 42 });").await;
    let difference = early.first_different_call.unwrap();
    assert!(early.result_equal && difference.asked.is_none());
    assert_eq!(difference.recorded.unwrap().name, "storage.get");
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_code_needs_the_capability_and_the_right_for_each_call() {
    let stage = Stage::set().await;
    let execution = recorded(&stage).await;
    let narrow = Permission::ALL.iter().copied().filter(|permission| *permission != Permission::StorageWrite);
    let asker = Principal { permissions: narrow.collect::<Permissions>(), ..stage.principal.clone() };
    let refused = edit(&stage, &asker, execution, RECORDED).await;
    assert_eq!(refused.outcome.result.unwrap_err().kind.as_str(), "capability_denied");

    let capabilities = Capabilities { storage_prefixes: Some(vec![String::from("rate")]), ..Capabilities::default() };
    let settings = app::SettingsInput { capabilities: Some(capabilities), ..app::SettingsInput::default() };
    let script = ScriptRef::parse("order").unwrap();
    stage.app.scripts().update_settings(&stage.principal, &script, settings).await.unwrap();
    let refused = edit(&stage, &stage.principal, execution, RECORDED).await;
    assert_eq!(refused.outcome.result.unwrap_err().kind.as_str(), "capability_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_code_is_given_no_answer_of_a_host_or_with_a_secret_that_is_not_named_any_more() {
    let outside = Outside::start(|_| at_once(answer("200 OK", "", b"answered"))).await;
    let stage = Stage::set_with(|config| *config = outside.configured(config.clone())).await;
    let source = "export default async (url) => {
        const denied = await fetch(url, { headers: { 'x-key': await secrets.get('KEY').catch(() => 'none') } })
            .then((response) => response.text(), (error) => error.code);
        return denied;
    };";
    stage.deploy_with("asks", source, outside::capabilities(), None).await;
    let url = serde_json::json!(outside.url("/")).to_string();
    let execution = stage.run("asks", &url).await;
    assert_eq!(json(&execution), json!("answered"));
    let same = edit(&stage, &stage.principal, execution.execution.id, source).await;
    assert_eq!(result(&same), json!("answered"));

    let settings = app::SettingsInput { capabilities: Some(Capabilities::default()), ..app::SettingsInput::default() };
    let script = ScriptRef::parse("asks").unwrap();
    stage.app.scripts().update_settings(&stage.principal, &script, settings).await.unwrap();
    let narrowed = edit(&stage, &stage.principal, execution.execution.id, source).await;
    assert_eq!(result(&narrowed), json!("egress_denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_code_changes_nothing_and_leaves_no_execution() {
    let stage = Stage::set().await;
    let execution = recorded(&stage).await;
    stage.deploy("look", "export default () => storage.get('total')").await;
    assert_eq!(stage.answer("look", "null").await, json!(42));
    stage.deploy("reset", "export default () => storage.delete('total')").await;
    stage.run("reset", "null").await;
    let filter = app::ExecutionFilter::default();
    let before = stage.app.executions().list(&stage.principal, &filter, None, 100).unwrap().executions.len();
    let same = edit(&stage, &stage.principal, execution, RECORDED).await;
    assert!(same.equal, "{:?}", same.difference);
    let filter = app::ExecutionFilter::default();
    assert_eq!(stage.app.executions().list(&stage.principal, &filter, None, 100).unwrap().executions.len(), before);
    assert_eq!(stage.answer("look", "null").await, json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_proposed_what_its_executions_used_and_nothing_that_was_denied() {
    let stage = Stage::set().await;
    let source = "export default async () => {
        await storage.set('orders/1', 1);
        await storage.list('carts/');
        await events.publish('order.created', {});
        await services.products.get('p-100').catch(() => null);
        await services.other.get(1).catch(() => null);
        return 1;
    };";
    let services = vec![String::from("products.get")];
    stage.deploy_with("busy", source, Capabilities { services, ..Capabilities::default() }, None).await;
    assert_eq!(json(&stage.run("busy", "null").await), json!(1));
    let script = ScriptRef::parse("busy").unwrap();
    let inferred = stage.app.executions().infer_capabilities(&stage.principal, &script, 100).await.unwrap();
    assert_eq!((inferred.executions, inferred.left_out), (1, 0));
    let expected = Capabilities {
        storage_prefixes: Some(vec![String::from("carts/"), String::from("orders/")]),
        event_types: Some(vec![String::from("order.created")]),
        services: vec![String::from("products.get")],
        ..Capabilities::default()
    };
    assert_eq!(inferred.capabilities, expected);
    let settings = app::SettingsInput { capabilities: Some(expected), ..app::SettingsInput::default() };
    stage.app.scripts().update_settings(&stage.principal, &script, settings).await.unwrap();
    stage.app.scripts().deploy(&stage.principal, &script, None, String::new()).await.unwrap();
    assert_eq!(json(&stage.run("busy", "null").await), json!(1), "the proposal is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_that_the_asker_may_not_inspect_tell_him_nothing() {
    let stage = Stage::set().await;
    recorded(&stage).await;
    let permissions = [Permission::ScriptsRead, Permission::ExecutionsRead].into_iter().collect();
    let asker = Principal { permissions, ..stage.principal.clone() };
    let script = ScriptRef::parse("order").unwrap();
    let inferred = stage.app.executions().infer_capabilities(&asker, &script, 100).await.unwrap();
    assert_eq!((inferred.executions, inferred.left_out), (0, 1));
    assert_eq!(inferred.capabilities.storage_prefixes, Some(vec![]));
}
