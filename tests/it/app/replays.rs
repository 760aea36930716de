//! Replay, crash and restart.

use app::{RunRequest, ScriptRef};
use domain::{ErrorKind, ExecutionStatus, Trigger};

use super::stage::{Stage, config, kind, restarted};

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_equals_its_execution_in_result_log_and_fuel() {
    let stage = Stage::set().await;
    let source = "export default async (n) => {
        const stored = await Promise.all([1, 2, 3].map((i) => storage.get('k' + i)));
        await storage.set('k1', Math.random());
        await utils.sleep(3);
        console.log('random', Math.random(), utils.uuid(), Date.now(), stored);
        await Promise.all([utils.sleep(2), utils.sleep(1), storage.set('k2', crypto.randomUUID())]);
        if (n === 2) throw new TypeError('on purpose');
        return { n, at: new Date().toISOString() };
    }";
    stage.deploy("mixed", source).await;
    for input in ["1", "2", "3"] {
        let view = stage.run("mixed", input).await;
        let replay = stage.app.executions().replay(&stage.principal, view.execution.id, None).await.unwrap();
        assert!(replay.equal, "{:?} {:?}", replay.difference, replay.outcome.result);
        assert_eq!(replay.fuel_equal, Some(true));
        assert_eq!(replay.outcome.fuel, view.execution.fuel);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_execution_is_replayed_up_to_its_cut() {
    let stage = Stage::set().await;
    let limits = domain::Limits { fuel: 50_000_000, ..domain::Limits::DEFAULT };
    let source = "export default async () => { await storage.get('k'); console.log('before'); for (;;); }";
    stage.deploy_with("endless", source, domain::Capabilities::default(), Some(limits)).await;
    let view = stage.run("endless", "null").await;
    assert_eq!(kind(&view), "cpu_limit");
    let replay = stage.app.executions().replay(&stage.principal, view.execution.id, None).await.unwrap();
    assert!(replay.equal, "{:?}", replay.difference);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_after_a_restart() {
    let stage = Stage::set().await;
    stage.deploy("log", "export default (n) => { console.info('run', n); return n }").await;
    let view = stage.run("log", "5").await;
    let Stage { app, principal, directory, .. } = stage;
    let app = restarted(app, config(&directory)).await;
    let again = app.executions().get(&principal, view.execution.id).unwrap();
    assert_eq!(again.execution.status, ExecutionStatus::Success);
    assert_eq!(again.execution.fuel, view.execution.fuel);
    let logs = app.executions().logs(&principal, view.execution.id).unwrap();
    assert_eq!(logs.lines[0].message, "run 5");
    assert!(app.bootstrap(true).await.unwrap().is_none(), "a second start makes nothing anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_work_is_run_and_can_be_cancelled() {
    let stage = Stage::set().await;
    stage.deploy("slow", "export default async () => { await utils.sleep(20000) }").await;
    stage.deploy("fast", "export default async () => 1").await;
    let executions = stage.app.executions();
    let ask = |name: &str| RunRequest {
        script: ScriptRef::parse(name).unwrap(),
        input: String::from("null"),
        trigger: Trigger::Api,
    };
    let slow = executions.accept(&stage.principal, ask("slow")).await.unwrap().execution.id;
    let fast = executions.accept(&stage.principal, ask("fast")).await.unwrap().execution.id;
    let end = async |id| loop {
        let view = executions.get(&stage.principal, id).unwrap();
        if view.execution.status.is_terminal() {
            break view.execution.status;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(end(fast).await, ExecutionStatus::Success);
    executions.cancel(&stage.principal, slow).await.unwrap();
    assert_eq!(end(slow).await, ExecutionStatus::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_gives_back_to_the_queue_what_runs() {
    let stage = Stage::set().await;
    stage.deploy("slow", "export default async () => { await utils.sleep(20000) }").await;
    let ask =
        RunRequest { script: ScriptRef::parse("slow").unwrap(), input: String::from("null"), trigger: Trigger::Api };
    let id = stage.app.executions().accept(&stage.principal, ask).await.unwrap().execution.id;
    while stage.app.executions().get(&stage.principal, id).unwrap().execution.status != ExecutionStatus::Running {
        tokio::task::yield_now().await;
    }
    stage.app.shutdown(std::time::Duration::ZERO).await;
    let given_back = stage.app.executions().get(&stage.principal, id).unwrap().execution;
    assert_eq!((given_back.status, given_back.attempt), (ExecutionStatus::Pending, 2));
    let attempts = stage.app.executions().attempts(&stage.principal, id).unwrap();
    assert_eq!(attempts.iter().map(|view| view.attempt.error_kind).collect::<Vec<_>>(), [ErrorKind::Interrupted]);
    assert!(!stage.app.health().ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_work_that_waits_for_a_slot_is_done_all_the_same() {
    let stage = Stage::set().await;
    stage.deploy("short", "export default async () => { await utils.sleep(20); return 1 }").await;
    let executions = stage.app.executions();
    let mut ids = Vec::new();
    for _ in 0..40 {
        let request = RunRequest {
            script: ScriptRef::parse("short").unwrap(),
            input: String::from("null"),
            trigger: Trigger::Api,
        };
        ids.push(executions.accept(&stage.principal, request).await.unwrap().execution.id);
    }
    for id in ids {
        let status = loop {
            let status = executions.get(&stage.principal, id).unwrap().execution.status;
            if status.is_terminal() {
                break status;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(status, ExecutionStatus::Success);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_its_host_calls_ended_is_replayed_to_the_same_end() {
    let stage = Stage::set().await;
    let source = "export default async () => {
        await storage.set('big', 'x'.repeat(900000));
        for (;;) await storage.get('big');
    }";
    stage.deploy("bytes", source).await;
    let view = stage.run("bytes", "null").await;
    assert_eq!(kind(&view), "hostcall_limit");
    let replay = stage.app.executions().replay(&stage.principal, view.execution.id, None).await.unwrap();
    assert!(replay.equal, "{:?}", replay.difference);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_script_ends_what_runs_of_it() {
    let stage = Stage::set().await;
    stage.deploy("slow", "export default async () => { await storage.set('k', 1); await utils.sleep(25000) }").await;
    stage.deploy("look", "export default () => storage.get('k')").await;
    let script = ScriptRef::parse("slow").unwrap();
    let request = RunRequest { script: script.clone(), input: String::from("null"), trigger: Trigger::Api };
    let running = stage.app.executions().run(&stage.principal, request);
    let deletion = async {
        let filter = app::ExecutionFilter { statuses: vec![ExecutionStatus::Running], ..Default::default() };
        while stage.app.executions().list(&stage.principal, &filter, None, 1).unwrap().executions.is_empty() {
            tokio::task::yield_now().await;
        }
        stage.app.scripts().delete(&stage.principal, &script).await.unwrap();
    };
    let (ended, ()) = tokio::join!(running, deletion);
    assert!(matches!(ended, Err(app::AppError::NotFound { .. })), "{ended:?}");
    assert_eq!(stage.answer("look", "null").await, serde_json::Value::Null);
}
