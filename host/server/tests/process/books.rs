//! The books: whether all that a server acknowledged is there, once, after whatever happened to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{load::Acknowledged, stage::Process};

/// What the books come to.
#[derive(Debug)]
pub(crate) struct Balance {
    /// Executions of the load that succeeded.
    pub(crate) succeeded: usize,
    /// Executions of the load that a kill or a fault cut.
    pub(crate) cut: usize,
}

/// Wait until nothing waits or runs, then check that each acknowledged execution has one row with the end that it was
/// acknowledged with, and that everything that a successful one did was done once.
pub(crate) fn check(server: &Process, acknowledged: &Acknowledged) -> Balance {
    settle(server);
    let marking = [script_id(server, "mark"), script_id(server, "mark-called")];
    let executions = executions(server);
    let status = |id: &String| {
        let execution = executions.get(id).unwrap_or_else(|| panic!("the execution {id} was acknowledged and is lost"));
        (execution["status"].as_str().unwrap(), execution["error_kind"].as_str().unwrap_or_default())
    };
    for id in &acknowledged.ended {
        assert_eq!(status(id), ("success", ""), "{id} was answered as a success");
    }
    for id in &acknowledged.accepted {
        // One that ended several processes, or that could not write its end down, is given up and says so.
        let given_up = [("failed", "interrupted"), ("failed", "internal")];
        assert!(status(id) == ("success", "") || given_up.contains(&status(id)), "{id}: {:?}", status(id));
    }
    let of_load = executions.values().filter(|execution| marking.contains(&execution["script_id"]));
    let (succeeded, cut): (Vec<&Value>, Vec<&Value>) = of_load.partition(|execution| execution["status"] == "success");
    let succeeded: BTreeSet<&str> = succeeded.iter().map(|execution| execution["id"].as_str().unwrap()).collect();
    let (marks, total) = marks(server);
    let marked: BTreeSet<&str> = marks.keys().map(String::as_str).collect();
    assert_eq!(marked, succeeded, "what succeeded is what left a mark");
    assert!(marks.values().all(|count| *count == 1), "a mark was left twice: {marks:?}");
    assert_eq!(total, succeeded.len() as u64, "the sum is of what succeeded");
    Balance { succeeded: succeeded.len(), cut: cut.len() }
}

/// Until nothing waits and nothing runs. What was accepted goes on by itself.
fn settle(server: &Process) {
    for status in ["pending", "running", "pending"] {
        while server.get(&format!("/executions?limit=1&status={status}"))["items"] != json!([]) {}
    }
}

/// Every execution by its id, from the whole list.
fn executions(server: &Process) -> BTreeMap<String, Value> {
    let (mut executions, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = server.get(&format!("/executions?limit=200{cursor}"));
        for execution in page["items"].as_array().unwrap() {
            let id = execution["id"].as_str().unwrap().to_owned();
            assert!(executions.insert(id.clone(), execution.clone()).is_none(), "{id} has two rows");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return executions,
        }
    }
}

/// The marks that executions left, by their ids, and the sum.
fn marks(server: &Process) -> (BTreeMap<String, u64>, u64) {
    let (mut marks, mut cursor) = (BTreeMap::new(), Value::Null);
    loop {
        let run = server.api("POST", "/scripts/marks/executions", Some(&json!({ "input": cursor }))).unwrap().json();
        let page = &run["result"];
        for entry in page["entries"].as_array().unwrap_or_else(|| panic!("{run}")) {
            let id = entry["key"].as_str().unwrap().trim_start_matches("mark/").to_owned();
            marks.insert(id, entry["value"].as_u64().unwrap());
        }
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return (marks, page["total"].as_u64().unwrap_or_default());
        }
    }
}

fn script_id(server: &Process, name: &str) -> Value {
    server.get(&format!("/scripts/{name}"))["id"].clone()
}
