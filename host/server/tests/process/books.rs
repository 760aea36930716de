//! The books: whether all that a server acknowledged is there, once, after whatever happened to it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{load::Acknowledged, stage::Process};

/// How often it is looked whether the last event has come: for minutes.
const LOOKS_MAX: u32 = 20_000;

/// What the books come to.
#[derive(Debug)]
pub(crate) struct Balance {
    /// Executions of the load that succeeded.
    pub(crate) succeeded: usize,
    /// Executions of the load that a kill or a fault cut.
    pub(crate) cut: usize,
    /// Events that were delivered.
    pub(crate) delivered: usize,
    /// Events that are dead letters, because their delivery was cut too often.
    pub(crate) dead: usize,
    /// Slots of the schedule, of which each second has one.
    pub(crate) slots: u64,
}

impl Balance {
    /// Everything that was looked at.
    pub(crate) fn total(&self) -> u64 {
        let Self { succeeded, cut, delivered, dead, slots } = self;
        [succeeded, cut, delivered, dead].into_iter().map(|count| *count as u64).sum::<u64>() + slots
    }
}

/// Wait until nothing waits or runs, then check that each acknowledged execution has one row with the end that it was
/// acknowledged with, and that everything that a successful one did was done once.
pub(crate) fn check(server: &Process, acknowledged: &Acknowledged) -> Balance {
    let schedule = pause(server);
    settle(server);
    let marking = ["mark", "mark-called", "mark-due"].map(|name| script_id(server, name));
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
    let (marks, total) = marks(server, "mark/");
    let marked: BTreeSet<&str> = marks.keys().map(String::as_str).collect();
    assert_eq!(marked, succeeded, "what succeeded is what left a mark");
    assert!(marks.values().all(|count| *count == 1), "a mark was left twice: {marks:?}");
    assert_eq!(total, succeeded.len() as u64, "the sum is of what succeeded");
    let (delivered, dead) = check_events(server, &succeeded);
    let slots = check_slots(server, &schedule, &executions);
    Balance { succeeded: succeeded.len(), cut: cut.len(), delivered, dead, slots }
}

/// Let the schedule start nothing more; answers its id.
fn pause(server: &Process) -> String {
    let schedules = server.get("/schedules");
    let id = schedules["items"][0]["id"].as_str().unwrap().to_owned();
    let paused = server.api("POST", &format!("/schedules/{id}/pause"), None).unwrap();
    assert!(paused.status < 300, "{}", String::from_utf8_lossy(&paused.body));
    id
}

/// Check that the event of each execution that succeeded was delivered, or given up and kept. Answers how many of each.
fn check_events(server: &Process, published: &BTreeSet<&str>) -> (usize, usize) {
    let subscriptions = server.get("/subscriptions");
    let path = format!("/subscriptions/{}/deliveries", subscriptions["items"][0]["id"].as_str().unwrap());
    let mut looks = 0;
    let deliveries = loop {
        let deliveries = all(server, &path);
        let on_their_way = ["waiting", "ready", "queued"];
        let is_over = |delivery: &Value| on_their_way.iter().all(|status| delivery["status"] != *status);
        if deliveries.len() >= published.len() && deliveries.iter().all(is_over) {
            break deliveries;
        }
        looks += 1;
        assert!(looks < LOOKS_MAX, "{} events of {} are on their way", deliveries.len(), published.len());
    };
    assert_eq!(deliveries.len(), published.len(), "each event that was published is one delivery");
    let (delivered, dead): (Vec<&Value>, Vec<&Value>) =
        deliveries.iter().partition(|delivery| delivery["status"] == "delivered");
    assert!(dead.iter().all(|delivery| delivery["status"] == "dead"), "{dead:?}");
    let seen = marks(server, "seen/").0;
    assert!(seen.values().all(|count| *count == 1), "what a delivery did was done twice: {seen:?}");
    assert_eq!(seen.len(), delivered.len(), "what was delivered is what was seen");
    assert!(seen.keys().all(|by| published.contains(by.as_str())), "nothing came that was not published");
    (delivered.len(), dead.len())
}

/// Check that each second since the first slot is in the schedule's slots once, whatever became of it, and that what was
/// started is an execution of its own.
fn check_slots(server: &Process, schedule: &str, executions: &BTreeMap<String, Value>) -> u64 {
    let mut slots = all(server, &format!("/schedules/{schedule}/slots"));
    let second =
        |slot: &Value, field: &str| -> i64 { slot[field].as_str().unwrap().parse::<Timestamp>().unwrap().as_second() };
    slots.sort_by_key(|slot| second(slot, "scheduled_time"));
    let (mut next, mut count, mut started) = (None, 0, BTreeSet::new());
    for slot in &slots {
        let (from, to) = (second(slot, "scheduled_time"), second(slot, "last_scheduled_time"));
        assert_eq!(from, next.unwrap_or(from), "a second is missing, or is there twice: {slots:#?}");
        assert_eq!(slot["slots"].as_i64(), Some(to - from + 1), "{slot}");
        next = Some(to + 1);
        count += slot["slots"].as_u64().unwrap();
        if slot["outcome"] == "started" {
            let execution = slot["execution_id"].as_str().unwrap_or_else(|| panic!("{slot} has no execution"));
            assert!(executions.contains_key(execution), "{slot} was started, and its execution is not there");
            assert!(started.insert(execution), "{execution} is of two slots");
        }
    }
    count
}

/// Until nothing waits and nothing runs. What was accepted goes on by itself.
fn settle(server: &Process) {
    for status in ["pending", "running", "pending"] {
        while server.get(&format!("/executions?limit=1&status={status}"))["items"] != json!([]) {}
    }
}

/// Every execution by its id, from the whole list.
fn executions(server: &Process) -> BTreeMap<String, Value> {
    let mut executions = BTreeMap::new();
    for execution in all(server, "/executions") {
        let id = execution["id"].as_str().unwrap().to_owned();
        assert!(executions.insert(id.clone(), execution).is_none(), "{id} has two rows");
    }
    executions
}

/// All that a list has.
fn all(server: &Process, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}?limit=200{cursor}"));
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// The marks that executions left, by their ids, and the sum.
fn marks(server: &Process, prefix: &str) -> (BTreeMap<String, u64>, u64) {
    let (mut marks, mut cursor) = (BTreeMap::new(), Value::Null);
    loop {
        let run = server
            .api("POST", "/scripts/marks/executions", Some(&json!({ "input": { "prefix": prefix, "cursor": cursor } })))
            .unwrap()
            .json();
        let page = &run["result"];
        for entry in page["entries"].as_array().unwrap_or_else(|| panic!("{run}")) {
            let id = entry["key"].as_str().unwrap().trim_start_matches(prefix).to_owned();
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
