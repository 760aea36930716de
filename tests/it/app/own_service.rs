//! A host that links the crates connects a service of its own (SPEC 4.5).

use std::collections::HashMap;

use app::{App, AppConfig};
use domain::{Capabilities, TenantId};
use serde_json::json;
use tempfile::TempDir;

use super::stage::{Stage, config, restarted};

#[expect(unreachable_pub, reason = "the example is written for another crate")]
#[path = "../../../examples/own-service/inventory.rs"]
mod inventory;

const SCRIPT: &str = "export default async (calls) => {
    const answers = [];
    for (const [method, ...args] of calls) {
        answers.push(await services.inventory[method](...args).catch((error) => error.code ?? error.name));
    }
    return answers;
}";

/// A stage whose tenant has five anvils, and some tenant else a hammer.
async fn stage() -> Stage {
    let directory = TempDir::new().unwrap();
    let app = App::open(config(&directory)).await.unwrap();
    let token = app.bootstrap(true).await.unwrap().unwrap().token;
    let principal = app.tokens().authenticate(&token).unwrap();
    let articles = HashMap::from([
        ((principal.tenant, String::from("anvil")), 5),
        ((TenantId::generate(), String::from("hammer")), 1),
    ]);
    let services = inventory::Inventory::new(articles).connected();
    let app = restarted(app, AppConfig { services, ..config(&directory) }).await;
    let stage = Stage { app, principal, directory };
    let capabilities = Capabilities { services: vec![String::from("inventory.*")], ..Capabilities::default() };
    stage.deploy_with("order", SCRIPT, capabilities, None).await;
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_in_rust_is_called_for_the_scripts_own_tenant() {
    let stage = stage().await;
    let calls = json!([
        ["stock", "anvil"],
        ["reserve", "anvil", 2],
        ["reserve", "anvil", 2],
        ["reserve", "anvil", 2],
        ["stock", "hammer"],
        ["stock", 7],
        ["reserve", "anvil", 0],
        ["melt", "anvil"],
    ]);
    let expected = json!([5, 3, 1, "conflict", "not_found", "TypeError", "TypeError", "not_found"]);
    assert_eq!(stage.answer("order", &calls.to_string()).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_answers_from_the_record_and_asks_no_service() {
    let stage = stage().await;
    let view = stage.run("order", r#"[["reserve", "anvil", 2]]"#).await;
    let replay = stage.app.executions().replay(&stage.principal, view.execution.id, None).await.unwrap();
    assert!(replay.equal, "{:?}", replay.difference);
    assert_eq!(stage.answer("order", r#"[["stock", "anvil"]]"#).await, json!([3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_to_call_is_known_with_its_schemas() {
    let stage = stage().await;
    let (name, service) = stage.app.services().iter().next().unwrap();
    assert_eq!(name, "inventory");
    let names: Vec<&str> = service.methods().iter().map(|method| method.name.as_str()).collect();
    assert_eq!(names, ["stock", "reserve"]);
    assert_eq!(service.methods()[1].parameters[1].schema, Some(json!({ "type": "integer", "minimum": 1 })));
}
