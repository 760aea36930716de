//! Scripts, drafts, versions, artifacts and endpoints.

use database::{
    DatabaseError, Deployment, DraftEdit, EndpointAuthentication, NewEndpoint, NewScript, ScriptOrder, ScriptQuery,
    ScriptSettings,
};
use domain::{
    Capabilities, EndpointRoute, Language, Limits, RecordMode, ScriptId, ScriptKind, ScriptName, TenantSlug,
    UnixMillis, VersionId,
};

use crate::stage::{NOW, Stage, activation, artifact, deploy, new_script, new_tenant};

fn endpoint(method: &str, path: &str) -> NewEndpoint {
    let route = EndpointRoute::parse(method, path).unwrap();
    NewEndpoint { route, authentication: EndpointAuthentication::Token, options: None, set_by: None, set_at: NOW }
}

fn edit(script: ScriptId, expected_revision: i64, source: &str) -> DraftEdit {
    let source = source.to_owned();
    DraftEdit { script, expected_revision, language: Language::TypeScript, source, updated_at: NOW, told: None }
}

#[tokio::test]
async fn a_script_reads_back_as_it_was_made() {
    let stage = Stage::set().await;
    let made = NewScript {
        kind: ScriptKind::Endpoint,
        capabilities: Capabilities {
            storage_prefixes: Some(vec![String::from("orders/")]),
            services: vec![String::from("products.*")],
            ..Capabilities::default()
        },
        limits: Some(Limits::DEFAULT),
        record: RecordMode::Metadata,
        policy: None,
        endpoint: Some(endpoint("POST", "/orders/{id}")),
        ..new_script("hook", stage.home.user)
    };
    stage.database.create_script(stage.home.tenant, made.clone()).await.unwrap();
    let script = stage.database.script(stage.home.tenant, made.id).unwrap();
    assert_eq!(script.draft_source, made.draft_source);
    assert_eq!(script.summary.capabilities, made.capabilities);
    assert_eq!(script.summary.limits, made.limits);
    assert_eq!(script.summary.capabilities_set_by, Some(stage.home.user));
    assert_eq!((script.summary.record, script.summary.draft_revision), (RecordMode::Metadata, 1));
    assert_eq!(script.summary.deployed, None);
    let by_name = stage.database.script_by_name(stage.home.tenant, &made.name).unwrap();
    assert_eq!(by_name, Some(script));
    let endpoint = stage.database.endpoint(stage.home.tenant, made.id).unwrap().unwrap();
    assert_eq!((endpoint.route.path(), endpoint.version, endpoint.is_active), ("/orders/{id}", None, true));
}

#[tokio::test]
async fn a_name_is_taken_within_its_tenant_only() {
    let stage = Stage::set().await;
    let script = new_script("orders", stage.home.user);
    let result = stage.database.create_script(stage.home.tenant, script).await;
    assert!(matches!(result, Err(DatabaseError::NameTaken)), "{result:?}");
    let script = new_script("only-here", stage.home.user);
    stage.database.create_script(stage.home.tenant, script).await.unwrap();
    let script = new_script("only-here", stage.other.user);
    stage.database.create_script(stage.other.tenant, script).await.unwrap();
}

#[tokio::test]
async fn a_route_of_the_same_shape_is_taken_and_its_script_is_not_made() {
    let stage = Stage::set().await;
    let (database, tenant, user) = (&stage.database, stage.home.tenant, stage.home.user);
    let first = NewScript { endpoint: Some(endpoint("GET", "/a/{id}")), ..new_script("first", user) };
    database.create_script(tenant, first).await.unwrap();
    let second = NewScript { endpoint: Some(endpoint("GET", "/a/{name}")), ..new_script("second", user) };
    let result = database.create_script(tenant, second.clone()).await;
    assert!(matches!(&result, Err(DatabaseError::RouteTaken { path, .. }) if path == "/a/{name}"), "{result:?}");
    assert_eq!(database.script_by_name(tenant, &second.name).unwrap(), None);
    let second = NewScript { endpoint: Some(endpoint("POST", "/a/{name}")), ..second };
    database.create_script(tenant, second.clone()).await.unwrap();
    let moved = database.put_endpoint(tenant, second.id, endpoint("GET", "/a/{x}")).await;
    assert!(matches!(moved, Err(DatabaseError::RouteTaken { .. })), "{moved:?}");
    database.put_endpoint(tenant, second.id, endpoint("POST", "/b")).await.unwrap();
    let paths: Vec<String> =
        database.endpoints_of_tenant(tenant).unwrap().iter().map(|endpoint| endpoint.route.path().to_owned()).collect();
    assert_eq!(paths, ["/a/{id}", "/b"]);
    database.delete_endpoint(tenant, second.id).await.unwrap();
    assert_eq!(database.endpoint(tenant, second.id).unwrap(), None);
}

#[tokio::test]
async fn an_edit_of_a_stale_draft_names_the_current_revision() {
    let stage = Stage::set().await;
    let (database, tenant, script) = (&stage.database, stage.home.tenant, stage.home.script);
    assert_eq!(database.edit_draft(tenant, edit(script, 1, "export default () => 2")).await.unwrap(), 2);
    let result = database.edit_draft(tenant, edit(script, 1, "lost")).await;
    assert!(matches!(result, Err(DatabaseError::Stale { current: 2 })), "{result:?}");
    let script = database.script(tenant, script).unwrap();
    assert_eq!(
        (script.draft_source.as_str(), script.summary.language),
        ("export default () => 2", Language::TypeScript)
    );
}

#[tokio::test]
async fn a_deployment_takes_the_draft_that_was_compiled_or_nothing() {
    let stage = Stage::set().await;
    let (database, tenant, script) = (&stage.database, stage.home.tenant, stage.home.script);
    database.edit_draft(tenant, edit(script, 1, "export default () => 2")).await.unwrap();
    let stale = deploy(database, tenant, script, 1).await;
    assert!(matches!(stale, Err(DatabaseError::Stale { current: 2 })), "{stale:?}");

    let deployment = Deployment {
        script,
        expected_draft_revision: 2,
        version: VersionId::generate(),
        deployed_by: Some(stage.home.user),
        change_summary: String::from("Two"),
        deployed_at: UnixMillis(9),
        input_schema: None,
        artifact: artifact(),
        told: None,
    };
    assert_eq!(database.deploy(tenant, deployment.clone()).await.unwrap(), 2);
    let deployed = database.script(tenant, script).unwrap().summary.deployed.unwrap();
    assert_eq!((deployed.id, deployed.number), (deployment.version, 2));
    assert_eq!((deployed.deployed_by, deployed.deployed_at), (Some(stage.home.user), UnixMillis(9)));
    let version = database.version(tenant, deployment.version).unwrap();
    assert_eq!(version.source, "export default () => 2");
    assert_eq!((version.summary.author, version.summary.change_summary.as_str()), (Some(stage.home.user), "Two"));
    assert_eq!(database.artifact(tenant, deployment.version).unwrap(), Some(artifact()));
}

#[tokio::test]
async fn an_older_version_can_be_activated_again() {
    let stage = Stage::set().await;
    let (database, tenant, script) = (&stage.database, stage.home.tenant, stage.home.script);
    deploy(database, tenant, script, 1).await.unwrap();
    deploy(database, tenant, script, 1).await.unwrap();
    let numbers = |before, limit| {
        let versions = database.list_versions(tenant, script, before, limit).unwrap();
        versions.iter().map(|version| version.number).collect::<Vec<u32>>()
    };
    assert_eq!((numbers(None, 2), numbers(Some(2), 2)), (vec![3, 2], vec![1]));
    database.activate_version(tenant, script, activation(1, Some(stage.home.user))).await.unwrap();
    let deployed = database.script(tenant, script).unwrap().summary.deployed.unwrap();
    assert_eq!((deployed.number, deployed.deployed_by), (1, Some(stage.home.user)));
    let unknown = database.activate_version(tenant, script, activation(9, None)).await;
    assert!(matches!(unknown, Err(DatabaseError::NotFound)), "{unknown:?}");
    assert!(database.version_by_number(tenant, script, 3).unwrap().is_some());
    assert!(database.version_by_number(tenant, script, 9).unwrap().is_none());
}

#[tokio::test]
async fn an_artifact_of_another_build_takes_the_place_of_the_old_one() {
    let stage = Stage::set().await;
    let newer = database::Artifact {
        engine_build: String::from("build-2"),
        impure_reason: Some(String::from("reads the clock")),
        ..artifact()
    };
    stage.database.put_artifact(stage.home.tenant, stage.home.version, newer.clone()).await.unwrap();
    let stored = stage.database.artifact(stage.home.tenant, stage.home.version).unwrap().unwrap();
    assert_eq!(stored, newer);
    assert!(!stored.is_pure());
}

#[tokio::test]
async fn settings_are_replaced_whole_and_a_script_can_be_paused() {
    let stage = Stage::set().await;
    let (database, tenant, script) = (&stage.database, stage.home.tenant, stage.home.script);
    let settings = ScriptSettings {
        description: String::from("Validates orders"),
        limits: Some(Limits { host_calls: 5, ..Limits::DEFAULT }),
        capabilities: Capabilities { hosts: vec![String::from("example.org")], ..Capabilities::default() },
        capabilities_set_by: Some(stage.home.user),
        record: RecordMode::Off,
        policy: None,
        updated_at: UnixMillis(9),
        told: None,
    };
    database.update_settings(tenant, script, settings.clone()).await.unwrap();
    database.set_active(tenant, script, false, (UnixMillis(10), None)).await.unwrap();
    let summary = database.script(tenant, script).unwrap().summary;
    assert_eq!((summary.description, summary.limits), (settings.description, settings.limits));
    assert_eq!((summary.capabilities, summary.record), (settings.capabilities, RecordMode::Off));
    assert_eq!((summary.is_active, summary.updated_at), (false, UnixMillis(10)));
}

#[tokio::test]
async fn a_deleted_script_takes_its_versions_and_executions_along() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let lease = stage.begin();
    database.commit_execution(crate::stage::ended(lease, database::Effects::default())).await.unwrap();
    database.delete_script(tenant, stage.home.script, None).await.unwrap();
    assert!(matches!(database.version(tenant, stage.home.version), Err(DatabaseError::NotFound)));
    assert!(matches!(database.get_execution(tenant, lease.execution), Err(DatabaseError::NotFound)));
    assert_eq!(database.artifact(tenant, stage.home.version).unwrap(), None);
    assert_eq!(database.get_execution_record(tenant, lease.execution).unwrap(), None);
    assert_eq!(database.usage_of_day(tenant, NOW.utc_day()).unwrap().executions, 1);
}

#[tokio::test]
async fn scripts_are_listed_by_name_page_by_page() {
    let stage = Stage::set().await;
    let (database, tenant, user) = (&stage.database, stage.home.tenant, stage.home.user);
    for name in ["zeta", "alpha"] {
        let script = NewScript { kind: ScriptKind::Cron, ..new_script(name, user) };
        database.create_script(tenant, script).await.unwrap();
    }
    let list = |kind, after: Option<&str>, limit| {
        let after = after.map(|name| ScriptName::parse(name).unwrap());
        let page = database.list_scripts(tenant, kind, after.as_ref(), limit).unwrap();
        page.into_iter().map(|script| script.name.to_string()).collect::<Vec<String>>()
    };
    assert_eq!(list(None, None, 2), ["alpha", "orders"]);
    assert_eq!(list(None, Some("orders"), 2), ["zeta"]);
    assert_eq!(list(Some(ScriptKind::Cron), None, 10), ["alpha", "zeta"]);
    assert_eq!(list(Some(ScriptKind::Cron), Some("alpha"), 10), ["zeta"]);
}

#[tokio::test]
async fn each_filter_of_the_list_of_scripts_holds_in_each_order() {
    let stage = Stage::set().await;
    let (database, tenant, user) = (&stage.database, stage.home.tenant, stage.home.user);
    for (name, description, created_at) in
        [("zeta", "50% off", 30), ("alpha", "a Zebra", 10), ("beta", "", 20), ("gamma", "", 20)]
    {
        let (description, created_at) = (description.to_owned(), UnixMillis(NOW.0 + created_at));
        let script = NewScript { description, created_at, ..new_script(name, user) };
        database.create_script(tenant, script).await.unwrap();
    }
    // As each page's last script says, to the end.
    let list = |query: ScriptQuery, limit: u32| {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = database.find_scripts(tenant, &ScriptQuery { after, limit, ..query.clone() }).unwrap();
            let Some(last) = page.last() else { return names };
            after = Some(last.cursor());
            names.extend(page.iter().map(|script| script.name.to_string()));
        }
    };
    let changed = || ScriptQuery { order: ScriptOrder::Changed, ..ScriptQuery::default() };
    let text = |text: &str| ScriptQuery { text: Some(text.to_owned()), ..ScriptQuery::default() };
    for limit in [1, 2, 10] {
        assert_eq!(list(ScriptQuery::default(), limit), ["alpha", "beta", "gamma", "orders", "zeta"]);
        assert_eq!(list(changed(), limit)[..4], ["zeta", "beta", "gamma", "alpha"]);
        assert_eq!(list(text("ZE"), limit), ["alpha", "zeta"]);
        assert_eq!(list(text("%"), limit), ["zeta"]);
        assert!(list(text("_"), limit).is_empty());
        assert_eq!(list(ScriptQuery { is_deployed: Some(true), ..changed() }, limit), ["orders"]);
        assert_eq!(list(ScriptQuery { is_deployed: Some(false), ..text("beta") }, limit), ["beta"]);
        assert!(list(ScriptQuery { is_active: Some(false), ..ScriptQuery::default() }, limit).is_empty());
        assert_eq!(list(ScriptQuery { is_active: Some(true), ..text("beta") }, limit), ["beta"]);
    }
}

#[tokio::test]
async fn a_slug_is_one_tenants_forever() {
    let stage = Stage::set().await;
    let tenant = domain::TenantId::generate();
    let database = &stage.database;
    database.set_tenant_status(stage.other.tenant, database::TenantStatus::Deleted).await.unwrap();
    let result = database.create_tenant(new_tenant(tenant, "other")).await;
    assert!(matches!(result, Err(DatabaseError::NameTaken)), "{result:?}");
    let slugs = |after: Option<&TenantSlug>| {
        let tenants = database.list_tenants(after, 10).unwrap();
        tenants.into_iter().map(|tenant| tenant.slug.to_string()).collect::<Vec<String>>()
    };
    assert_eq!(slugs(None), ["home", "other"]);
    assert_eq!(slugs(Some(&TenantSlug::parse("home").unwrap())), ["other"]);
}
