//! The token that each call of an operator's service carries, as the examples for services verify it.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use app::ServiceTokenConfig;
use domain::UnixMillis;
use serde_json::{Value, json};

use super::{
    services::{call, openapi, stage_with},
    stage::{Stage, config, restarted},
    upstream::{Asked, Reaction, Upstream},
};

#[expect(unreachable_pub, reason = "the example is written for another crate")]
#[path = "../../../examples/verify-service-token/verify.rs"]
mod verify;

const NODE_EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/verify-service-token/verify.mjs");

const ISSUER: &str = "skerry";

/// A call with a body, and the keys to verify it with.
async fn asked() -> (Stage, Asked, Value) {
    let upstream = Upstream::start(|_, _| Reaction::json(200, r#"{"id":"7","total":1}"#)).await;
    let stage = stage_with(openapi(&upstream)).await;
    let args = json!([{ "id": "a b" }, { "customer": "c" }]);
    assert_eq!(call(&stage, "putInvoice", args).await["answer"]["id"], "7");
    let keys: Vec<Value> = stage
        .app
        .service_keys()
        .iter()
        .map(|key| json!({ "kty": "OKP", "crv": "Ed25519", "kid": key.id, "x": key.x }))
        .collect();
    (stage, upstream.only(), json!({ "keys": keys }))
}

fn now() -> i64 {
    UnixMillis::now().0 / 1000
}

/// The request, and everything that somebody who holds its token could make of it: each with whether it is let through.
fn requests(asked: &Asked) -> Vec<(Value, bool)> {
    let body = String::from_utf8(asked.body.clone()).unwrap();
    let token = asked.token();
    let with = |word: &str, value: &str| {
        let authorization = asked.header("authorization");
        let mut request =
            json!({ "authorization": authorization, "method": asked.method, "path": asked.target, "body": body });
        request[word] = json!(value);
        request
    };
    let [header, claims, signature] = <[_; 3]>::try_from(token.split('.').collect::<Vec<_>>()).unwrap();
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let mut flipped = signature.to_owned();
    flipped.replace_range(3..4, if &signature[3..4] == "A" { "B" } else { "A" });
    vec![
        (with("method", "POST"), false),
        (with("path", "/v1/invoices/8"), false),
        (with("path", "/v1/invoices/a%20b?all=1"), false),
        (with("body", "{}"), false),
        (with("authorization", ""), false),
        (with("authorization", "Bearer a.b"), false),
        (with("authorization", &format!("Bearer {header}.{claims}.")), false),
        (with("authorization", &format!("Bearer {header}.{claims}.{flipped}")), false),
        (with("authorization", &format!("Bearer {unsigned}.{claims}.{signature}")), false),
        (with("authorization", &format!("Bearer {header}.{unsigned}.{signature}")), false),
        (with("method", &asked.method), true),
        (with("method", &asked.method), false),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_rust_lets_each_call_through_once_and_nothing_else() {
    let (stage, asked, jwks) = asked().await;
    let mut verifier = verify::Verifier::new(&jwks, ISSUER, "billing");
    for (request, passes) in requests(&asked) {
        let text = |word: &str| request[word].as_str().unwrap();
        let as_came = verify::Request {
            authorization: text("authorization"),
            method: text("method"),
            path: text("path"),
            body: text("body").as_bytes(),
        };
        let verified = verifier.verify(as_came, now());
        assert_eq!(verified.is_ok(), passes, "{request}: {verified:?}");
        if let Ok(claims) = verified {
            assert_eq!(claims["tenant"], stage.principal.tenant.to_string());
            assert_eq!(claims["user"], stage.principal.user().unwrap().to_string());
            assert_eq!(claims["sub"], claims["tenant"]);
            let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
            assert!(life <= 60, "{claims}");
        }
    }
    let request = verify::Request {
        authorization: asked.header("authorization"),
        method: &asked.method,
        path: &asked.target,
        body: &asked.body,
    };
    for (issuer, audience, now) in [
        ("other", "billing", now()),
        (ISSUER, "shipping", now()),
        (ISSUER, "billing", now() + 200),
        (ISSUER, "billing", now() - 200),
    ] {
        let mut verifier = verify::Verifier::new(&jwks, issuer, audience);
        assert!(verifier.verify(request, now).is_err(), "{issuer} {audience} {now}");
    }
    assert!(verify::Verifier::new(&json!({ "keys": [] }), ISSUER, "billing").verify(request, now()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_for_node_lets_each_call_through_once_and_nothing_else() {
    let Ok(mut node) = Command::new("node").arg(NODE_EXAMPLE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    else {
        return;
    };
    let (stage, asked, jwks) = asked().await;
    let (requests, expected): (Vec<Value>, Vec<bool>) = requests(&asked).into_iter().unzip();
    let input = json!({ "jwks": jwks, "issuer": ISSUER, "audience": "billing", "now": now(), "requests": requests });
    node.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let passed: Vec<bool> = answers.iter().map(|answer| answer["claims"].is_object()).collect();
    assert_eq!(passed, expected, "{answers:#?}");
    let claims = &answers[answers.len() - 2]["claims"];
    assert_eq!(claims["tenant"], stage.principal.tenant.to_string());
    assert_eq!(claims["path"], "/v1/invoices/a%20b");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_deployment_stays_and_changes_only_with_its_generation() {
    let upstream = Upstream::start(|_, _| Reaction::json(200, "{}")).await;
    let stage = stage_with(openapi(&upstream)).await;
    let before = stage.app.service_keys().to_vec();
    let Stage { app, directory, .. } = stage;
    let config = |generation| app::AppConfig {
        service_tokens: ServiceTokenConfig { generation, ..ServiceTokenConfig::default() },
        ..config(&directory)
    };
    let app = restarted(app, config(1)).await;
    assert_eq!(app.service_keys(), before);
    let after = restarted(app, config(2)).await.service_keys().to_vec();
    assert!(before[1..].iter().all(|key| after.contains(key)), "both are known to who knows either");
    assert_ne!(after, before);
}
