//! One execution with its durable commit, alone and beside thirty-one others: `./just bench commit`.
//!
//! Each answer waits until its commit is on disk. Beside it stands what the disk itself needs for a synchronous write.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::{
    fs::File,
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use app::{App, AppConfig, DataLocation, NewScriptInput, RunRequest, ScriptRef};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use domain::{Capabilities, Language, Principal, RecordMode, ScriptKind, ScriptName, Trigger};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// As many as the HTTP figures have connections.
const SIDE_BY_SIDE: u64 = 32;

struct Deployed {
    app: App,
    principal: Principal,
}

impl Deployed {
    async fn set_up(directory: &TempDir) -> Self {
        let data = DataLocation::Directory(directory.path().to_owned());
        let app = App::open(AppConfig { data, tenant_share: 128, ..AppConfig::default() }).await.unwrap();
        let bootstrap = app.bootstrap(true).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
        let input = NewScriptInput {
            name: ScriptName::parse("hello").unwrap(),
            description: String::new(),
            kind: ScriptKind::OneOff,
            language: Language::JavaScript,
            source: include_str!("workloads/hello.js").to_owned(),
            capabilities: Capabilities::default(),
            limits: None,
            record: RecordMode::Full,
            policy: None,
            endpoint: None,
        };
        app.scripts().create(&principal, input).await.unwrap();
        app.scripts().deploy(&principal, &hello(), None, String::new()).await.unwrap();
        Self { app, principal }
    }

    async fn run(&self) {
        let request = RunRequest { script: hello(), input: String::from("{}"), trigger: Trigger::Api };
        self.app.executions().run(&self.principal, request).await.unwrap();
    }
}

fn hello() -> ScriptRef {
    ScriptRef::parse("hello").unwrap()
}

fn commits(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let deployed = Arc::new(tokio.block_on(Deployed::set_up(&directory)));
    let mut group = criterion.benchmark_group("commit");
    group.measurement_time(Duration::from_secs(5));
    let mut file = File::create(directory.path().join("probe")).unwrap();
    group.bench_function("fdatasync of 4 KiB", |bencher| {
        bencher.iter(|| {
            file.write_all(&[0; 4096]).unwrap();
            file.sync_data().unwrap();
        });
    });
    group.bench_function("hello alone", |bencher| bencher.to_async(&tokio).iter(|| deployed.run()));
    group.throughput(Throughput::Elements(SIDE_BY_SIDE));
    group.bench_function("32 hellos side by side", |bencher| {
        bencher.to_async(&tokio).iter_custom(|rounds| {
            let deployed = Arc::clone(&deployed);
            async move {
                let began = Instant::now();
                let mut tasks = JoinSet::new();
                for _ in 0..SIDE_BY_SIDE {
                    let deployed = Arc::clone(&deployed);
                    tasks.spawn(async move {
                        for _ in 0..rounds {
                            deployed.run().await;
                        }
                    });
                }
                tasks.join_all().await;
                began.elapsed()
            }
        });
    });
    group.finish();
}

criterion_group!(benches, commits);
criterion_main!(benches);
