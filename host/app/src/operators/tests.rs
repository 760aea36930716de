//! Operators' use cases against a real database.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use database::{Refusal, TenantStatus};
use domain::{
    Actor, Capabilities, DisplayName, EmailAddress, ExecutionStatus, Language, Limits, Operator, Permissions,
    PlanQuotas, RecordMode, RoleName, ScriptKind, ScriptName, TenantId, TenantSlug, Trigger, UnixMillis, UserId,
};

use super::*;
use crate::{App, AppConfig, AppError, NewScriptInput, RunRequest, ScriptRef};

struct Stage {
    app: App,
    operator: Operator,
    tenant: TenantId,
    token: String,
}

impl Stage {
    async fn set() -> Self {
        let app = App::open_offline(AppConfig::in_memory()).unwrap();
        let made = app.bootstrap(false).await.unwrap().unwrap();
        let operator = Operator { actor: app.tokens().authenticate(&made.token).unwrap().actor };
        Self { app, operator, tenant: made.tenant, token: made.token }
    }

    fn operators(&self) -> &OperatorService {
        self.app.operators()
    }

    async fn found(&self, slug: &str) -> (TenantView, crate::IssuedInvitation) {
        let input = NewTenantInput {
            slug: TenantSlug::parse(slug).unwrap(),
            name: name("Acme"),
            plan: None,
            admin_email: EmailAddress::parse("ada@example.com").unwrap(),
        };
        self.operators().create_tenant(&self.operator, input).await.unwrap()
    }
}

fn password() -> crate::PlainPassword {
    crate::PlainPassword::chosen(String::from("a few words of hers")).unwrap()
}

fn name(text: &str) -> DisplayName {
    DisplayName::parse("name", text).unwrap()
}

#[tokio::test]
async fn an_operators_token_opens_what_operators_do_and_no_tenant() {
    let stage = Stage::set().await;
    let issued = stage.operators().create_token(&stage.operator, name("ci"), None).await.unwrap();
    let operator = stage.operators().authenticate(&issued.text).unwrap();
    assert_eq!(operator.actor.user(), stage.operator.actor.user());
    assert!(matches!(stage.app.tokens().authenticate(&issued.text), Err(AppError::Unauthenticated)));
    assert!(matches!(stage.operators().authenticate(&stage.token), Err(AppError::Unauthenticated)));
    stage.operators().revoke_token(&operator, issued.id).await.unwrap();
    assert!(matches!(stage.operators().authenticate(&issued.text), Err(AppError::Unauthenticated)));
    let past = Some(UnixMillis(1));
    let ended = stage.operators().create_token(&stage.operator, name("late"), past).await;
    assert!(matches!(ended, Err(AppError::Invalid(_))));
    let local = Operator { actor: Actor::Local };
    assert!(matches!(stage.operators().create_token(&local, name("x"), None).await, Err(AppError::NotOperator)));
}

#[tokio::test]
async fn an_operator_who_is_none_any_more_is_nobody_within_a_second() {
    let stage = Stage::set().await;
    let input = NewUserInput {
        email: EmailAddress::parse("second@example.com").unwrap(),
        name: name("Second"),
        is_operator: true,
    };
    let second = stage.operators().create_user(&stage.operator, input.clone()).await.unwrap().account.user.id;
    let taken = stage.operators().create_user(&stage.operator, input).await;
    assert!(matches!(taken, Err(AppError::NameTaken { .. })));
    let own = Operator { actor: Actor::Token { token: TokenId::generate(), user: second } };
    let issued = stage.operators().create_token(&own, name("theirs"), None).await.unwrap();
    assert!(stage.operators().authenticate(&issued.text).is_ok());
    let disabled = UserPatch { is_disabled: Some(true), ..UserPatch::default() };
    stage.operators().change_user(&stage.operator, second, disabled).await.unwrap();
    assert!(matches!(stage.operators().authenticate(&issued.text), Err(AppError::Unauthenticated)));
    let demoted = UserPatch { is_operator: Some(false), ..UserPatch::default() };
    let last = stage.operators().change_user(&stage.operator, stage.operator.actor.user().unwrap(), demoted).await;
    assert!(matches!(last, Err(AppError::Refused(Refusal::LastOperator))));
    let nobody = stage.operators().user(&stage.operator, UserId::generate());
    assert!(matches!(nobody, Err(AppError::NotFound { what: "user" })));
}

#[tokio::test]
async fn a_tenant_begins_with_an_invitation_of_its_first_admin() {
    let stage = Stage::set().await;
    let (made, invitation) = stage.found("acme").await;
    assert_eq!(made.account.tenant.status, TenantStatus::Active);
    let accepted = stage.app.invitations().accept_new(&invitation.secret, &name("Ada"), &password()).await.unwrap();
    let actor = Actor::Token { token: TokenId::generate(), user: accepted.user };
    let admin = domain::Principal { tenant: accepted.tenant, actor, permissions: Permissions::all() };
    assert_eq!(stage.app.members().list(&admin, None, 10).unwrap().len(), 1, "the operator is no member");
    assert_eq!(accepted.tenant, made.account.tenant.id);
    let again = NewTenantInput {
        slug: TenantSlug::parse("acme").unwrap(),
        name: name("Other"),
        plan: None,
        admin_email: EmailAddress::parse("b@example.com").unwrap(),
    };
    let taken = stage.operators().create_tenant(&stage.operator, again.clone()).await;
    assert!(matches!(taken, Err(AppError::NameTaken { .. })));
    let slug = TenantSlug::parse("other").unwrap();
    let unknown = NewTenantInput { slug: slug.clone(), plan: Some(RoleName::parse("gold").unwrap()), ..again };
    assert!(matches!(stage.operators().create_tenant(&stage.operator, unknown).await, Err(AppError::Invalid(_))));
    assert!(stage.app.inner.database.tenant_by_slug(&slug).unwrap().is_none(), "nothing of it was written");
}

#[tokio::test]
async fn a_suspended_tenant_is_told_why_and_goes_on_when_it_may() {
    let stage = Stage::set().await;
    let reason = || DisplayName::parse("reason", "the bill of October is not paid").unwrap();
    stage.operators().suspend_tenant(&stage.operator, stage.tenant, reason()).await.unwrap();
    let told = stage.app.tokens().authenticate(&stage.token);
    // What was read less than half a second ago may still count.
    assert!(matches!(told, Ok(_) | Err(AppError::TenantSuspended { .. })));
    let fresh = stage.app.inner.require_active(stage.tenant);
    assert!(matches!(fresh, Err(AppError::TenantSuspended { reason }) if reason.contains("October")));
    let view = stage.operators().resume_tenant(&stage.operator, stage.tenant).await.unwrap();
    assert_eq!((view.account.tenant.status, view.account.suspended_reason), (TenantStatus::Active, None));
    assert!(stage.app.inner.require_active(stage.tenant).is_ok());
}

#[tokio::test]
async fn a_deleted_tenants_key_is_gone_at_once_also_from_memory() {
    let stage = Stage::set().await;
    let inner = &stage.app.inner;
    inner.keyring.tenant(&inner.database, stage.tenant).unwrap();
    stage.operators().delete_tenant(&stage.operator, stage.tenant, None).await.unwrap();
    let key = inner.keyring.tenant(&inner.database, stage.tenant);
    assert!(matches!(key, Err(AppError::NotFound { what: "tenant" })));
    let resumed = stage.operators().resume_tenant(&stage.operator, stage.tenant).await;
    assert!(matches!(resumed, Err(AppError::Refused(Refusal::Deleted))));
    inner.purge_expired(UnixMillis::now()).await.unwrap();
    assert_eq!(inner.database.list_tokens(stage.tenant).unwrap(), []);
}

#[tokio::test]
async fn a_plan_and_quotas_of_ones_own_hold_at_once() {
    let stage = Stage::set().await;
    let small = RoleName::parse("small").unwrap();
    let quotas = PlanQuotas { scripts: Some(3), ..PlanQuotas::default() };
    let input = PlanInput { name: small.clone(), description: String::new(), limits: None, quotas };
    stage.operators().create_plan(&stage.operator, input.clone()).await.unwrap();
    let taken = stage.operators().create_plan(&stage.operator, input).await;
    assert!(matches!(taken, Err(AppError::NameTaken { .. })));
    let on_plan = TenantPatch { plan: Some(Some(small)), ..TenantPatch::default() };
    let view = stage.operators().change_tenant(&stage.operator, stage.tenant, None, on_plan).await.unwrap();
    assert_eq!(view.quotas.scripts, 3);
    let more = PlanPatch { quotas: Some(PlanQuotas { scripts: Some(5), ..quotas }), ..PlanPatch::default() };
    stage.operators().change_plan(&stage.operator, "small", None, more).await.unwrap();
    assert_eq!(stage.operators().tenant(&stage.operator, stage.tenant).unwrap().quotas.scripts, 5);
    let own = TenantPatch { quotas: Some(PlanQuotas { scripts: Some(9), ..quotas }), ..TenantPatch::default() };
    let view = stage.operators().change_tenant(&stage.operator, stage.tenant, None, own).await.unwrap();
    assert_eq!(view.quotas.scripts, 9);
    let used = stage.operators().delete_plan(&stage.operator, "small", None).await;
    assert!(matches!(used, Err(AppError::Refused(Refusal::PlanInUse))));
    assert_eq!(stage.operators().usage(&stage.operator, stage.tenant).unwrap().quotas.scripts, 9);
}

#[tokio::test]
async fn limits_and_quotas_outside_their_bounds_are_refused_by_name() {
    let stage = Stage::set().await;
    let zero = PlanQuotas { executions_per_minute: Some(0), ..PlanQuotas::default() };
    let endless = PlanQuotas { storage_bytes: Some(u64::MAX), ..PlanQuotas::default() };
    for quotas in [zero, endless] {
        let patch = TenantPatch { quotas: Some(quotas), ..TenantPatch::default() };
        let refused = stage.operators().change_tenant(&stage.operator, stage.tenant, None, patch).await;
        assert!(matches!(refused, Err(AppError::Invalid(_))), "{quotas:?}");
    }
    let limits = Some(Limits { fuel: u64::MAX, ..Limits::DEFAULT });
    let patch = TenantPatch { limits: Some(limits), ..TenantPatch::default() };
    let refused = stage.operators().change_tenant(&stage.operator, stage.tenant, None, patch).await;
    assert!(matches!(refused, Err(AppError::Invalid(_))));
    let stale = TenantPatch { name: Some(name("New")), ..TenantPatch::default() };
    let refused = stage.operators().change_tenant(&stage.operator, stage.tenant, Some(-1), stale).await;
    assert!(matches!(refused, Err(AppError::Stale { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_of_a_suspended_tenant_is_cut_waits_and_goes_on() {
    let app = App::open(AppConfig::in_memory()).await.unwrap();
    let made = app.bootstrap(false).await.unwrap().unwrap();
    let admin = app.tokens().authenticate(&made.token).unwrap();
    let operator = Operator { actor: admin.actor };
    let input = NewScriptInput {
        name: ScriptName::parse("sleeps").unwrap(),
        description: String::new(),
        kind: ScriptKind::OneOff,
        language: Language::JavaScript,
        source: String::from("export default () => utils.sleep(20_000)"),
        capabilities: Capabilities::default(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint: None,
    };
    let script = ScriptRef::parse("sleeps").unwrap();
    app.scripts().create(&admin, input).await.unwrap();
    app.scripts().deploy(&admin, &script, None, String::new()).await.unwrap();
    let request = || RunRequest { script: script.clone(), input: String::from("null"), trigger: Trigger::Api };
    let execution = app.executions().accept(&admin, request()).await.unwrap().execution.id;
    let until = async |wanted: ExecutionStatus| {
        while app.executions().get(&admin, execution).unwrap().execution.status != wanted {
            tokio::task::yield_now().await;
        }
    };
    until(ExecutionStatus::Running).await;
    let reason = DisplayName::parse("reason", "for a test").unwrap();
    app.operators().suspend_tenant(&operator, made.tenant, reason).await.unwrap();
    until(ExecutionStatus::Pending).await;
    let refused = app.executions().run(&admin, request()).await;
    assert!(matches!(refused, Err(AppError::NotFound { what: "tenant" })));
    app.operators().resume_tenant(&operator, made.tenant).await.unwrap();
    until(ExecutionStatus::Running).await;
    app.executions().cancel(&admin, execution).await.unwrap();
    until(ExecutionStatus::Cancelled).await;
}

#[tokio::test]
async fn whoever_may_act_again_signs_in_again() {
    let stage = Stage::set().await;
    let input =
        NewUserInput { email: EmailAddress::parse("eve@example.com").unwrap(), name: name("Eve"), is_operator: false };
    let user = stage.operators().create_user(&stage.operator, input).await.unwrap().account.user.id;
    let (session, database) = (domain::SessionId::generate(), &stage.app.inner.database);
    let row = database::NewSession {
        id: session,
        user,
        secret_hash: vec![1; 32],
        method: database::SignInMethod::Password,
        tenant: None,
        is_confined: false,
        device: String::new(),
        address: String::from("192.0.2.7"),
        created_at: UnixMillis::now(),
        expires_at: UnixMillis(i64::MAX),
    };
    database.create_session(row, None).await.unwrap();
    for is_disabled in [true, false] {
        let patch = UserPatch { is_disabled: Some(is_disabled), ..UserPatch::default() };
        stage.operators().change_user(&stage.operator, user, patch).await.unwrap();
        assert!(database.session_by_id(session).unwrap().is_none(), "disabled: {is_disabled}");
    }
}
