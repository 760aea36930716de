//! Whose rights a script acts with, and what a principal sees (RULES 13, 14, 19).

use app::{AppError, NewScriptInput};
use domain::{
    Capabilities, Language, Permission, Permissions, Principal, RecordMode, ScriptKind, ScriptName, TenantId,
    UnixMillis,
};

use super::stage::{Stage, kind};

fn with(principal: &Principal, permissions: &[Permission]) -> Principal {
    Principal { permissions: permissions.iter().copied().collect::<Permissions>(), ..principal.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_has_no_more_rights_than_who_triggered_it() {
    let stage = Stage::set().await;
    stage.deploy("write", "export default () => storage.set('k', 1)").await;
    let runner = with(&stage.principal, &[Permission::ExecutionsRun, Permission::ExecutionsRead]);
    let request = app::RunRequest {
        script: app::ScriptRef::parse("write").unwrap(),
        input: String::from("null"),
        trigger: domain::Trigger::Api,
    };
    let view = stage.app.executions().run(&runner, request).await.unwrap();
    assert_eq!(kind(&view), "capability_denied");
    assert!(view.error.is_none() && view.input.is_none(), "contents need executions.inspect");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_grants_what_he_does_not_hold() {
    let stage = Stage::set().await;
    let author =
        with(&stage.principal, &[Permission::ScriptsWrite, Permission::ScriptsDeploy, Permission::ScriptsRead]);
    let input = NewScriptInput {
        name: ScriptName::parse("greedy").unwrap(),
        description: String::new(),
        kind: ScriptKind::OneOff,
        language: Language::JavaScript,
        source: String::from("export default () => 1"),
        capabilities: Capabilities { services: vec![String::from("products.*")], ..Capabilities::default() },
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint: None,
    };
    let refused = stage.app.scripts().create(&author, input).await;
    assert!(matches!(refused, Err(AppError::Forbidden(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_rows_are_not_found() {
    let stage = Stage::set().await;
    stage.deploy("mine", "export default () => 1").await;
    let view = stage.run("mine", "null").await;
    let stranger = Principal { tenant: TenantId::generate(), ..stage.principal.clone() };
    let seen = stage.app.executions().get(&stranger, view.execution.id);
    assert!(matches!(seen, Err(AppError::NotFound { .. })), "{seen:?}");
    let script = app::ScriptRef::parse("mine").unwrap();
    assert!(matches!(stage.app.scripts().get(&stranger, &script), Err(AppError::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_every_right_that_an_execution_used_may_inspect_it() {
    let stage = Stage::set().await;
    stage.deploy("read", "export default async (key) => { console.log(key); return storage.get(key) }").await;
    let view = stage.run("read", "\"k\"").await;
    let executions = stage.app.executions();
    for (permissions, may_inspect) in [
        (&[Permission::ExecutionsRead, Permission::StorageRead][..], true),
        (&[Permission::ExecutionsRead, Permission::ExecutionsInspect], true),
        (&[Permission::ExecutionsRead, Permission::StorageWrite], false),
        (&[Permission::ExecutionsRead], false),
    ] {
        let principal = with(&stage.principal, permissions);
        let seen = executions.get(&principal, view.execution.id).unwrap();
        assert_eq!(seen.input.is_some() && seen.result.is_some(), may_inspect, "{permissions:?}");
        assert_eq!(executions.logs(&principal, view.execution.id).is_ok(), may_inspect);
        assert_eq!(executions.replay(&principal, view.execution.id, None).await.is_ok(), may_inspect);
        let calls = executions.calls(&principal, view.execution.id).unwrap();
        assert_eq!((calls[0].name.as_str(), calls[0].asked.is_some()), ("storage.get", may_inspect));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_were_lost_while_a_script_ran_commit_nothing() {
    let stage = Stage::set().await;
    let source = "export default async () => { await storage.set('k', 1); await utils.sleep(1100); return 1 }";
    stage.deploy("slow", source).await;
    stage.deploy("look", "export default () => storage.get('k')").await;
    let expiry = UnixMillis(UnixMillis::now().0 + 60_000);
    let tokens = stage.app.tokens();
    let name = String::from("short");
    let issued = tokens.create(&stage.principal, name, stage.principal.permissions, Some(expiry)).await.unwrap();
    let holder = tokens.authenticate(&issued.text).unwrap();
    let request = app::RunRequest {
        script: app::ScriptRef::parse("slow").unwrap(),
        input: String::from("null"),
        trigger: domain::Trigger::Api,
    };
    let running = stage.app.executions().run(&holder, request);
    let (view, revoked) = tokio::join!(running, tokens.revoke(&stage.principal, issued.id));
    revoked.unwrap();
    assert_eq!(kind(&view.unwrap()), "capability_denied");
    assert_eq!(stage.answer("look", "null").await, serde_json::Value::Null);
}
