//! Stopping when asked: what runs comes to its end, whoever asks learns of it, and a second signal does not wait.

use std::{path::Path, thread};

use serde_json::json;

use crate::stage::{Process, data, request};

/// A server with a script that would take longer than a stop may.
fn with_slow_script(data: &Path) -> Process {
    let server = Process::start(data);
    let source = "export default async () => { await utils.sleep(29000) }";
    let script = json!({ "name": "slow", "kind": "one_off", "source": source });
    assert_eq!(server.api("POST", "/scripts", Some(&script)).unwrap().status, 201);
    assert!(server.api("POST", "/scripts/slow/deploy", Some(&json!({}))).unwrap().status < 300);
    server
}

/// The id of an execution that has begun.
fn running(server: &Process) -> String {
    loop {
        let listed = server.api("GET", "/executions?status=running", None).unwrap().json();
        if let Some(id) = listed["items"][0]["id"].as_str() {
            return id.to_owned();
        }
    }
}

fn readiness(server: &Process) -> u16 {
    request(server.api, "GET", "/readyz", "", None).unwrap().status
}

#[test]
fn what_runs_comes_to_its_end_and_the_server_is_seen_not_to_be_ready_meanwhile() {
    let data = data();
    let mut server = with_slow_script(data.path());
    assert_eq!(readiness(&server), 200);
    thread::scope(|scope| {
        let server = &server;
        let run = scope.spawn(|| server.api("POST", "/scripts/slow/executions", Some(&json!({}))));
        let id = running(server);
        server.signal("TERM");
        while readiness(server) == 200 {}
        assert_eq!(readiness(server), 503);
        assert!(request(server.endpoints, "GET", "/acme/none", "", None).is_none(), "endpoints take nothing more");
        assert!(server.api("POST", "/scripts/slow/executions", Some(&json!({}))).unwrap().status >= 400);
        let cancelled = server.api("POST", &format!("/executions/{id}/cancel"), Some(&json!({}))).unwrap();
        assert!(cancelled.status < 300, "{}", String::from_utf8_lossy(&cancelled.body));
        let answer = run.join().unwrap().expect("whoever was waiting is answered");
        assert!(answer.json()["completed_at"].is_string(), "{}", String::from_utf8_lossy(&answer.body));
    });
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let data = data();
    let mut server = with_slow_script(data.path());
    thread::scope(|scope| {
        let server = &server;
        let run = scope.spawn(|| server.api("POST", "/scripts/slow/executions", Some(&json!({}))));
        running(server);
        server.signal("TERM");
        while readiness(server) == 200 {}
        server.signal("TERM");
        assert!(run.join().unwrap().is_none(), "nobody is answered with what did not happen");
    });
    assert_eq!(server.end().code(), Some(1));
}
