//! What can be set, and who may.

use domain::principals::Forbidden;

use super::*;

const T0: &str = "2031-01-01T00:30:00Z";

async fn refusal(stage: &Stage, input: ScheduleInput) -> Invalid {
    match stage.schedules().create(&stage.principal, input).await {
        Err(AppError::Invalid(invalid)) => invalid,
        other => panic!("{other:?}"),
    }
}

fn lacks<T: fmt::Debug>(result: Result<T, AppError>, expected: Permission) {
    assert!(
        matches!(&result, Err(AppError::Forbidden(Forbidden { permission })) if *permission == expected),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_schedule_is_shown_as_it_was_set() {
    let stage = Stage::set().await;
    let id = stage.schedule(input(" 30  9 * * mon-fri ", "europe/berlin"), at(T0)).await;
    let view = stage.schedules().get(&stage.principal, id).unwrap();
    let setting = &view.schedule.setting;
    assert_eq!((setting.expression.as_str(), setting.timezone.as_str()), ("30  9 * * mon-fri", "Europe/Berlin"));
    assert_eq!(view.next_run.as_deref(), Some("2031-01-01T09:30:00+01:00"));
    assert_eq!((view.last_run, view.schedule.set_by), (None, stage.principal.user()));
    let listed = stage.schedules().list(&stage.principal, Some(&named("report")), None, 10).unwrap();
    assert_eq!(listed.iter().map(|view| view.schedule.id).collect::<Vec<_>>(), [id]);
    assert!(stage.schedules().list(&stage.principal, None, Some(id), 10).unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_scheduled_is_refused_by_its_field() {
    let stage = Stage::set().await;
    stage.make("by-hand", ScriptKind::OneOff).await;
    let with = |expression: &str, timezone: &str| input(expression, timezone);
    for (wrong, field, says) in [
        (with("0 0 30 2 *", "UTC"), "expression", "never comes due"),
        (with("0 25 * * *", "UTC"), "expression", "'25' is no hour"),
        (with("@reboot", "UTC"), "expression", "there is no '@reboot'"),
        (with("0 0 9 * * *", "UTC"), "expression", "seconds are not switched on"),
        (with("0 9 * * *\0", "UTC"), "expression", "nothing else"),
        (with("0 9 * * \u{1F600}", "UTC"), "expression", "nothing else"),
        (with("0 9 * * *", "Mars/Olympus"), "timezone", "there is no time zone 'Mars/Olympus'"),
        (with("0 9 * * *", "Germany/Berlin"), "timezone", "did you mean 'Europe/Berlin'"),
        (with("0 9 * * *", ""), "timezone", "IANA name"),
        (ScheduleInput { script: named("nobody"), ..hourly() }, "script", "there is no such script"),
        (ScheduleInput { script: named("by-hand"), ..hourly() }, "script", "of the kind 'cron'"),
    ] {
        let invalid = refusal(&stage, wrong).await;
        assert_eq!(invalid.field, field, "{invalid}");
        assert!(invalid.message.contains(says), "{invalid}");
    }
    assert!(stage.schedules().list(&stage.principal, None, None, 10).unwrap().is_empty());
}

#[tokio::test]
async fn an_expression_more_frequent_than_the_operator_allows_is_refused_with_both_numbers() {
    let stage = Stage::set_with(|mut config| {
        config.schedules.rules =
            ScheduleRules { min_interval: Duration::from_secs(300), seconds: SecondsField::Allowed };
        config
    })
    .await;
    let message = refusal(&stage, input("*/4 * * * *", "UTC")).await.message;
    assert!(message.contains("every 240 s") && message.contains("300 s"), "{message}");
    let message = refusal(&stage, input("*/30 0 * * * *", "UTC")).await.message;
    assert!(message.contains("every 30 s"), "{message}");
    stage.schedule(input("30 */5 * * * *", "UTC"), at(T0)).await;
}

#[tokio::test]
async fn setting_needs_the_deployers_right_and_looking_needs_the_readers() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    let (author, schedules) = (stage.without(Permission::ScriptsDeploy), stage.schedules());
    lacks(schedules.create(&author, hourly()).await, Permission::ScriptsDeploy);
    lacks(schedules.change(&author, id, None, SchedulePatch::default()).await, Permission::ScriptsDeploy);
    lacks(schedules.delete(&author, id, None).await, Permission::ScriptsDeploy);
    let blind = stage.without(Permission::ScriptsRead);
    lacks(schedules.get(&blind, id), Permission::ScriptsRead);
    lacks(schedules.list(&blind, None, None, 10), Permission::ScriptsRead);
    lacks(schedules.slots(&blind, id, None, 10), Permission::ScriptsRead);
    lacks(schedules.preview(&blind, "0 9 * * *", "UTC"), Permission::ScriptsRead);
    lacks(schedules.slots(&stage.without(Permission::ExecutionsRead), id, None, 10), Permission::ExecutionsRead);
    lacks(schedules.run_now(&stage.without(Permission::ExecutionsRun), id).await, Permission::ExecutionsRun);
}

#[tokio::test]
async fn a_schedule_of_another_tenant_is_not_there() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    let stranger = member_of_new_tenant(&stage.app, "other").await;
    let missing = |result: Result<(), AppError>| {
        assert!(matches!(result, Err(AppError::NotFound { what: "schedule" })), "{result:?}");
    };
    let schedules = stage.schedules();
    missing(schedules.get(&stranger, id).map(drop));
    missing(schedules.slots(&stranger, id, None, 10).map(drop));
    missing(schedules.change(&stranger, id, None, SchedulePatch::default()).await.map(drop));
    missing(schedules.delete(&stranger, id, None).await);
    missing(schedules.run_now(&stranger, id).await.map(drop));
}

#[tokio::test]
async fn a_tenant_at_its_quota_is_told_which_and_how_much() {
    let stage = Stage::set_with(|mut config| {
        config.quotas.schedules = 1;
        config
    })
    .await;
    let id = stage.schedule(hourly(), at(T0)).await;
    let refused = stage.schedules().create(&stage.principal, hourly()).await;
    assert!(matches!(refused, Err(AppError::Quota { quota: "schedules", limit: 1, .. })), "{refused:?}");
    stage.schedules().delete(&stage.principal, id, None).await.unwrap();
    stage.schedule(hourly(), at(T0)).await;
}

#[tokio::test]
async fn a_preview_shows_ten_runs_and_keeps_nothing() {
    let stage = Stage::set().await;
    let preview = stage.schedules().preview(&stage.principal, "30 2 * * *", "europe/berlin").unwrap();
    assert_eq!((preview.timezone.as_str(), preview.runs.len()), ("Europe/Berlin", PREVIEW_RUNS));
    assert!(
        preview.runs.iter().all(|run| run.contains("T02:30:00+0") || run.contains("T03:00:00+02:00")),
        "{preview:?}"
    );
    let refused = stage.schedules().preview(&stage.principal, "0 0 31 4 *", "UTC");
    assert!(matches!(refused, Err(AppError::Invalid(_))), "{refused:?}");
    assert!(stage.schedules().list(&stage.principal, None, None, 10).unwrap().is_empty());
}

#[tokio::test]
async fn jitter_is_the_schedules_own_and_always_the_same() {
    let stage = Stage::set().await;
    let keyring = &stage.app.inner.keyring;
    let ids: Vec<ScheduleId> = (0..200).map(|_| ScheduleId::generate()).collect();
    let late = |id: &ScheduleId| keyring.schedule_jitter(*id).due(UnixMillis(0), Some(UnixMillis(HOUR))).0;
    assert_eq!(ids.iter().map(late).collect::<Vec<_>>(), ids.iter().map(late).collect::<Vec<_>>());
    assert!(ids.iter().all(|id| (0..30_000).contains(&late(id))));
    let in_the_first_half = ids.iter().filter(|id| late(id) < 15_000).count();
    assert!((50..150).contains(&in_the_first_half), "{in_the_first_half} of 200");
    let other = crate::sealing::Keyring::ephemeral().unwrap();
    assert_ne!(ids.iter().map(late).collect::<Vec<_>>(), {
        ids.iter().map(|id| other.schedule_jitter(*id).due(UnixMillis(0), Some(UnixMillis(HOUR))).0).collect::<Vec<_>>()
    });
}
