//! A mixed load: scripts that are run, accepted and called from outside, by several clients at once, each of which writes
//! down what the server acknowledged.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::stage::{Answer, Process, request};

/// Clients at once.
const CLIENTS: u64 = 4;

/// Each run leaves one mark under its own id, adds one to a sum that all share, and publishes one event: once, whatever
/// happens meanwhile.
const MARK: &str = "export default async () => {
    await storage.increment('total');
    await storage.increment('mark/' + context.execution.id);
    await events.publish('load.marked', { by: context.execution.id });
    return context.execution.id;
}";

/// Notes whose event came.
const SEE: &str = "export default async (event) => { await storage.increment('seen/' + event.data.by) }";

/// Answers a page of the marks, or of what was seen.
const MARKS: &str = "export default async ({ prefix, cursor }) => ({
    ...await storage.list({ prefix, cursor, limit: 1000 }), total: await storage.get('total'),
})";

/// Lets schedules run every second.
const CONFIG: &str = "[schedules]\nmin_interval_s = 1\nseconds = true\n";

/// What was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    /// Executions whose success was answered.
    pub(crate) ended: Vec<String>,
    /// Executions that were accepted.
    pub(crate) accepted: Vec<String>,
}

impl Acknowledged {
    pub(crate) fn len(&self) -> usize {
        self.ended.len() + self.accepted.len()
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.ended.extend(other.ended);
        self.accepted.extend(other.accepted);
    }
}

/// Numbers that look random and are the same for one seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `end` (splitmix64).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Start a server that the load is for.
pub(crate) fn start(data: &Path, adjust: impl FnOnce(&mut Command)) -> Process {
    Process::start_with(data, |command| {
        command.arg("--config").arg(config(data));
        adjust(command);
    })
}

/// The configuration of such a server, in its data directory.
pub(crate) fn config(data: &Path) -> PathBuf {
    let file = data.join("load.toml");
    fs::write(&file, CONFIG).unwrap();
    file
}

/// Deploy what the load needs.
pub(crate) fn prepare(data: &Path) {
    let server = &start(data, |_| ());
    let endpoint = json!({ "method": "POST", "path": "/mark", "authentication": "public" });
    deploy(server, json!({ "name": "mark", "kind": "one_off", "source": MARK }));
    deploy(server, json!({ "name": "mark-called", "kind": "endpoint", "source": MARK, "endpoint": endpoint }));
    deploy(server, json!({ "name": "mark-due", "kind": "cron", "source": MARK }));
    deploy(server, json!({ "name": "see", "kind": "event", "source": SEE }));
    let subscription = json!({ "script": "see", "types": ["load.*"] });
    let made = server.api("POST", "/subscriptions", Some(&subscription)).unwrap();
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let schedule = json!({ "script": "mark-due", "expression": "* * * * * *", "overlap": "parallel" });
    let made = server.api("POST", "/schedules", Some(&schedule)).unwrap();
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    deploy(server, json!({ "name": "marks", "kind": "one_off", "source": MARKS }));
}

fn deploy(server: &Process, script: Value) {
    let made = server.api("POST", "/scripts", Some(&script)).unwrap();
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let path = format!("/scripts/{}/deploy", script["name"].as_str().unwrap());
    assert_eq!(server.api("POST", &path, Some(&json!({}))).unwrap().status, 201);
}

/// Load the server until `is_enough` says so of how much was acknowledged and how much refused, or until it is gone.
/// `is_enough` is asked after each answer.
pub(crate) fn load(server: &Process, seed: u64, is_enough: impl Fn(usize, usize) -> bool + Sync) -> Acknowledged {
    let (books, over) = (Mutex::new((Acknowledged::default(), 0)), AtomicBool::new(false));
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (books, over, is_enough) = (&books, &over, &is_enough);
            scope.spawn(move || {
                let mut dice = Dice(seed.wrapping_mul(CLIENTS).wrapping_add(client));
                while !over.load(Ordering::Acquire) {
                    let Some((kind, answer)) = ask(server, &mut dice) else { break };
                    let mut books = books.lock().unwrap();
                    let (acknowledged, refused) = &mut *books;
                    note(acknowledged, refused, kind, &answer);
                    if is_enough(acknowledged.len(), *refused) {
                        over.store(true, Ordering::Release);
                    }
                }
            });
        }
    });
    books.into_inner().unwrap().0
}

/// A way in which a script is made to run.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Run,
    Accept,
    Call,
}

/// Nothing where the server is gone.
fn ask(server: &Process, dice: &mut Dice) -> Option<(Kind, Answer)> {
    Some(match dice.below(3) {
        0 => (Kind::Run, server.api("POST", "/scripts/mark/executions", Some(&json!({})))?),
        1 => (Kind::Accept, server.post("/scripts/mark/executions", &json!({}))?),
        _ => (Kind::Call, request(server.endpoints, "POST", "/acme/mark", "", Some("1"))?),
    })
}

fn note(acknowledged: &mut Acknowledged, refused: &mut usize, kind: Kind, answer: &Answer) {
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    match (kind, answer.status) {
        (Kind::Run, 200) if answer.json()["status"] == "success" => acknowledged.ended.push(id(&answer.json()["id"])),
        (Kind::Call, 200) => acknowledged.ended.push(id(&answer.json())),
        (Kind::Accept, 202) => acknowledged.accepted.push(id(&answer.json()["id"])),
        (_, 200 | 400..) => *refused += 1,
        (_, status) => panic!("{kind:?} was answered {status}: {}", String::from_utf8_lossy(&answer.body)),
    }
}
