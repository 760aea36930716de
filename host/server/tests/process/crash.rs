//! Killing the process at any moment loses nothing that was acknowledged.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::json;

use crate::stage::{Process, data};

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let data = data();
    let mut acknowledged: Vec<(String, u64)> = Vec::new();
    for round in 0..3 {
        let server = Process::start(data.path());
        if round == 0 {
            let source = "export default async (n) => { console.info('n', n); await storage.set('last', n); return n }";
            let script = json!({ "name": "count", "kind": "one_off", "source": source });
            assert_eq!(server.api("POST", "/scripts", Some(&script)).unwrap().status, 201);
            assert!(server.api("POST", "/scripts/count/deploy", Some(&json!({}))).unwrap().status < 300);
        }
        acknowledged.extend(load_until_killed(server, 60));
    }
    let server = Process::start(data.path());
    assert!(acknowledged.len() >= 180);
    for (id, n) in &acknowledged {
        let execution = server.api("GET", &format!("/executions/{id}"), None).unwrap().json();
        assert_eq!(execution["status"], "success", "{execution}");
        assert_eq!(execution["result"], json!(n));
        assert!(execution["fuel"].as_u64().unwrap() > 0);
    }
}

/// Run executions from four threads; kill the server once `enough` were acknowledged, with more under way.
fn load_until_killed(server: Process, enough: usize) -> Vec<(String, u64)> {
    let acknowledged = Mutex::new(Vec::new());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let (server, acknowledged, over) = (&server, &acknowledged, &over);
                scope.spawn(move || {
                    for n in (worker..).step_by(4) {
                        let run = json!({ "input": n });
                        let Some(answer) = server.api("POST", "/scripts/count/executions", Some(&run)) else { break };
                        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                        let id = answer.json()["id"].as_str().unwrap().to_owned();
                        let mut acknowledged = acknowledged.lock().unwrap();
                        acknowledged.push((id, n));
                        if acknowledged.len() >= enough {
                            over.store(true, Ordering::Release);
                            server.kill_now();
                            break;
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    assert!(over.into_inner(), "the server ended by itself");
    server.kill();
    acknowledged.into_inner().unwrap()
}

#[test]
fn a_run_that_a_kill_cut_is_marked_as_interrupted() {
    let data = data();
    let server = Process::start(data.path());
    let source = "export default async () => { await utils.sleep(25000) }";
    let policy = json!({ "on_interrupt": "fail" });
    let script = json!({ "name": "slow", "kind": "one_off", "source": source, "policy": policy });
    assert_eq!(server.api("POST", "/scripts", Some(&script)).unwrap().status, 201);
    server.api("POST", "/scripts/slow/deploy", Some(&json!({}))).unwrap();
    let id = server.accept("/scripts/slow/executions");
    while server.api("GET", &format!("/executions/{id}"), None).unwrap().json()["status"] != "running" {}
    server.kill();
    let server = Process::start(data.path());
    let execution = server.api("GET", &format!("/executions/{id}"), None).unwrap().json();
    assert_eq!(execution["status"], "failed");
    assert_eq!(execution["error_kind"], "interrupted", "{execution}");
}

#[test]
fn accepted_work_is_done_after_a_kill() {
    let data = data();
    let server = Process::start(data.path());
    let script = json!({ "name": "work", "kind": "one_off", "source": "export default () => 'done'" });
    assert_eq!(server.api("POST", "/scripts", Some(&script)).unwrap().status, 201);
    server.api("POST", "/scripts/work/deploy", Some(&json!({}))).unwrap();
    let ids: Vec<String> = (0..20).map(|_| server.accept("/scripts/work/executions")).collect();
    server.kill();
    let server = Process::start(data.path());
    for id in ids {
        let status = loop {
            let execution = server.api("GET", &format!("/executions/{id}"), None).unwrap().json();
            if execution["completed_at"].is_string() {
                break execution["error_kind"].as_str().unwrap_or("success").to_owned();
            }
        };
        // One that had begun when the kill came is interrupted, which its script may not be able to bear twice.
        assert!(status == "success" || status == "interrupted", "{status}");
    }
}
