//! Which scripts run at an extension point, and in which order.

use database::{DatabaseError, HookBound, NewHookBinding};
use domain::{HookPoint, ScriptId};

use crate::stage::{NOW, Stage, new_script};

fn point(name: &str) -> HookPoint {
    HookPoint::parse(name).unwrap()
}

fn binding(stage: &Stage, script: ScriptId, position: Option<u32>) -> NewHookBinding {
    NewHookBinding { point: point("order.validate"), script, position, set_by: Some(stage.home.user), set_at: NOW }
}

async fn scripts(stage: &Stage, names: [&str; 3]) -> Vec<ScriptId> {
    let mut ids = Vec::new();
    for name in names {
        let script = new_script(name, stage.home.user);
        ids.push(script.id);
        stage.database.create_script(stage.home.tenant, script).await.unwrap();
    }
    ids
}

#[tokio::test]
async fn scripts_run_by_position_and_a_new_one_behind_the_others() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let ids = scripts(&stage, ["a", "b", "c"]).await;
    for (script, position) in [(ids[0], None), (ids[1], None), (ids[2], Some(0))] {
        let bound = database.put_hook_binding(tenant, binding(&stage, script, position), 9).await.unwrap();
        assert_eq!(bound, HookBound::New);
    }
    let order = || -> Vec<(String, u32)> {
        let bindings = database.hook_bindings(tenant, &point("order.validate")).unwrap();
        bindings.into_iter().map(|binding| (binding.script_name.to_string(), binding.position)).collect()
    };
    let names = |list: &[(&str, u32)]| -> Vec<(String, u32)> {
        list.iter().map(|(name, position)| ((*name).to_owned(), *position)).collect()
    };
    assert_eq!(order(), names(&[("a", 0), ("c", 0), ("b", 1)]));
    let changed = database.put_hook_binding(tenant, binding(&stage, ids[0], Some(7)), 9).await.unwrap();
    assert_eq!(changed, HookBound::Changed);
    database.put_hook_binding(tenant, binding(&stage, ids[0], None), 9).await.unwrap();
    assert_eq!(order(), names(&[("c", 0), ("b", 1), ("a", 7)]), "a place that is not named stays");
    assert!(database.hook_bindings(tenant, &point("order.price")).unwrap().is_empty());
    assert!(database.hook_bindings(stage.other.tenant, &point("order.validate")).unwrap().is_empty());
}

#[tokio::test]
async fn a_point_has_as_many_scripts_as_it_may_have() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let ids = scripts(&stage, ["a", "b", "c"]).await;
    for (script, expected) in [(ids[0], HookBound::New), (ids[1], HookBound::New), (ids[2], HookBound::TooMany)] {
        let bound = database.put_hook_binding(tenant, binding(&stage, script, None), 2).await.unwrap();
        assert_eq!(bound, expected);
    }
    let again = database.put_hook_binding(tenant, binding(&stage, ids[1], Some(0)), 2).await.unwrap();
    assert_eq!(again, HookBound::Changed);
}

#[tokio::test]
async fn a_script_of_another_tenant_is_not_bound_and_one_that_goes_is_bound_no_more() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let foreign = database.put_hook_binding(tenant, binding(&stage, stage.other.script, None), 9).await;
    assert!(matches!(foreign, Err(DatabaseError::NotFound)), "{foreign:?}");
    let own = stage.home.script;
    database.put_hook_binding(tenant, binding(&stage, own, None), 9).await.unwrap();
    let elsewhere = database.delete_hook_binding(stage.other.tenant, point("order.validate"), own).await;
    assert!(matches!(elsewhere, Err(DatabaseError::NotFound)), "{elsewhere:?}");
    let found = database.hook_bindings(tenant, &point("order.validate")).unwrap();
    assert!(found[0].is_active && found[0].is_deployed, "{found:?}");
    database.delete_script(tenant, own, None).await.unwrap();
    assert!(database.hook_bindings(tenant, &point("order.validate")).unwrap().is_empty());
}
