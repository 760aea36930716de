//! What lived by the rights of a member who left: it waits, and goes on once somebody has adopted it (RULES 14).

use database::{Bound, Claim, Execution, SecretSlot, Taken};
use domain::{ExecutionStatus, ScheduleId, SlotOutcome, TenantSlug};
use hmac::{Hmac, KeyInit, Mac};
use runtime::Header;

use super::*;
use crate::{
    EndpointCall, EndpointOptions, EndpointOutcome, EndpointRefusal, EventInput, HookOutcome, ProviderInput,
    SecretValue, SignatureScheme, executions::Asker,
};

const SECRET: &str = "a secret of github's, 32 bytes at least";

impl Stage {
    /// Decide the schedule's next slot, and answer when that was. Years from now, so that nothing runs by itself.
    async fn tick(&self, id: ScheduleId) -> UnixMillis {
        let due_at = self.app.schedules().get(&self.admin, id).unwrap().schedule.next.unwrap().due_at;
        self.app.schedules().tick(due_at).await;
        due_at
    }

    /// A schedule of a script, as somebody set it years from now.
    async fn scheduled(&self, by: &Principal, script: &ScriptRef) -> ScheduleId {
        let then = UnixMillis(1_900_000_000_000);
        self.app.schedules().create_at(by, hourly(script), then).await.unwrap().schedule.id
    }

    fn last_slot(&self, id: ScheduleId) -> SlotOutcome {
        self.app.schedules().slots(&self.admin, id, None, 1).unwrap()[0].slot.outcome
    }

    /// The execution that waits.
    fn waiting(&self) -> Execution {
        let filter = database::ExecutionFilter { statuses: vec![ExecutionStatus::Pending], ..Default::default() };
        let page = self.app.inner.database.list_executions(self.admin.tenant, &filter, None, 10).unwrap();
        page.executions.into_iter().next().unwrap()
    }

    async fn take(&self, now: UnixMillis) -> Taken {
        let database = &self.app.inner.database;
        let lease_until = UnixMillis(now.0 + 60_000);
        let claim = Claim { tenant: self.admin.tenant, epoch: database.epoch(), now, lease_until, reserved_fuel: 0 };
        database.claim_execution(claim).await.unwrap()
    }

    async fn remove(&self, member: &Principal) -> Handover {
        self.members().remove(&self.admin, user_of(member), Adopting::Nothing).await.unwrap()
    }
}

#[tokio::test]
async fn what_was_accepted_for_a_deployer_who_left_waits_until_the_script_is_adopted() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&editor, "nightly", ScriptKind::Cron).await;
    let id = stage.scheduled(&stage.admin, &script).await;
    let now = stage.tick(id).await;
    stage.remove(&editor).await;
    assert_eq!(stage.take(now).await, Taken::PutOff);
    assert_eq!(stage.take(now).await, Taken::Nothing, "it is not looked at again at once");
    assert_eq!(stage.waiting().status, ExecutionStatus::Pending);
    stage.app.scripts().adopt(&stage.admin, &script).await.unwrap();
    assert!(matches!(stage.take(now).await, Taken::Execution(_)));
}

#[tokio::test]
async fn what_was_accepted_under_a_binding_goes_over_with_it() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&stage.admin, "nightly", ScriptKind::Cron).await;
    let id = stage.scheduled(&editor, &script).await;
    let now = stage.tick(id).await;
    assert_eq!(stage.waiting().binding, editor.user());
    stage.remove(&editor).await;
    assert_eq!(stage.take(now).await, Taken::PutOff);
    stage.app.scripts().adopt(&stage.admin, &script).await.unwrap();
    assert_eq!(stage.waiting().binding, stage.admin.user());
    assert!(matches!(stage.take(now).await, Taken::Execution(_)));
}

#[tokio::test]
async fn what_was_accepted_for_an_older_version_waits_for_its_author_too() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&editor, "nightly", ScriptKind::Cron).await;
    let id = stage.scheduled(&stage.admin, &script).await;
    let now = stage.tick(id).await;
    stage.app.scripts().deploy(&stage.admin, &script, None, String::new()).await.unwrap();
    let left = stage.remove(&editor).await.left;
    assert_eq!(left.into_iter().map(|view| view.bound.binding).collect::<Vec<_>>(), [Binding::Version(1)]);
    assert_eq!(stage.take(now).await, Taken::PutOff);
    stage.app.scripts().adopt(&stage.admin, &script).await.unwrap();
    assert!(matches!(stage.take(now).await, Taken::Execution(_)));
}

#[tokio::test]
async fn what_a_removal_hands_over_goes_on_at_once() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&editor, "nightly", ScriptKind::Cron).await;
    let id = stage.scheduled(&editor, &script).await;
    let now = stage.tick(id).await;
    let handover = stage.members().remove(&stage.admin, user_of(&editor), Adopting::WhatIsHeld).await.unwrap();
    assert_eq!(handover.left, []);
    assert!(matches!(stage.take(now).await, Taken::Execution(_)));
}

#[tokio::test]
async fn a_retry_of_what_was_bound_by_somebody_who_left_is_held_up_by_whoever_holds_up_the_script() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&stage.admin, "nightly", ScriptKind::Cron).await;
    let id = stage.scheduled(&editor, &script).await;
    stage.tick(id).await;
    let first = stage.waiting().id;
    stage.app.executions().cancel(&stage.admin, first).await.unwrap();
    stage.remove(&editor).await;
    let again = stage.app.executions().queued_again(&stage.admin, first).unwrap();
    assert_eq!(again.start.binding, stage.admin.user());
    // And where that one has left too, it is not run without rights.
    let second = stage.joined("second", "admin").await;
    stage.app.scripts().activate(&second, &script, 1).await.unwrap();
    stage.remove(&second).await;
    let refused = stage.app.executions().queued_again(&stage.admin, first);
    assert!(matches!(refused, Err(AppError::Orphaned)), "{refused:?}");
}

#[test]
fn somebody_else_stands_for_a_binding_and_for_nobody_else() {
    let (one, other) = (UserId::generate(), UserId::generate());
    let actor = Actor::Local;
    let bound = |asker: Asker| asker.bound_by(Some(other)).binding();
    assert_eq!(bound(Asker::Binding { set_by: Some(one) }), Some(other));
    assert_eq!(bound(Asker::Both { actor, set_by: one }), Some(other));
    assert_eq!(bound(Asker::Again { actor, first: actor, set_by: Some(one) }), Some(other));
    assert_eq!(bound(Asker::Again { actor, first: actor, set_by: None }), None);
    assert_eq!(bound(Asker::Actor(actor)), None);
}

#[tokio::test]
async fn a_schedule_whose_setter_left_notes_its_slots_as_skipped_until_it_is_adopted() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&stage.admin, "nightly", ScriptKind::Cron).await;
    let id = stage.scheduled(&editor, &script).await;
    stage.remove(&editor).await;
    stage.tick(id).await;
    assert_eq!(stage.last_slot(id), SlotOutcome::SkippedPaused);
    stage.app.scripts().adopt(&stage.admin, &script).await.unwrap();
    stage.tick(id).await;
    assert_eq!(stage.last_slot(id), SlotOutcome::Started);
}

#[tokio::test]
async fn a_script_at_a_hook_whose_setter_left_does_not_run_until_it_is_adopted() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&stage.admin, "checks", ScriptKind::Embedded).await;
    stage.app.hooks().bind(&editor, &point(), &script, None).await.unwrap();
    stage.remove(&editor).await;
    let run = async || stage.app.hooks().run(&stage.admin, &point(), String::from("{}")).await.unwrap();
    let report = run().await;
    assert_eq!((report.results.len(), report.not_run.len()), (0, 1), "{report:?}");
    stage.app.scripts().adopt(&stage.admin, &script).await.unwrap();
    let report = run().await;
    assert_eq!((report.results.len(), report.not_run.len()), (1, 0), "{report:?}");
    assert!(matches!(report.outcome, HookOutcome::Passed));
}

#[tokio::test]
async fn events_go_by_a_subscription_whose_setter_left_until_it_is_adopted() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&stage.admin, "takes", ScriptKind::Event).await;
    let subscription = stage.app.subscriptions().create(&editor, of_orders(&script)).await.unwrap().id;
    stage.remove(&editor).await;
    let publish = async || {
        let data = String::from("{}");
        let event = EventInput { event_type: String::from("order.made"), data, subject: None, id: None };
        stage.app.events().publish(&stage.admin, event).await.unwrap();
        stage.app.inner.dispatch_events(UnixMillis::now()).await.unwrap();
        stage.app.subscriptions().deliveries(&stage.admin, subscription, None, 10).unwrap()
    };
    assert!(publish().await.iter().all(|delivery| delivery.execution.is_none()));
    stage.app.scripts().adopt(&stage.admin, &script).await.unwrap();
    assert_eq!(publish().await.iter().filter(|delivery| delivery.execution.is_some()).count(), 1);
}

#[tokio::test]
async fn a_signing_secret_whose_setter_left_opens_nothing_until_it_is_adopted() {
    let stage = Stage::set().await;
    let keeper = stage.joined("keeper", "admin").await;
    let script = stage.deploy(&stage.admin, "signed", ScriptKind::Endpoint).await;
    let options = EndpointOptions { signature: Some(SignatureScheme::Github), ..EndpointOptions::default() };
    let endpoint = || {
        let route = EndpointRoute::parse("POST", "/signed").unwrap();
        let endpoint = EndpointInput::new(route, EndpointAuthentication::Hmac);
        let endpoint = Some(EndpointInput { options: options.clone(), ..endpoint });
        crate::SettingsInput { endpoint, ..crate::SettingsInput::default() }
    };
    stage.app.scripts().update_settings(&stage.admin, &script, endpoint()).await.unwrap();
    let secret = SecretValue::new(SECRET.as_bytes().to_vec());
    stage.app.endpoints().put_secret(&keeper, &script, SecretSlot::Primary, &secret).await.unwrap();
    // The endpoint itself is somebody else's again; what opens it still is the keeper's.
    stage.app.scripts().update_settings(&stage.admin, &script, endpoint()).await.unwrap();
    assert!(call(&stage).await.is_ok());
    let left = stage.remove(&keeper).await.left;
    assert!(
        matches!(left[..], [BindingView { bound: Bound { binding: Binding::EndpointSecret(_), .. }, .. }]),
        "{left:?}"
    );
    assert!(matches!(call(&stage).await, Err(EndpointRefusal::Unauthenticated)));
    stage.app.scripts().adopt(&stage.admin, &script).await.unwrap();
    assert!(call(&stage).await.is_ok());
}

/// A request that is signed as GitHub signs.
async fn call(stage: &Stage) -> Result<EndpointOutcome, EndpointRefusal> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(b"body");
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let value = format!("sha256={digits}");
    let call = EndpointCall {
        method: String::from("POST"),
        url: String::from("http://localhost/main/signed"),
        headers: vec![Header { name: String::from("x-hub-signature-256"), value }],
        bearer: None,
        address: std::net::Ipv4Addr::LOCALHOST.into(),
    };
    let routed = stage.app.endpoints().route("main", "POST", "/signed")?;
    let admitted = stage.app.endpoints().admit(routed, call)?;
    Ok(stage.app.endpoints().answer(admitted, b"body".to_vec()).await?.outcome)
}

#[tokio::test]
async fn an_identity_provider_whose_setter_left_lets_nobody_in_until_somebody_sets_it() {
    let stage = Stage::set().await;
    let input = || ProviderInput {
        name: String::from("Login"),
        issuer: String::from("https://login.example.com"),
        client_id: String::from("skerry"),
        client_secret: None,
        group_claim: None,
        rules: Vec::new(),
        default_role: Some(String::from("editor")),
        is_active: true,
    };
    let slug = TenantSlug::parse("main").unwrap();
    let offered = || stage.app.sign_in().providers_of(&slug).unwrap().len();
    for adopting in [Adopting::WhatIsHeld, Adopting::Nothing] {
        let name = if adopting == Adopting::Nothing { "second" } else { "first" };
        let setter = stage.joined(name, "admin").await;
        let made = ProviderInput { client_id: name.to_owned(), ..input() };
        let made = stage.app.providers().create(&setter, made).await.unwrap();
        let before = offered();
        let listed = stage.members().bindings(&stage.admin, user_of(&setter)).unwrap();
        let needed = BuiltInRole::Editor.permissions().union(set(&[Permission::SignInManage]));
        let listed: Vec<_> = listed.into_iter().map(|view| (view.bound.binding, view.needed)).collect();
        assert_eq!(listed, [(Binding::Provider(made.id, BuiltInRole::Editor.permissions()), needed)]);
        stage.members().remove(&stage.admin, user_of(&setter), adopting).await.unwrap();
        let kept = stage.app.providers().get(&stage.admin, made.id).unwrap();
        if adopting == Adopting::WhatIsHeld {
            assert_eq!((kept.set_by, offered()), (stage.admin.user(), before));
        } else {
            assert_eq!((kept.set_by, offered()), (setter.user(), before - 1));
            let again = ProviderInput { client_id: name.to_owned(), ..input() };
            stage.app.providers().replace(&stage.admin, made.id, None, again).await.unwrap();
            assert_eq!(offered(), before);
        }
    }
}
