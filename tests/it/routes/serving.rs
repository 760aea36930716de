//! Starting, stopping, and what survives it.

use std::time::Duration;

use serde_json::json;
use server::{Config, Server};

use super::stage::{self, Stage};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let stage = Stage::open().await;
    stage.deploy("kept", "export default async () => storage.set('kept', 1);").await;
    let ended = stage.run("kept", json!(null)).await;
    let stage = stage.restart().await;
    assert!(stage.server.bootstrap().is_none(), "there is one first start");
    let path = format!("/api/v1/executions/{}", ended["id"].as_str().unwrap());
    assert_eq!(stage.get(&path).await.expect(200), ended);
}

#[tokio::test]
async fn a_stop_waits_for_what_runs() {
    let stage = Stage::open().await;
    stage.deploy("slow", "export default async () => { await utils.sleep(300); return 'done'; }").await;
    let call = stage.api("POST", "/api/v1/scripts/slow/invoke");
    let waiting = tokio::spawn(async move { call.send().await });
    let begun =
        async { while stage.get("/api/v1/executions?status=running").await.expect(200)["items"] == json!([]) {} };
    tokio::time::timeout(Duration::from_secs(30), begun).await.expect("it begins");
    stage.server.stop(Duration::from_secs(10)).await;
    assert_eq!(waiting.await.unwrap().expect(200)["result"], "done");
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let stage = Stage::open().await;
    let error = stage.start_second().await.expect_err("the data is in use").to_string();
    assert!(error.contains("in use"), "{error}");
    stage.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_port_in_use_is_named_and_nothing_is_changed() {
    let stage = Stage::open().await;
    let directory = tempfile::tempdir().unwrap();
    let mut config: Config = stage::config(&directory);
    config.listeners.endpoints = stage.server.endpoints_address();
    let error = Server::start(&config, true).await.expect_err("the port is in use").to_string();
    assert!(error.contains(&config.listeners.endpoints.to_string()), "{error}");
    assert!(error.contains("--endpoints-listen"), "{error}");
    assert!(!config.data.directory.exists(), "nothing was changed");
}

#[tokio::test]
async fn the_openapi_document_is_the_one_in_the_repository() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json");
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(kept == server::openapi().unwrap(), "openapi.json is old: skerry openapi > openapi.json");
}
