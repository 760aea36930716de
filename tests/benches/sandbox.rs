//! One execution in the sandbox beside one in native QuickJS, in the same run: `./just bench sandbox`.
//!
//! A fresh instance each, with fuel, epochs, limits, logs and the journal on; the record is encoded and not waited for.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

mod native;
mod workloads;

use std::{sync::Arc, time::Duration};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use domain::{Capabilities, Language, Limits, Permissions, RecordMode, UnixMillis};
use native::Native;
use runtime::{
    Answer, CallError, CompiledScript, Grants, HostCall, Input, Interfaces, Invocation, LogTail, Mode, Output, Sandbox,
    SandboxConfig, Seeds, Source, StartRecord, Started, SystemClock,
};
use tokio_util::sync::CancellationToken;
use workloads::{MIN_ORDER_VALUE, WORKLOADS, Workload, product};

struct World;

impl Interfaces for World {
    fn is_outside(&self, _call: &HostCall) -> bool {
        false
    }

    fn start(&mut self, call: HostCall, _clock_ms: u64) -> Started {
        Started::Ready(match call {
            HostCall::ServiceCall { arguments, .. } => {
                let id = arguments.trim_matches(|c| "[]\"".contains(c));
                Ok(Answer::Value(Some(product(id))))
            }
            HostCall::StorageGet { .. } => Ok(Answer::Value(Some(MIN_ORDER_VALUE.to_owned()))),
            HostCall::EventPublish(_) => Ok(Answer::Text(String::from("id"))),
            other => Err(CallError::Unsupported(other.name().to_owned())),
        })
    }
}

struct Ours {
    sandbox: Sandbox,
    script: Arc<CompiledScript>,
    input: &'static str,
    grants: Arc<Grants>,
}

impl Ours {
    async fn compile(sandbox: &Sandbox, workload: &Workload) -> Self {
        let source = Source {
            file_name: String::from("script.js"),
            language: Language::JavaScript,
            text: workload.source.to_owned(),
        };
        let script = Arc::new(sandbox.compile(&source).await.unwrap().unwrap().script);
        let capabilities = Capabilities { services: vec![String::from("products.get")], ..Capabilities::default() };
        let grants = Arc::new(Grants { capabilities, permissions: Permissions::all() });
        Self { sandbox: sandbox.clone(), script, input: workload.input, grants }
    }

    /// One execution, and its record as the commit takes it.
    async fn run(&self) -> (String, Vec<u8>) {
        let seeds = Seeds::from_entropy(&[7; 48]);
        let invocation = Invocation {
            script: Arc::clone(&self.script),
            input: Input::Json(self.input.to_owned()),
            start: StartRecord {
                clock_ms: UnixMillis::now().0.unsigned_abs(),
                random_seed: seeds.random,
                crypto_seed: seeds.crypto,
                context: String::from(r#"{"tenant":{"id":"t","name":"Acme"},"user":null}"#),
            },
            limits: Limits::DEFAULT,
            grants: Arc::clone(&self.grants),
            interfaces: Box::new(World),
            clock: Arc::new(SystemClock),
            cancellation: CancellationToken::new(),
            record: RecordMode::Full,
            mode: Mode::Live,
            tail: LogTail::default(),
        };
        let outcome = self.sandbox.run(invocation).await.unwrap().outcome;
        match outcome.result.unwrap() {
            Output::Json(json) => (json, outcome.record.into_bytes()),
            Output::Response(_) => unreachable!("no request was made"),
        }
    }
}

fn executions(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = Sandbox::new(&SandboxConfig { slots: 16 }).unwrap();
    for workload in &WORKLOADS {
        let ours = tokio.block_on(Ours::compile(&sandbox, workload));
        let native = Native::compile(workload);
        assert_eq!(tokio.block_on(ours.run()).0, workload.output, "{}", workload.name);
        assert_eq!(native.run(), workload.output, "{}", workload.name);
        let mut group = criterion.benchmark_group(workload.name);
        group.measurement_time(Duration::from_secs(4));
        group.bench_function(BenchmarkId::from_parameter("sandbox"), |bencher| {
            bencher.to_async(&tokio).iter(|| ours.run());
        });
        group.bench_function(BenchmarkId::from_parameter("native"), |bencher| bencher.iter(|| native.run()));
        group.finish();
    }
}

/// Scripts that differ by twenty host calls, one after the other: the difference is what twenty calls cost, from the
/// script's `await` through the gate and the journal and back.
fn host_calls(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = Sandbox::new(&SandboxConfig { slots: 16 }).unwrap();
    let mut group = criterion.benchmark_group("host_calls");
    for (calls, source) in [
        ("0", "export default async (n) => { for (let i = 0; i < n; i++) await null; return n; };"),
        ("20", "export default async (n) => { for (let i = 0; i < n; i++) await storage.get('k'); return n; };"),
    ] {
        let workload = Workload { name: "host_calls", source, input: "20", output: "20" };
        let ours = tokio.block_on(Ours::compile(&sandbox, &workload));
        assert_eq!(tokio.block_on(ours.run()).0, workload.output);
        group.bench_function(BenchmarkId::from_parameter(calls), |bencher| {
            bencher.to_async(&tokio).iter(|| ours.run());
        });
    }
    group.finish();
}

criterion_group!(benches, executions, host_calls);
criterion_main!(benches);
