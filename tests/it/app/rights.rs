//! Whose rights a script acts with, and what a principal sees (RULES 13, 14, 19).

use app::{AppError, NewScriptInput};
use domain::{
    Capabilities, Language, Permission, Permissions, Principal, RecordMode, ScriptKind, ScriptName, TenantId,
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
