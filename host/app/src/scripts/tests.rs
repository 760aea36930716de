//! Scripts, with a real database and a real sandbox.

use database::{EndpointAuthentication, Membership, MembershipStatus, NewTenant, User};
use domain::{
    Actor, Capabilities, EndpointRoute, Permissions, RecordMode, TenantSlug, TokenId, UserId, principals::Forbidden,
};

use super::*;
use crate::{App, AppConfig, EndpointInput};

const SOURCE: &str = "export default (input) => input";

struct Stage {
    app: App,
    principal: Principal,
    stranger: Principal,
}

impl Stage {
    /// An application with two tenants, each with one member who may do everything there.
    async fn set() -> Self {
        let app = App::open(AppConfig::in_memory()).await.unwrap();
        let principal = member_of_new_tenant(&app, "home").await;
        let stranger = member_of_new_tenant(&app, "other").await;
        Self { app, principal, stranger }
    }

    fn scripts(&self) -> &ScriptService {
        self.app.scripts()
    }

    async fn create(&self, name: &str) -> ScriptRef {
        self.scripts().create(&self.principal, new_script(name)).await.unwrap();
        named(name)
    }

    async fn deploy(&self, script: &ScriptRef) -> u32 {
        let summary = String::from("changed");
        self.scripts().deploy(&self.principal, script, None, summary).await.unwrap().version.number
    }

    /// The member with these rights alone.
    fn with(&self, permissions: &[Permission]) -> Principal {
        Principal { permissions: permissions.iter().copied().collect(), ..self.principal.clone() }
    }

    /// The member with every right but this one.
    fn without(&self, missing: Permission) -> Principal {
        let permissions: Permissions = Permissions::all().iter().filter(|permission| *permission != missing).collect();
        Principal { permissions, ..self.principal.clone() }
    }
}

async fn member_of_new_tenant(app: &App, slug: &str) -> Principal {
    let (tenant, user, created_at) = (TenantId::generate(), UserId::generate(), UnixMillis(1));
    let row = NewTenant {
        id: tenant,
        slug: TenantSlug::parse(slug).unwrap(),
        name: slug.to_owned(),
        sealed_key: app.inner.keyring.wrap_new(tenant).unwrap(),
        limits: None,
        created_at,
    };
    let database = &app.inner.database;
    database.create_tenant(row).await.unwrap();
    let (email, name) = (format!("{slug}@example.com"), slug.to_owned());
    database.create_user(User { id: user, email, name, is_operator: false, created_at }).await.unwrap();
    let (permissions, status) = (Permissions::all(), MembershipStatus::Active);
    database.put_membership(tenant, Membership { user, permissions, status, created_at }).await.unwrap();
    Principal { tenant, actor: Actor::Token { token: TokenId::generate(), user }, permissions }
}

fn named(name: &str) -> ScriptRef {
    ScriptRef::parse(name).unwrap()
}

fn new_script(name: &str) -> NewScriptInput {
    NewScriptInput {
        name: ScriptName::parse(name).unwrap(),
        description: String::new(),
        kind: ScriptKind::OneOff,
        language: Language::JavaScript,
        source: SOURCE.to_owned(),
        capabilities: Capabilities::default(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint: None,
    }
}

fn new_endpoint_script(name: &str, path: &str) -> NewScriptInput {
    let route = EndpointRoute::parse("POST", path).unwrap();
    let endpoint = Some(EndpointInput::new(route, EndpointAuthentication::Public));
    NewScriptInput { kind: ScriptKind::Endpoint, endpoint, ..new_script(name) }
}

fn lacks<T>(result: Result<T, AppError>, expected: Permission) -> bool {
    matches!(result, Err(AppError::Forbidden(Forbidden { permission })) if permission == expected)
}

fn is_missing<T>(result: Result<T, AppError>) -> bool {
    matches!(result, Err(AppError::NotFound { what: "script" }))
}

#[tokio::test]
async fn a_saved_script_has_a_draft_and_no_version() {
    let stage = Stage::set().await;
    let script = stage.create("one").await;
    let saved = stage.scripts().get(&stage.principal, &script).unwrap();
    assert_eq!(saved.script.draft_source, SOURCE);
    assert_eq!(saved.script.summary.deployed, None);
    assert_eq!(saved.script.summary.created_by, stage.principal.user());
    let by_id = ScriptRef::Id(saved.script.summary.id);
    assert_eq!(stage.scripts().get(&stage.principal, &by_id).unwrap().script, saved.script);
}

#[tokio::test]
async fn a_source_that_does_not_compile_changes_nothing() {
    let stage = Stage::set().await;
    let broken = NewScriptInput { source: String::from("export default ("), ..new_script("broken") };
    let refused = stage.scripts().create(&stage.principal, broken).await.unwrap_err();
    assert!(matches!(&refused, AppError::Source { diagnostics } if diagnostics[0].line == 1), "{refused}");
    assert!(is_missing(stage.scripts().get(&stage.principal, &named("broken"))));

    let script = stage.create("sound").await;
    let edit = stage.scripts().edit_draft(&stage.principal, &script, 1, None, String::from("const")).await;
    assert!(matches!(edit, Err(AppError::Source { .. })));
    let summary = stage.scripts().get(&stage.principal, &script).unwrap().script;
    assert_eq!((summary.summary.draft_revision, summary.draft_source.as_str()), (1, SOURCE));
}

#[tokio::test]
async fn an_edit_over_an_older_revision_is_refused() {
    let stage = Stage::set().await;
    let script = stage.create("edited").await;
    let edit = |revision, source: &str| {
        stage.scripts().edit_draft(&stage.principal, &script, revision, Some(Language::TypeScript), source.to_owned())
    };
    let saved = edit(1, "export default (x: number): number => x").await.unwrap().script.summary;
    assert_eq!((saved.draft_revision, saved.language), (2, Language::TypeScript));
    assert!(matches!(edit(1, SOURCE).await, Err(AppError::Stale { current_revision: 2 })));
    let deploy = stage.scripts().deploy(&stage.principal, &script, Some(1), String::new()).await;
    assert!(matches!(deploy, Err(AppError::Stale { current_revision: 2 })));
}

#[tokio::test]
async fn a_draft_and_its_settings_are_saved_both_or_neither() {
    let stage = Stage::set().await;
    let script = stage.create("whole").await;
    let settings = |description: &str| SettingsInput {
        description: Some(description.to_owned()),
        record: Some(RecordMode::Off),
        ..SettingsInput::default()
    };
    let edit = async |principal: &Principal, expected_revision, source: &str, settings| {
        let edit = ScriptEdit { expected_revision, language: None, source: source.to_owned(), settings };
        stage.scripts().edit_whole(principal, &script, edit).await
    };
    let saved = edit(&stage.principal, 1, "export default () => 2", settings("two")).await.unwrap().script;
    assert_eq!((saved.summary.draft_revision, saved.summary.record), (2, RecordMode::Off));
    let other = "export default () => 3";
    assert!(matches!(
        edit(&stage.principal, 1, other, settings("x")).await,
        Err(AppError::Stale { current_revision: 2 })
    ));
    let writer = stage.with(&[Permission::ScriptsRead, Permission::ScriptsWrite]);
    assert!(matches!(edit(&writer, 2, other, settings("x")).await, Err(AppError::Forbidden(_))));
    let too_long = "x".repeat(2_001);
    assert!(matches!(edit(&stage.principal, 2, other, settings(&too_long)).await, Err(AppError::Invalid(_))));
    let pausing = SettingsInput { is_active: Some(false), ..settings("x") };
    assert!(matches!(edit(&stage.principal, 2, other, pausing).await, Err(AppError::Invalid(_))));
    let broken = edit(&stage.principal, 2, "export default () => { let = }", settings("x")).await;
    assert!(matches!(broken, Err(AppError::Source { .. })));
    let stranger = edit(&stage.stranger, 2, other, settings("x")).await;
    assert!(matches!(stranger, Err(AppError::NotFound { what: "script" })));
    let kept = stage.scripts().get(&stage.principal, &script).unwrap().script;
    assert_eq!((kept.draft_source.as_str(), kept.summary.description.as_str()), ("export default () => 2", "two"));
}

#[tokio::test]
async fn an_older_version_runs_again_with_the_rights_of_whoever_asked() {
    let stage = Stage::set().await;
    let script = stage.create("deployed").await;
    assert_eq!(stage.deploy(&script).await, 1);
    assert_eq!(stage.deploy(&script).await, 2);
    let user = UserId::generate();
    let second = User {
        id: user,
        email: String::from("b@example.com"),
        name: String::new(),
        is_operator: false,
        created_at: UnixMillis(1),
    };
    stage.app.inner.database.create_user(second).await.unwrap();
    let membership = Membership {
        user,
        permissions: Permissions::all(),
        status: MembershipStatus::Active,
        created_at: UnixMillis(1),
    };
    stage.app.inner.database.put_membership(stage.principal.tenant, membership).await.unwrap();
    let colleague = Principal { actor: Actor::Token { token: TokenId::generate(), user }, ..stage.principal.clone() };
    stage.scripts().activate(&colleague, &script, 1).await.unwrap();
    let deployed = stage.scripts().get(&stage.principal, &script).unwrap().script.summary.deployed.unwrap();
    assert_eq!((deployed.number, deployed.deployed_by), (1, Some(user)));
    let missing = stage.scripts().activate(&colleague, &script, 3).await;
    assert!(matches!(missing, Err(AppError::NotFound { what: "version" })));
}

#[tokio::test]
async fn versions_are_listed_from_the_latest_and_keep_their_source() {
    let stage = Stage::set().await;
    let script = stage.create("versions").await;
    for _ in 0..3 {
        stage.deploy(&script).await;
    }
    let numbers = |before, limit| {
        let page = stage.scripts().versions(&stage.principal, &script, before, limit).unwrap();
        page.iter().map(|version| version.number).collect::<Vec<u32>>()
    };
    assert_eq!(numbers(None, 2), [3, 2]);
    assert_eq!(numbers(Some(2), 10), [1]);
    assert_eq!(stage.scripts().version(&stage.principal, &script, 2).unwrap().source, SOURCE);
    let missing = stage.scripts().version(&stage.principal, &script, 4);
    assert!(matches!(missing, Err(AppError::NotFound { what: "version" })));
}

#[tokio::test]
async fn a_script_of_another_tenant_is_not_found() {
    let stage = Stage::set().await;
    let name = stage.create("mine").await;
    let id = stage.scripts().get(&stage.principal, &name).unwrap().script.summary.id;
    stage.deploy(&name).await;
    let (scripts, stranger) = (stage.scripts(), &stage.stranger);
    for script in [&name, &ScriptRef::Id(id)] {
        assert!(is_missing(scripts.get(stranger, script)));
        assert!(is_missing(scripts.edit_draft(stranger, script, 1, None, SOURCE.to_owned()).await));
        assert!(is_missing(scripts.update_settings(stranger, script, SettingsInput::default()).await));
        assert!(is_missing(scripts.deploy(stranger, script, None, String::new()).await));
        assert!(is_missing(scripts.versions(stranger, script, None, 10)));
        assert!(is_missing(scripts.version(stranger, script, 1)));
        assert!(is_missing(scripts.activate(stranger, script, 1).await));
        assert!(is_missing(scripts.delete(stranger, script).await));
    }
    assert!(scripts.list(stranger, None, None, 10).unwrap().is_empty());
    assert!(scripts.get(&stage.principal, &name).is_ok());
    let same_name = scripts.create(stranger, new_script("mine")).await;
    assert!(same_name.is_ok(), "a name is unique within a tenant");
}

#[tokio::test]
async fn each_use_case_asks_for_its_permission() {
    let stage = Stage::set().await;
    let script = stage.create("guarded").await;
    let (scripts, script) = (stage.scripts(), &script);
    let reader = Permission::ScriptsRead;
    let unread = stage.without(reader);
    assert!(lacks(scripts.list(&unread, None, None, 10), reader));
    assert!(lacks(scripts.get(&unread, script), reader));
    assert!(lacks(scripts.versions(&unread, script, None, 10), reader));
    assert!(lacks(scripts.version(&unread, script, 1), reader));
    assert!(lacks(scripts.update_settings(&unread, script, SettingsInput::default()).await, reader));
    let writer = Permission::ScriptsWrite;
    let unwriting = stage.without(writer);
    assert!(lacks(scripts.create(&unwriting, new_script("new")).await, writer));
    assert!(lacks(scripts.edit_draft(&unwriting, script, 1, None, SOURCE.to_owned()).await, writer));
    let deployer = Permission::ScriptsDeploy;
    let undeploying = stage.without(deployer);
    assert!(lacks(scripts.deploy(&undeploying, script, None, String::new()).await, deployer));
    assert!(lacks(scripts.activate(&undeploying, script, 1).await, deployer));
    assert!(lacks(scripts.delete(&undeploying, script).await, deployer));
    let pause = SettingsInput { is_active: Some(false), ..SettingsInput::default() };
    assert!(lacks(scripts.update_settings(&undeploying, script, pause).await, deployer));
}

#[tokio::test]
async fn nobody_gives_a_script_a_right_that_he_lacks() {
    let stage = Stage::set().await;
    let capabilities = Capabilities { secrets: vec![String::from("key")], ..Capabilities::default() };
    let input = NewScriptInput { capabilities: capabilities.clone(), ..new_script("greedy") };
    let without = stage.without(Permission::SecretsUse);
    assert!(lacks(stage.scripts().create(&without, input.clone()).await, Permission::SecretsUse));
    let without = stage.without(Permission::ScriptsDeploy);
    assert!(lacks(stage.scripts().create(&without, input).await, Permission::ScriptsDeploy));

    let author = stage.with(&[Permission::ScriptsWrite]);
    stage.scripts().create(&author, new_script("plain")).await.unwrap();
    let settings = SettingsInput { capabilities: Some(capabilities), ..SettingsInput::default() };
    let without = stage.without(Permission::SecretsUse);
    let refused = stage.scripts().update_settings(&without, &named("plain"), settings).await;
    assert!(lacks(refused, Permission::SecretsUse));
}

#[tokio::test]
async fn an_endpoint_script_says_where_it_answers_and_no_other_does() {
    let stage = Stage::set().await;
    let field = |result: Result<SavedScript, AppError>| match result {
        Err(AppError::Invalid(invalid)) => invalid.field,
        other => panic!("{other:?}"),
    };
    let nowhere = NewScriptInput { endpoint: None, ..new_endpoint_script("nowhere", "/a") };
    assert_eq!(field(stage.scripts().create(&stage.principal, nowhere).await), "endpoint");
    let cron = NewScriptInput { kind: ScriptKind::Cron, ..new_endpoint_script("cron", "/a") };
    assert_eq!(field(stage.scripts().create(&stage.principal, cron).await), "endpoint");

    let script = stage.create("plain").await;
    let endpoint = new_endpoint_script("x", "/a").endpoint;
    let settings = SettingsInput { endpoint, is_active: Some(false), ..SettingsInput::default() };
    assert_eq!(field(stage.scripts().update_settings(&stage.principal, &script, settings).await), "endpoint");
    assert!(stage.scripts().get(&stage.principal, &script).unwrap().script.summary.is_active, "nothing was changed");
}

#[tokio::test]
async fn a_name_and_a_route_belong_to_one_script() {
    let stage = Stage::set().await;
    stage.create("taken").await;
    let again = stage.scripts().create(&stage.principal, new_script("taken")).await;
    assert!(matches!(again, Err(AppError::NameTaken { name }) if name == "taken"));
    stage.scripts().create(&stage.principal, new_endpoint_script("first", "/orders/{id}")).await.unwrap();
    let same_requests = stage.scripts().create(&stage.principal, new_endpoint_script("second", "/orders/{o}")).await;
    assert!(matches!(same_requests, Err(AppError::RouteTaken { path, .. }) if path == "/orders/{o}"));
    assert!(is_missing(stage.scripts().get(&stage.principal, &named("second"))), "half a script is none");
    let overlapping = new_endpoint_script("third", "/orders/{*rest}");
    let refused = stage.scripts().create(&stage.principal, overlapping).await;
    assert!(matches!(refused, Err(AppError::RouteTaken { path, .. }) if path == "/orders/{*rest}"));
    let as_an_id = new_script(&ScriptId::generate().to_string());
    assert!(matches!(stage.scripts().create(&stage.principal, as_an_id).await, Err(AppError::Invalid(_))));
}

#[tokio::test]
async fn an_endpoint_moves_to_any_route_but_another_scripts() {
    let stage = Stage::set().await;
    stage.scripts().create(&stage.principal, new_endpoint_script("first", "/a")).await.unwrap();
    stage.scripts().create(&stage.principal, new_endpoint_script("second", "/b")).await.unwrap();
    let move_to = async |path: &str| {
        let endpoint = new_endpoint_script("x", path).endpoint;
        let input = SettingsInput { endpoint, ..SettingsInput::default() };
        stage.scripts().update_settings(&stage.principal, &named("second"), input).await
    };
    assert!(matches!(move_to("/a").await, Err(AppError::RouteTaken { .. })));
    for path in ["/b", "/{anything}", "/{*rest}"] {
        assert_eq!(move_to(path).await.unwrap().endpoint.unwrap().route.path(), path);
    }
}

#[tokio::test]
async fn settings_that_are_left_out_stay_and_only_capabilities_name_their_setter() {
    let stage = Stage::set().await;
    let script = stage.create("settings").await;
    let nobody = Principal { actor: Actor::System, ..stage.principal.clone() };
    let description = Some(String::from("What it is for"));
    let input = SettingsInput { description, record: Some(RecordMode::Metadata), ..SettingsInput::default() };
    let saved = stage.scripts().update_settings(&nobody, &script, input).await.unwrap().script.summary;
    assert_eq!((saved.description.as_str(), saved.record), ("What it is for", RecordMode::Metadata));
    assert_eq!(saved.capabilities_set_by, stage.principal.user());

    let capabilities = Capabilities { event_types: Some(Vec::new()), ..Capabilities::default() };
    let input = SettingsInput { capabilities: Some(capabilities.clone()), ..SettingsInput::default() };
    let saved = stage.scripts().update_settings(&nobody, &script, input).await.unwrap().script.summary;
    assert_eq!((saved.description.as_str(), saved.record), ("What it is for", RecordMode::Metadata));
    assert_eq!((saved.capabilities, saved.capabilities_set_by), (capabilities, None));
}

#[tokio::test]
async fn settings_that_are_changed_at_once_do_not_undo_each_other() {
    let stage = Stage::set().await;
    let script = stage.create("busy").await;
    let change = |input| stage.scripts().update_settings(&stage.principal, &script, input);
    let narrowed = Capabilities { storage_prefixes: Some(Vec::new()), ..Capabilities::default() };
    let (one, other, third) = tokio::join!(
        change(SettingsInput { capabilities: Some(narrowed.clone()), ..SettingsInput::default() }),
        change(SettingsInput { description: Some(String::from("words")), ..SettingsInput::default() }),
        change(SettingsInput { record: Some(RecordMode::Off), ..SettingsInput::default() }),
    );
    assert!(one.is_ok() && other.is_ok() && third.is_ok());
    let summary = stage.scripts().get(&stage.principal, &script).unwrap().script.summary;
    assert_eq!((summary.capabilities, summary.description.as_str()), (narrowed, "words"));
    assert_eq!(summary.record, RecordMode::Off);
}

#[tokio::test]
async fn a_deleted_script_is_gone_and_its_name_is_free() {
    let stage = Stage::set().await;
    let script = stage.create("gone").await;
    stage.deploy(&script).await;
    stage.scripts().delete(&stage.principal, &script).await.unwrap();
    assert!(is_missing(stage.scripts().delete(&stage.principal, &script).await));
    stage.create("gone").await;
}
