//! Accepted executions on their way through the queue: attempts, groups, quotas, breakers, cancelling, and what a stop of
//! the server leaves.

use std::time::Duration;

use app::{AppError, ExecutionView, RunRequest, ScriptRef, SettingsInput};
use domain::{
    Backoff, Capabilities, Concurrency, ErrorKind, ExecutionId, ExecutionStatus, Limits, Quotas, RunPolicy, Trigger,
    UnixMillis, WhenFull,
};

use super::{
    outside::{HOST, Outside, answer, at_once},
    stage::{Stage, config, json, kind, restarted},
};

/// Attempts that come as soon as they may.
fn attempts(max_attempts: u32) -> RunPolicy {
    let backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_millis(100) };
    RunPolicy { max_attempts, backoff, ..RunPolicy::DEFAULT }
}

async fn set_policy(stage: &Stage, name: &str, policy: RunPolicy) {
    let input = SettingsInput { policy: Some(Some(policy)), ..SettingsInput::default() };
    stage.app.scripts().update_settings(&stage.principal, &ScriptRef::parse(name).unwrap(), input).await.unwrap();
}

async fn try_accept(stage: &Stage, name: &str, input: &str) -> Result<ExecutionId, AppError> {
    let request =
        RunRequest { script: ScriptRef::parse(name).unwrap(), input: input.to_owned(), trigger: Trigger::Api };
    Ok(stage.app.executions().accept(&stage.principal, request).await?.execution.id)
}

async fn accept(stage: &Stage, name: &str) -> ExecutionId {
    try_accept(stage, name, "null").await.unwrap()
}

fn get(stage: &Stage, execution: ExecutionId) -> ExecutionView {
    stage.app.executions().get(&stage.principal, execution).unwrap()
}

async fn ended(stage: &Stage, execution: ExecutionId) -> ExecutionView {
    until(stage, execution, ExecutionStatus::is_terminal).await
}

async fn until(stage: &Stage, execution: ExecutionId, is: fn(ExecutionStatus) -> bool) -> ExecutionView {
    loop {
        let view = get(stage, execution);
        if is(view.execution.status) {
            return view;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_execution_is_tried_again_as_the_same_one_with_its_version() {
    let stage = Stage::set().await;
    let source = "export default () => {
        if (context.execution.attempt < 3) throw new Error(`attempt ${context.execution.attempt}`);
        return [context.execution.attempt, context.script.version];
    }";
    stage.deploy("shaky", source).await;
    set_policy(&stage, "shaky", attempts(3)).await;
    let execution = accept(&stage, "shaky").await;
    stage
        .app
        .scripts()
        .deploy(&stage.principal, &ScriptRef::parse("shaky").unwrap(), None, String::new())
        .await
        .unwrap();
    let view = ended(&stage, execution).await;
    assert_eq!(json(&view), serde_json::json!([3, 1]), "the version that it was accepted with");
    let failed = stage.app.executions().attempts(&stage.principal, execution).unwrap();
    let messages: Vec<String> = failed.into_iter().map(|view| view.error.unwrap().message).collect();
    assert_eq!(messages, ["attempt 1", "attempt 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_end_at_their_number_and_where_another_would_end_the_same() {
    let stage = Stage::set().await;
    for (name, source, made) in [
        ("thrower", "export default () => { throw new Error('no') }", 2),
        ("denied", "export default () => services.nowhere.get()", 1),
        ("large", "export default () => 'x'.repeat(2_000_000)", 1),
    ] {
        stage.deploy(name, source).await;
        set_policy(&stage, name, attempts(2)).await;
        let view = ended(&stage, accept(&stage, name).await).await;
        assert_eq!((view.execution.attempt, view.execution.status), (made, ExecutionStatus::Failed), "{name}");
    }
}

/// RULES 37: a receiver that knows a key is never sent something else under it.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_sends_the_same_under_the_same_key_or_nothing() {
    let outside = Outside::start(|_| at_once(answer("200 OK", "", b"{}"))).await;
    let stage = Stage::set_with(|config| *config = outside.configured(config.clone())).await;
    let base = format!("http://{HOST}:{}", outside.address.port());
    let capabilities = Capabilities { hosts: vec![HOST.to_owned()], ..Capabilities::default() };
    let source = format!(
        "export default async (kind) => {{
            const body = kind === 'same' ? 'same' : `attempt ${{context.execution.attempt}}`;
            try {{ await http.post('{base}/' + kind, body); }} catch {{ }}
            if (context.execution.attempt === 1) throw new Error('again');
            return 'done';
        }}"
    );
    stage.deploy_with("poster", &source, capabilities, None).await;
    set_policy(&stage, "poster", attempts(3)).await;
    let same = ended(&stage, try_accept(&stage, "poster", "\"same\"").await.unwrap()).await;
    assert_eq!(json(&same), "done");
    let other = ended(&stage, try_accept(&stage, "poster", "\"other\"").await.unwrap()).await;
    assert_eq!(kind(&other), "conflict", "also where the script caught it");
    let asked = outside.asked.lock().unwrap().clone();
    let of = |path: &str| asked.iter().filter(|asked| asked.path == path).cloned().collect::<Vec<_>>();
    let (same, other) = (of("/same"), of("/other"));
    assert_eq!((same.len(), other.len()), (2, 1));
    assert_eq!(same[0].header("idempotency-key"), same[1].header("idempotency-key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_what_runs_can_be_cancelled() {
    let stage = Stage::set().await;
    stage.deploy("endless", "export default () => { for (;;); }").await;
    set_policy(&stage, "endless", RunPolicy { concurrency: one_at_a_time(WhenFull::Queue), ..attempts(3) }).await;
    let (running, waiting) = (accept(&stage, "endless").await, accept(&stage, "endless").await);
    until(&stage, running, |status| status == ExecutionStatus::Running).await;
    assert_eq!(get(&stage, waiting).execution.status, ExecutionStatus::Pending);
    let executions = stage.app.executions();
    executions.cancel(&stage.principal, waiting).await.unwrap();
    assert_eq!(get(&stage, waiting).execution.status, ExecutionStatus::Cancelled);
    executions.cancel(&stage.principal, running).await.unwrap();
    ended(&stage, running).await;
    let refused = executions.cancel(&stage.principal, running).await;
    assert!(matches!(refused, Err(AppError::Ended { status: ExecutionStatus::Cancelled })), "{refused:?}");
    let cancelled = get(&stage, running).execution;
    assert_eq!((cancelled.status, cancelled.attempt), (ExecutionStatus::Cancelled, 1), "and not tried again");
    assert_eq!(stage.app.usage().show(&stage.principal).unwrap().queued_executions, 0);
}

fn one_at_a_time(when_full: WhenFull) -> Option<Concurrency> {
    Some(Concurrency { max: 1, key: None, when_full })
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_of_one_key_go_one_after_another_in_their_order() {
    let stage = Stage::set().await;
    let source = "export default async ({ at }) => { await utils.sleep(5); return at; }";
    stage.deploy("keyed", source).await;
    let concurrency = Some(Concurrency { max: 1, key: Some(String::from("/key")), when_full: WhenFull::Queue });
    set_policy(&stage, "keyed", RunPolicy { concurrency, ..RunPolicy::DEFAULT }).await;
    let mut accepted = Vec::new();
    for at in 0..12 {
        let input = format!("{{\"key\":{},\"at\":{at}}}", at % 2);
        accepted.push(try_accept(&stage, "keyed", &input).await.unwrap());
    }
    for of_key in [0, 1] {
        let mut last_end = UnixMillis(0);
        for execution in accepted.iter().skip(of_key).step_by(2) {
            let row = ended(&stage, *execution).await.execution;
            assert!(row.started_at.unwrap() >= last_end, "one began before the one before it had ended");
            last_end = row.completed_at.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_can_want_no_second_one_beside_the_first() {
    let stage = Stage::set().await;
    stage.deploy("single", "export default async (input) => { if (input === null) await utils.sleep(25000) }").await;
    set_policy(&stage, "single", RunPolicy { concurrency: one_at_a_time(WhenFull::Skip), ..RunPolicy::DEFAULT }).await;
    let first = accept(&stage, "single").await;
    let refused = try_accept(&stage, "single", "null").await;
    assert!(matches!(refused, Err(AppError::ConcurrencyFull { max: 1 })), "{refused:?}");
    until(&stage, first, |status| status == ExecutionStatus::Running).await;
    // Until the first one has its place.
    let mut waited_for = stage.try_run("single", "1").await;
    while waited_for.is_ok() {
        waited_for = stage.try_run("single", "1").await;
    }
    assert!(matches!(waited_for, Err(AppError::ConcurrencyFull { max: 1 })), "{waited_for:?}");
    stage.app.executions().cancel(&stage.principal, first).await.unwrap();
    ended(&stage, first).await;
}

/// RULES 31.
#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_counts_what_is_the_scripts_fault_and_opens() {
    let stage = Stage::set().await;
    stage.deploy("broken", "export default () => { throw new Error('no') }").await;
    set_policy(&stage, "broken", RunPolicy { breaker_failures: Some(3), ..RunPolicy::DEFAULT }).await;
    for _ in 0..5 {
        assert_eq!(kind(&stage.run("broken", "null").await), "user_error", "whoever waits may be to blame");
    }
    for _ in 0..3 {
        ended(&stage, accept(&stage, "broken").await).await;
    }
    let refused = stage.try_run("broken", "null").await;
    assert!(matches!(refused, Err(AppError::BreakerOpen { .. })), "{refused:?}");
    let broken = stage.app.scripts().get(&stage.principal, &ScriptRef::parse("broken").unwrap()).unwrap();
    assert!(broken.resting_until.is_some_and(|until| until > UnixMillis::now()), "{broken:?}");
    let waits = accept(&stage, "broken").await;
    assert_eq!(get(&stage, waits).execution.status, ExecutionStatus::Pending, "nothing is lost meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_ended_is_run_again_by_a_person_as_a_new_one() {
    let stage = Stage::set().await;
    stage.deploy("echo", "export default (input) => [input, context.execution.trigger]").await;
    let first = stage.run("echo", "7").await;
    let again = stage.app.executions().retry(&stage.principal, first.execution.id).await.unwrap().execution.id;
    let view = ended(&stage, again).await;
    assert_eq!(json(&view), serde_json::json!([7, "retry"]));
    assert_eq!(view.execution.retry_of, Some(first.execution.id));
    stage.deploy("slow", "export default async () => { await utils.sleep(60000) }").await;
    let running = accept(&stage, "slow").await;
    let refused = stage.app.executions().retry(&stage.principal, running).await;
    assert!(matches!(refused, Err(AppError::NotEnded)), "{refused:?}");
    stage.app.executions().cancel(&stage.principal, running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_by_name_and_size() {
    let stage = Stage::set_with(|config| config.quotas.queued_executions = 3).await;
    stage.deploy("slow", "export default async () => { await utils.sleep(60000) }").await;
    let mut accepted = Vec::new();
    for _ in 0..3 {
        accepted.push(accept(&stage, "slow").await);
    }
    let refused = try_accept(&stage, "slow", "null").await;
    assert!(matches!(refused, Err(AppError::Quota { quota: "queued_executions", limit: 3, .. })), "{refused:?}");
    for execution in accepted {
        stage.app.executions().cancel(&stage.principal, execution).await.unwrap();
        ended(&stage, execution).await;
    }
    assert_eq!(stage.app.usage().show(&stage.principal).unwrap().queued_executions, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_of_a_minute_are_bounded_also_over_a_restart() {
    let quotas = Quotas { executions_per_minute: Some(5), ..Quotas::default() };
    let mut stage = Stage::set_with(|config| config.quotas = quotas).await;
    stage.deploy("quick", "export default () => 1").await;
    let minute = || UnixMillis::now().0 / 60_000;
    // A minute that ends meanwhile begins the count anew, so another try is due then.
    loop {
        let began = minute();
        let mut refused = 0;
        for at in 0..8 {
            if at == 4 {
                let config = app::AppConfig { quotas, ..config(&stage.directory) };
                stage.app = restarted(stage.app, config).await;
            }
            match stage.try_run("quick", "null").await {
                Ok(_) => {}
                Err(AppError::Quota { quota: "executions_per_minute", limit: 5, retry_after }) => {
                    assert!(retry_after <= Duration::from_secs(60));
                    refused += 1;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        if minute() == began {
            assert!(refused >= 3, "{refused} were refused");
            return;
        }
    }
}

/// Reserved before, settled after: two hundred at once, and never more than there is.
#[tokio::test(flavor = "multi_thread")]
async fn fuel_of_a_day_is_never_exceeded() {
    let mut stage = Stage::set().await;
    let limits = Limits { fuel: 30_000_000, ..Limits::DEFAULT };
    stage.deploy_with("burner", "export default () => { for (;;); }", Capabilities::default(), Some(limits)).await;
    set_policy(&stage, "burner", RunPolicy { breaker_failures: None, ..RunPolicy::DEFAULT }).await;
    let spent = stage.app.usage().show(&stage.principal).unwrap().fuel_today;
    // What a run reserves beyond its own limit is for reading the stack of its failure, and given back.
    let quota = spent + 4_000_000_000;
    let quotas = Quotas { fuel_per_day: Some(quota), ..Quotas::default() };
    let bounded = app::AppConfig { quotas, ..config(&stage.directory) };
    stage.app = restarted(stage.app, bounded.clone()).await;
    let (used, refused) = burn(&stage).await;
    assert!(used <= quota && used > spent, "{used} of {quota}");
    assert!(refused > 0, "all at once do not fit");
    stage.app = restarted(stage.app, bounded).await;
    let (used, _) = burn(&stage).await;
    assert!(used <= quota, "{used} of {quota} after a restart");
}

/// Two hundred runs at once; answers the fuel of the day, and how many were refused for it.
async fn burn(stage: &Stage) -> (u64, usize) {
    let burner = ScriptRef::parse("burner").unwrap();
    let runs = (0..200).map(|_| {
        let (executions, principal) = (stage.app.executions().clone(), stage.principal.clone());
        let request = RunRequest { script: burner.clone(), input: String::from("null"), trigger: Trigger::Api };
        tokio::spawn(async move { executions.run(&principal, request).await })
    });
    let mut refused = 0;
    for run in runs.collect::<Vec<_>>() {
        match run.await.unwrap() {
            Ok(view) => assert_eq!(view.execution.error_kind, Some(ErrorKind::CpuLimit)),
            Err(AppError::Quota { quota: "fuel_per_day", .. }) => refused += 1,
            Err(AppError::Overloaded { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    (stage.app.usage().show(&stage.principal).unwrap().fuel_today, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_as_many_scripts_as_it_may() {
    let stage = Stage::set_with(|config| config.quotas.scripts = 100).await;
    let quotas = domain::PlanQuotas { scripts: Some(5), ..domain::PlanQuotas::default() };
    stage.app.set_quotas(stage.principal.tenant, quotas).await.unwrap();
    stage.deploy("fifth", "export default () => 1").await;
    let input = app::NewScriptInput {
        name: domain::ScriptName::parse("sixth").unwrap(),
        description: String::new(),
        kind: domain::ScriptKind::OneOff,
        language: domain::Language::JavaScript,
        source: String::from("export default () => 1"),
        capabilities: Capabilities::default(),
        limits: None,
        record: domain::RecordMode::Full,
        policy: None,
        endpoint: None,
    };
    let refused = stage.app.scripts().create(&stage.principal, input).await;
    assert!(matches!(refused, Err(AppError::Quota { quota: "scripts", limit: 5, .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_for_executions_have_bounds() {
    let stage = Stage::set().await;
    stage.deploy("plain", "export default () => 1").await;
    let concurrency = |max, key: &str| Some(Concurrency { max, key: Some(key.to_owned()), when_full: WhenFull::Queue });
    let second = Duration::from_secs(1);
    for policy in [
        RunPolicy { max_attempts: 0, ..RunPolicy::DEFAULT },
        RunPolicy { max_attempts: 21, ..RunPolicy::DEFAULT },
        RunPolicy { backoff: Backoff { initial: Duration::ZERO, max: second }, ..RunPolicy::DEFAULT },
        RunPolicy { backoff: Backoff { initial: second * 2, max: second }, ..RunPolicy::DEFAULT },
        RunPolicy { concurrency: concurrency(0, "/a"), ..RunPolicy::DEFAULT },
        RunPolicy { concurrency: concurrency(1, "a"), ..RunPolicy::DEFAULT },
        RunPolicy { concurrency: concurrency(1, "/a/~2"), ..RunPolicy::DEFAULT },
        RunPolicy { concurrency: concurrency(1, "/a\0"), ..RunPolicy::DEFAULT },
        RunPolicy { concurrency: concurrency(1, &format!("/{}", "a".repeat(300))), ..RunPolicy::DEFAULT },
        RunPolicy { breaker_failures: Some(1_001), ..RunPolicy::DEFAULT },
    ] {
        let input = SettingsInput { policy: Some(Some(policy.clone())), ..SettingsInput::default() };
        let script = ScriptRef::parse("plain").unwrap();
        let refused = stage.app.scripts().update_settings(&stage.principal, &script, input).await;
        assert!(matches!(refused, Err(AppError::Invalid(_))), "{policy:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stop_gave_back_runs_after_the_next_start() {
    let mut stage = Stage::set().await;
    let source = "export default async () => {
        if (context.execution.attempt === 1) await utils.sleep(25_000);
        return context.execution.attempt;
    }";
    stage.deploy("patient", source).await;
    let execution = accept(&stage, "patient").await;
    until(&stage, execution, |status| status == ExecutionStatus::Running).await;
    stage.app.shutdown(Duration::ZERO).await;
    let config = config(&stage.directory);
    stage.app = restarted(stage.app, config).await;
    assert_eq!(json(&ended(&stage, execution).await), 2);
}
