//! Members, roles, and what lives by whose rights, with a real database and a real sandbox.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binding;
mod orphans;

use database::{Binding, EndpointAuthentication, Refusal, User};
use domain::{
    Actor, BuiltInRole, Capabilities, EndpointRoute, ErrorKind, EventPattern, HookPoint, Language, RecordMode,
    ScriptKind, ScriptName, TokenId, Trigger, principals::Forbidden,
};

use std::collections::BTreeMap;

use super::*;
use crate::{
    App, AppConfig, AttentionReason, EndpointInput, HookConfig, NewScriptInput, RolePatch, RunRequest, ScheduleInput,
    ScriptRef, SubscriptionInput,
};

const STORES: &str = "export default async () => { await storage.set('a', 1); return 'stored' }";

struct Stage {
    app: App,
    admin: Principal,
}

impl Stage {
    async fn set() -> Self {
        let hooks = BTreeMap::from([(HookPoint::parse("order.check").unwrap(), HookConfig::default())]);
        let app = App::open_offline(AppConfig { hooks, ..AppConfig::in_memory() }).unwrap();
        let made = app.bootstrap(false).await.unwrap().unwrap();
        let admin = app.tokens().authenticate(&made.token).unwrap();
        Self { app, admin }
    }

    /// A new member in this role, as a principal with what it gives now.
    async fn joined(&self, name: &str, role: &str) -> Principal {
        let user = UserId::generate();
        let row = User {
            id: user,
            email: format!("{name}@example.com"),
            name: name.to_owned(),
            is_operator: false,
            created_at: UnixMillis(1),
        };
        self.app.inner.database.create_user(row).await.unwrap();
        let grant = RoleGrant { user, role: role_name(role), within: Permissions::all(), now: UnixMillis(1) };
        self.app.inner.database.put_member(self.admin.tenant, grant).await.unwrap();
        self.as_now(user)
    }

    fn as_now(&self, user: UserId) -> Principal {
        let permissions = self.app.inner.rights_of(self.admin.tenant, Some(user)).unwrap();
        let actor = Actor::Token { token: TokenId::generate(), user };
        Principal { tenant: self.admin.tenant, actor, permissions }
    }

    async fn deploy(&self, by: &Principal, name: &str, kind: ScriptKind) -> ScriptRef {
        let route = EndpointRoute::parse("POST", &format!("/{name}")).unwrap();
        let endpoint =
            (kind == ScriptKind::Endpoint).then(|| EndpointInput::new(route, EndpointAuthentication::Public));
        let input = NewScriptInput {
            name: ScriptName::parse(name).unwrap(),
            description: String::new(),
            kind,
            language: Language::JavaScript,
            source: STORES.to_owned(),
            capabilities: Capabilities::default(),
            limits: None,
            record: RecordMode::Full,
            policy: None,
            endpoint,
        };
        let script = ScriptRef::parse(name).unwrap();
        self.app.scripts().create(by, input).await.unwrap();
        self.app.scripts().deploy(by, &script, None, String::new()).await.unwrap();
        script
    }

    async fn run(&self, script: &ScriptRef) -> Result<Option<ErrorKind>, AppError> {
        let request = RunRequest { script: script.clone(), input: String::from("null"), trigger: Trigger::Api };
        Ok(self.app.executions().run(&self.admin, request).await?.error.map(|failure| failure.kind))
    }

    fn members(&self) -> &MemberService {
        self.app.members()
    }
}

/// A schedule of a script, each hour.
fn hourly(script: &ScriptRef) -> ScheduleInput {
    ScheduleInput {
        script: script.clone(),
        expression: String::from("0 * * * *"),
        timezone: String::from("UTC"),
        overlap: domain::Overlap::Skip,
        catch_up: domain::CatchUp::Skip,
    }
}

/// A subscription of a script to orders.
fn of_orders(script: &ScriptRef) -> SubscriptionInput {
    SubscriptionInput {
        script: script.clone(),
        types: vec![EventPattern::parse("order.*").unwrap()],
        source: None,
        is_active: true,
        max_attempts: None,
    }
}

fn point() -> HookPoint {
    HookPoint::parse("order.check").unwrap()
}

fn role_name(name: &str) -> RoleName {
    RoleName::parse(name).unwrap()
}

fn set(permissions: &[Permission]) -> Permissions {
    permissions.iter().copied().collect()
}

fn user_of(principal: &Principal) -> UserId {
    principal.user().unwrap()
}

#[tokio::test]
async fn removing_a_member_lists_and_hands_over_what_lives_by_that_members_rights() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let cron = stage.deploy(&editor, "nightly", ScriptKind::Cron).await;
    stage.app.schedules().create(&editor, hourly(&cron)).await.unwrap();
    let listed = stage.members().bindings(&stage.admin, user_of(&editor)).unwrap();
    let kinds: Vec<&Binding> = listed.iter().map(|view| &view.bound.binding).collect();
    assert!(matches!(kinds[..], [Binding::Deployment, Binding::Schedule(_)]), "{kinds:?}");
    assert!(listed.iter().all(|view| view.can_adopt && view.missing == Permissions::NONE));

    let handover = stage.members().remove(&stage.admin, user_of(&editor), Adopting::WhatIsHeld).await.unwrap();
    assert_eq!((handover.adopted.len(), handover.left.len()), (2, 0));
    let script = stage.app.scripts().get(&stage.admin, &cron).unwrap();
    assert_eq!(script.script.summary.deployed.unwrap().deployed_by, stage.admin.user());
    assert_eq!(script.attention, None);
    assert_eq!(stage.run(&cron).await.unwrap(), None);
    let gone = stage.members().remove(&stage.admin, user_of(&editor), Adopting::Nothing).await;
    assert!(matches!(gone, Err(AppError::NotFound { what: "member" })));
}

#[tokio::test]
async fn what_nobody_adopts_pauses_until_somebody_does() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&editor, "orders", ScriptKind::OneOff).await;
    assert_eq!(stage.run(&script).await.unwrap(), None);
    let handover = stage.members().remove(&stage.admin, user_of(&editor), Adopting::Nothing).await.unwrap();
    assert_eq!((handover.adopted.len(), handover.left.len()), (0, 1));
    assert!(matches!(stage.run(&script).await, Err(AppError::Orphaned)));
    let attention = stage.app.scripts().get(&stage.admin, &script).unwrap().attention.unwrap();
    assert_eq!((attention.reason, attention.deployer), (AttentionReason::DeployerLeft, user_of(&editor)));

    let second = stage.joined("second", "runner").await;
    let runner = stage.app.scripts().adopt(&second, &script).await;
    assert!(matches!(runner, Err(AppError::Forbidden(Forbidden { permission: Permission::ScriptsDeploy }))));
    let adopted = stage.app.scripts().adopt(&stage.admin, &script).await.unwrap();
    assert_eq!((adopted.attention, adopted.script.summary.deployed.unwrap().deployed_by), (None, stage.admin.user()));
    assert_eq!(stage.run(&script).await.unwrap(), None);
}

#[tokio::test]
async fn a_deployer_who_loses_rights_takes_them_from_the_script_which_is_flagged() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&editor, "orders", ScriptKind::OneOff).await;
    let patch = (None, Adopting::Nothing);
    let (member, handover) =
        stage.members().set_role(&stage.admin, user_of(&editor), role_name("viewer"), patch).await.unwrap();
    assert_eq!((member.rights, handover.left.len()), (BuiltInRole::Viewer.permissions(), 1));
    assert_eq!(stage.run(&script).await.unwrap(), Some(ErrorKind::CapabilityDenied));
    let attention = stage.app.scripts().get(&stage.admin, &script).unwrap().attention.unwrap();
    assert_eq!(attention.reason, AttentionReason::DeployerLacksRights);
    assert!(attention.missing.contains(Permission::StorageWrite));
    stage.app.scripts().adopt(&stage.admin, &script).await.unwrap();
    assert_eq!(stage.run(&script).await.unwrap(), None);
}

#[tokio::test]
async fn a_demotion_hands_over_what_it_would_break() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&editor, "orders", ScriptKind::OneOff).await;
    let patch = (None, Adopting::WhatIsHeld);
    let (_, handover) =
        stage.members().set_role(&stage.admin, user_of(&editor), role_name("viewer"), patch).await.unwrap();
    assert_eq!((handover.adopted.len(), handover.left.len()), (1, 0));
    assert_eq!(stage.run(&script).await.unwrap(), None);
}

#[tokio::test]
async fn nobody_adopts_what_he_lacks_the_rights_for() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&editor, "orders", ScriptKind::OneOff).await;
    let lead = [Permission::MembersRead, Permission::MembersManage, Permission::ScriptsDeploy, Permission::ScriptsRead];
    let all = BuiltInRole::Editor.permissions().union(set(&lead));
    let without = all.without(set(&[Permission::StorageWrite]));
    stage.app.roles().create(&stage.admin, role_name("lead"), String::new(), all).await.unwrap();
    let lead = stage.joined("lead", "lead").await;
    // A token of less than the person.
    let less = Principal { permissions: without, ..lead.clone() };
    let views = stage.members().bindings(&less, user_of(&editor)).unwrap();
    assert!(!views[0].can_adopt);
    let refused = stage.members().remove(&less, user_of(&editor), Adopting::WhatIsHeld).await;
    assert!(matches!(refused, Err(AppError::Forbidden(_))), "the editor holds more");
    stage.members().remove(&lead, user_of(&editor), Adopting::Nothing).await.unwrap();
    let adopted = stage.app.scripts().adopt(&less, &script).await;
    assert!(matches!(adopted, Err(AppError::Forbidden(Forbidden { permission: Permission::StorageWrite }))));
    stage.app.scripts().adopt(&lead, &script).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_whose_setter_left_answers_nobody_until_it_is_adopted() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let script = stage.deploy(&editor, "orders", ScriptKind::Endpoint).await;
    // Somebody else deploys: the binding alone is the editor's.
    stage.app.scripts().activate(&stage.admin, &script, 1).await.unwrap();
    let routed = || stage.app.endpoints().route("main", "POST", "/orders").is_ok();
    assert!(routed());
    stage.members().remove(&stage.admin, user_of(&editor), Adopting::Nothing).await.unwrap();
    assert!(!routed());
    stage.app.scripts().adopt(&stage.admin, &script).await.unwrap();
    assert!(routed());
}

#[tokio::test]
async fn a_schedule_and_a_subscription_whose_setter_left_are_adopted_with_their_script() {
    let stage = Stage::set().await;
    let editor = stage.joined("ed", "editor").await;
    let takes = stage.deploy(&editor, "takes", ScriptKind::Event).await;
    let subscription = stage.app.subscriptions().create(&editor, of_orders(&takes)).await.unwrap();
    stage.members().remove(&stage.admin, user_of(&editor), Adopting::Nothing).await.unwrap();
    stage.app.scripts().adopt(&stage.admin, &takes).await.unwrap();
    let adopted = stage.app.subscriptions().get(&stage.admin, subscription.id).unwrap();
    assert_eq!(adopted.set_by, stage.admin.user());
}

#[tokio::test]
async fn a_role_is_made_changed_and_deleted_within_what_its_maker_holds() {
    let stage = Stage::set().await;
    let roles = stage.app.roles();
    let reader = set(&[Permission::ScriptsRead]);
    let manager = Principal {
        permissions: BuiltInRole::Viewer.permissions().union(set(&[Permission::MembersManage])),
        ..stage.admin.clone()
    };
    let more = roles.create(&manager, role_name("deployer"), String::new(), set(&[Permission::ScriptsDeploy])).await;
    assert!(matches!(more, Err(AppError::Forbidden(Forbidden { permission: Permission::ScriptsDeploy }))));
    let made = roles.create(&manager, role_name("reader"), String::from("Reads"), reader).await.unwrap();
    assert_eq!(made.rights(), reader);
    for taken in ["reader", "admin"] {
        let taken = roles.create(&manager, role_name(taken), String::new(), reader).await;
        assert!(matches!(taken, Err(AppError::NameTaken { .. })));
    }
    let wider = RolePatch { permissions: Some(set(&[Permission::SecretsWrite])), ..RolePatch::default() };
    assert!(matches!(
        roles.change(&manager, &role_name("reader"), None, wider).await,
        Err(AppError::Forbidden(Forbidden { permission: Permission::SecretsWrite }))
    ));
    let long = RolePatch { description: Some("a".repeat(501)), ..RolePatch::default() };
    assert!(matches!(roles.change(&manager, &role_name("reader"), None, long).await, Err(AppError::Invalid(_))));
    let built_in = roles.change(&manager, &role_name("viewer"), None, RolePatch::default()).await;
    assert!(matches!(built_in, Err(AppError::Invalid(_))));
    roles.delete(&manager, &role_name("reader"), None).await.unwrap();
    assert!(matches!(roles.get(&manager, &role_name("reader")), Err(AppError::NotFound { what: "role" })));
    assert_eq!(roles.list(&manager).unwrap().len(), BuiltInRole::ALL.len());
}

#[tokio::test]
async fn whoever_lives_by_a_role_does_not_set_it() {
    let stage = Stage::set().await;
    let lead = BuiltInRole::Viewer.permissions().union(set(&[Permission::MembersManage]));
    stage.app.roles().create(&stage.admin, role_name("lead"), String::new(), lead).await.unwrap();
    let leader = stage.joined("leader", "lead").await;
    let less = RolePatch { permissions: Some(set(&[Permission::ScriptsRead])), ..RolePatch::default() };
    let own = stage.app.roles().change(&leader, &role_name("lead"), None, less).await;
    assert!(matches!(own, Err(AppError::Refused(Refusal::OwnRole))));
    assert_eq!(stage.as_now(user_of(&leader)).permissions, lead);
}

#[tokio::test]
async fn the_last_admin_neither_leaves_nor_steps_down() {
    let stage = Stage::set().await;
    let admin = user_of(&stage.admin);
    let left = stage.members().remove(&stage.admin, admin, Adopting::WhatIsHeld).await;
    assert!(matches!(left, Err(AppError::Refused(Refusal::LastAdmin))));
    let patch = (None, Adopting::Nothing);
    let down = stage.members().set_role(&stage.admin, admin, role_name("editor"), patch).await;
    assert!(matches!(down, Err(AppError::Refused(Refusal::LastAdmin))));
    let second = stage.joined("second", "admin").await;
    let (one, other) = tokio::join!(
        stage.members().remove(&stage.admin, user_of(&second), Adopting::Nothing),
        stage.members().remove(&second, admin, Adopting::Nothing),
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
}

#[tokio::test]
async fn members_of_another_tenant_are_not_there() {
    let stage = Stage::set().await;
    let operator = domain::Operator { actor: stage.admin.actor };
    let input = crate::NewTenantInput {
        slug: domain::TenantSlug::parse("other").unwrap(),
        name: domain::DisplayName::parse("name", "Other").unwrap(),
        plan: None,
        admin_email: domain::EmailAddress::parse("eve@example.com").unwrap(),
    };
    let (_, invitation) = stage.app.operators().create_tenant(&operator, input).await.unwrap();
    let name = domain::DisplayName::parse("name", "Eve").unwrap();
    let password = crate::PlainPassword::chosen(String::from("a few words of hers")).unwrap();
    let eve = stage.app.invitations().accept_new(&invitation.secret, &name, &password).await.unwrap();
    for user in [eve.user, UserId::generate()] {
        assert!(matches!(stage.members().get(&stage.admin, user), Err(AppError::NotFound { what: "member" })));
        let removed = stage.members().remove(&stage.admin, user, Adopting::Nothing).await;
        assert!(matches!(removed, Err(AppError::NotFound { what: "member" })));
        let bindings = stage.members().bindings(&stage.admin, user);
        assert!(matches!(bindings, Err(AppError::NotFound { what: "member" })));
    }
}
