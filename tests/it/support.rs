//! What several tests need: a sandbox to run scripts in, and a world that a test writes itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{Capabilities, Language, Limits, Permissions, RecordMode};
use futures_util::FutureExt;
use runtime::{
    Answer, CallError, CompileError, CompiledScript, Grants, HostCall, Input, Interfaces, Mode, Outcome, Ran, Sandbox,
    SandboxConfig, Seeds, Source, StartRecord, Started, SystemClock,
};
use tokio_util::sync::CancellationToken;

/// One sandbox for all tests of the binary, as in the server.
pub(crate) fn sandbox() -> &'static Sandbox {
    static SANDBOX: LazyLock<Sandbox> =
        LazyLock::new(|| Sandbox::new(&SandboxConfig { slots: 32 }).expect("the engine is embedded"));
    &SANDBOX
}

/// A world of key-value entries and answers that come when a test wants them.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// The storage.
    pub(crate) entries: Arc<Mutex<BTreeMap<String, String>>>,
    /// Calls that reached the world, in order.
    pub(crate) seen: Arc<Mutex<Vec<HostCall>>>,
    /// How long each service call takes, by its method; others answer at once.
    pub(crate) delays: Arc<BTreeMap<String, Duration>>,
}

impl Interfaces for World {
    fn is_outside(&self, call: &HostCall) -> bool {
        matches!(call, HostCall::ServiceCall { .. } | HostCall::HttpSend(_))
    }

    fn start(&mut self, call: HostCall, _clock_ms: u64) -> Started {
        self.seen.lock().unwrap().push(call.clone());
        let mut entries = self.entries.lock().unwrap();
        let answer = match call {
            HostCall::StorageGet { key } => Ok(Answer::Value(entries.get(&key).cloned())),
            HostCall::StorageSet { key, value, .. } => {
                entries.insert(key, value);
                Ok(Answer::Nothing)
            }
            HostCall::SecretCheck { .. } => Ok(Answer::Nothing),
            HostCall::EventPublish(event) => Ok(Answer::Text(event.id.unwrap_or_default())),
            HostCall::ServiceCall { method, arguments, .. } => {
                let answer = Ok(Answer::Value(Some(arguments)));
                return match self.delays.get(&method).copied() {
                    Some(delay) => Started::Pending(tokio::time::sleep(delay).map(move |()| answer).boxed()),
                    None => Started::Ready(answer),
                };
            }
            other => Err(CallError::Unsupported(format!("{} is not here", other.name()))),
        };
        Started::Ready(answer)
    }
}

/// How a test runs a script: change what the test is about.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) language: Language,
    pub(crate) input: Input,
    pub(crate) limits: Limits,
    pub(crate) world: World,
    pub(crate) record: RecordMode,
    pub(crate) mode: Mode,
    pub(crate) start: Option<StartRecord>,
    pub(crate) cancellation: CancellationToken,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            language: Language::JavaScript,
            input: Input::Json(String::from("{}")),
            limits: Limits { wall_time: Duration::from_secs(10), ..Limits::DEFAULT },
            world: World::default(),
            record: RecordMode::Full,
            mode: Mode::Live,
            start: None,
            cancellation: CancellationToken::new(),
        }
    }
}

impl Run {
    /// Compile and run `source`; the test fails where it does not compile.
    pub(crate) async fn source(self, source: &str) -> Outcome {
        let script = compile(self.language, source).await;
        self.script(script).await.outcome
    }

    /// Run a compiled script.
    pub(crate) async fn script(self, script: Arc<CompiledScript>) -> Ran {
        let world = self.world.clone();
        self.script_in(sandbox(), script, Box::new(world)).await
    }

    /// Run a compiled script in a sandbox and a world of the test's own.
    pub(crate) async fn script_in(
        self,
        sandbox: &Sandbox,
        script: Arc<CompiledScript>,
        interfaces: Box<dyn Interfaces>,
    ) -> Ran {
        let invocation = runtime::Invocation {
            script,
            input: self.input,
            start: self.start.unwrap_or_else(start_record),
            limits: self.limits,
            grants: Arc::new(everything()),
            interfaces,
            clock: Arc::new(SystemClock),
            cancellation: self.cancellation,
            record: self.record,
            mode: self.mode,
            tail: runtime::LogTail::default(),
        };
        sandbox.run(invocation).await.unwrap()
    }
}

/// Compile `source`; the test fails where it does not compile.
pub(crate) async fn compile(language: Language, source: &str) -> Arc<CompiledScript> {
    try_compile(language, source).await.unwrap_or_else(|error| panic!("{:#?}", error.diagnostics))
}

/// Compile `source`, or say what is wrong with it.
pub(crate) async fn try_compile(language: Language, source: &str) -> Result<Arc<CompiledScript>, CompileError> {
    let source = Source { file_name: format!("script{}", language.extension()), language, text: source.to_owned() };
    let compiled = sandbox().compile(&source).await.unwrap();
    compiled.map(|compiled| Arc::new(compiled.script))
}

/// What an honest script comes to, and its fuel: the same, whoever ran before it.
pub(crate) async fn honest_run() -> (serde_json::Value, u64) {
    let source = "export default async (input) => {
        const text = JSON.stringify({ a: [1, 'two', { three: 3 }], b: /x(y)/.exec('xy')[1] });
        await storage.set('k', text);
        return [input, await storage.get('k'), Object.keys(globalThis).length, [3, 1, 2].sort()];
    };";
    let outcome = Run { input: Input::Json(String::from("[1]")), ..Run::default() }.source(source).await;
    (json(&outcome), outcome.fuel)
}

/// The JSON of a successful run.
pub(crate) fn json(outcome: &Outcome) -> serde_json::Value {
    match &outcome.result {
        Ok(runtime::Output::Json(json)) => serde_json::from_str(json).unwrap(),
        other => panic!("no JSON: {other:?}"),
    }
}

/// The word of the kind with which a run failed.
pub(crate) fn kind(outcome: &Outcome) -> &'static str {
    outcome.result.as_ref().map_or_else(|failure| failure.kind.as_str(), |_| "success")
}

/// A start with seeds that no other has.
pub(crate) fn start_record() -> StartRecord {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut entropy = [7; 48];
    entropy[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    entropy[16..24].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let seeds = Seeds::from_entropy(&entropy);
    StartRecord {
        clock_ms: u64::try_from(domain::UnixMillis::now().0).unwrap(),
        random_seed: seeds.random,
        crypto_seed: seeds.crypto,
        context: String::from(
            r#"{"tenant":{"id":"t","name":"Acme"},"user":null,"script":{"id":"s","name":"script","kind":"one_off","version":1},"execution":{"id":"e","trigger":"api","attempt":1,"deadline":0}}"#,
        ),
    }
}

fn everything() -> Grants {
    let services = ["products", "echo", "slow"].map(|service| format!("{service}.*")).to_vec();
    Grants {
        capabilities: Capabilities { services, secrets: vec![String::from("key")], ..Capabilities::default() },
        permissions: Permissions::all(),
    }
}
