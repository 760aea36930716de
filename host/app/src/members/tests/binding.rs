//! Binding a script asks for all that the script may reach (RULES 13): each kind of binding.

use database::SecretSlot;

use super::*;
use crate::{
    EndpointOptions, SchedulePatch, SecretValue, SettingsInput, SignatureScheme, SubscriptionPatch, WebhookInput,
};

/// Somebody with every right but this one.
fn without(stage: &Stage, permission: Permission) -> Principal {
    Principal { permissions: stage.admin.permissions.without(set(&[permission])), ..stage.admin.clone() }
}

fn lacks<T>(refused: Result<T, AppError>, expected: Permission) -> bool {
    matches!(refused, Err(AppError::Forbidden(Forbidden { permission })) if permission == expected)
}

/// What the scripts here may reach beside being deployed: storage and events.
const REACHED: [Permission; 4] =
    [Permission::ScriptsDeploy, Permission::StorageRead, Permission::StorageWrite, Permission::EventsPublish];

#[tokio::test]
async fn a_schedule_is_set_by_whoever_holds_what_its_script_may_reach() {
    let stage = Stage::set().await;
    let script = stage.deploy(&stage.admin, "nightly", ScriptKind::Cron).await;
    let made = stage.app.schedules().create(&stage.admin, hourly(&script)).await.unwrap();
    let id = made.schedule.id;
    for permission in REACHED {
        let less = without(&stage, permission);
        assert!(lacks(stage.app.schedules().create(&less, hourly(&script)).await, permission), "{permission}");
        let patch = SchedulePatch { timezone: Some(String::from("Europe/Berlin")), ..SchedulePatch::default() };
        assert!(lacks(stage.app.schedules().change(&less, id, None, patch).await, permission), "{permission}");
    }
    // To pause and to resume takes nothing over.
    let patch = SchedulePatch { is_paused: Some(true), ..SchedulePatch::default() };
    let less = without(&stage, Permission::StorageWrite);
    stage.app.schedules().change(&less, id, None, patch).await.unwrap();
}

#[tokio::test]
async fn a_subscription_is_set_by_whoever_holds_what_its_script_may_reach() {
    let stage = Stage::set().await;
    let script = stage.deploy(&stage.admin, "takes", ScriptKind::Event).await;
    let made = stage.app.subscriptions().create(&stage.admin, of_orders(&script)).await.unwrap();
    for permission in REACHED.into_iter().chain([Permission::EventsRead]) {
        let less = without(&stage, permission);
        assert!(lacks(stage.app.subscriptions().create(&less, of_orders(&script)).await, permission), "{permission}");
        let patch = SubscriptionPatch { max_attempts: Some(2), ..SubscriptionPatch::default() };
        assert!(lacks(stage.app.subscriptions().change(&less, made.id, patch).await, permission), "{permission}");
    }
}

#[tokio::test]
async fn a_script_is_bound_to_a_hook_by_whoever_holds_what_it_may_reach() {
    let stage = Stage::set().await;
    let script = stage.deploy(&stage.admin, "checks", ScriptKind::Embedded).await;
    for permission in REACHED.into_iter().chain([Permission::ExecutionsRun]) {
        let less = without(&stage, permission);
        assert!(lacks(stage.app.hooks().bind(&less, &point(), &script, None).await, permission), "{permission}");
    }
    stage.app.hooks().bind(&stage.admin, &point(), &script, None).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_and_its_secrets_are_set_by_whoever_holds_what_the_script_may_reach() {
    let stage = Stage::set().await;
    let script = stage.deploy(&stage.admin, "orders", ScriptKind::Endpoint).await;
    let route = EndpointRoute::parse("POST", "/signed").unwrap();
    let options = EndpointOptions { signature: Some(SignatureScheme::Github), ..EndpointOptions::default() };
    let endpoint = EndpointInput { options, ..EndpointInput::new(route, EndpointAuthentication::Hmac) };
    let signed = SettingsInput { endpoint: Some(endpoint), ..SettingsInput::default() };
    stage.app.scripts().update_settings(&stage.admin, &script, signed.clone()).await.unwrap();
    let secret = SecretValue::new(b"a secret of github's, 32 bytes at".to_vec());
    for permission in REACHED.into_iter().chain([Permission::EndpointsCall]) {
        let less = without(&stage, permission);
        let set = stage.app.scripts().update_settings(&less, &script, signed.clone()).await;
        assert!(lacks(set, permission), "{permission}");
        let put = stage.app.endpoints().put_secret(&less, &script, SecretSlot::Primary, &secret).await;
        assert!(lacks(put, permission), "{permission}");
        let rotated = stage.app.endpoints().rotate_secret(&less, &script).await;
        assert!(rotated.is_err_and(|error| lacks::<()>(Err(error), permission)), "{permission}");
    }
    stage.app.endpoints().put_secret(&stage.admin, &script, SecretSlot::Primary, &secret).await.unwrap();
}

#[tokio::test]
async fn a_webhook_is_set_by_whoever_may_see_and_send_what_it_sends() {
    let stage = Stage::set().await;
    for permission in [Permission::WebhooksManage, Permission::EventsRead, Permission::EgressUse] {
        let input = WebhookInput {
            url: String::from("https://hooks.example.com/a"),
            description: String::new(),
            types: vec![String::from("order.*")],
            source: None,
            is_active: true,
        };
        assert!(lacks(stage.app.webhooks().create(&without(&stage, permission), input).await, permission));
    }
}
