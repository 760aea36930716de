//! Tenants, users, plans and tokens of the deployment's own as JSON, for operators.

use app::{
    IssuedInvitation, NewTenantInput, NewUserInput, OperatorToken, Plan, PlanInput, PlanPatch, ResetLink, Session,
    TenantPatch, TenantView, UserAccount, UserPatch, UserView,
};
use domain::{DisplayName, EmailAddress, Limits, PlanQuotas, RoleName, TenantSlug, UnixMillis};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{limits::LimitsView, people::InvitationMade, words::SignInMethodWord};
use crate::{controllers::usage::QuotasBody, web::problem::Problem};

/// Quotas of a plan or a tenant. What is null or left out is said elsewhere: by the tenant's plan, or by the deployment.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({ "executions_per_minute": 600, "scripts": 100 }))]
pub(crate) struct PlanQuotasBody {
    /// Executions at once.
    concurrent_executions: Option<u32>,
    /// Executions that were accepted and have not ended.
    queued_executions: Option<u64>,
    /// Executions that begin in a minute.
    executions_per_minute: Option<u64>,
    /// Fuel of a day in UTC.
    fuel_per_day: Option<u64>,
    /// Bytes of storage entries and documents.
    storage_bytes: Option<u64>,
    scripts: Option<u64>,
    schedules: Option<u64>,
    /// Requests to the API that each token or person may send in a minute.
    requests_per_minute: Option<u64>,
}

/// A tenant, as operators see one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantAccount {
    id: Uuid,
    slug: String,
    name: String,
    /// `active`, `suspended` or `deleted`.
    #[schema(example = "active")]
    status: &'static str,
    /// Why it is suspended, as its members are told.
    suspended_reason: Option<String>,
    plan: Option<String>,
    /// Limits of an execution of its own, above its plan's.
    limits: Option<LimitsView>,
    /// Quotas of its own, above its plan's.
    quotas: PlanQuotasBody,
    /// The quotas that hold.
    effective_quotas: QuotasBody,
    storage_bytes: u64,
    #[schema(format = DateTime)]
    created_at: String,
}

/// A tenant that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantMade {
    tenant: TenantAccount,
    /// Of its first admin.
    invitation: InvitationMade,
}

/// A tenant to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "slug": "acme", "name": "Acme", "admin_email": "ada@example.com" }))]
pub(crate) struct NewTenant {
    /// Its name in addresses; never used before, and never again.
    slug: String,
    /// Its name for people.
    name: String,
    /// Its plan; none where nothing is said.
    plan: Option<String>,
    /// Who is invited as its first admin.
    admin_email: String,
}

/// What is to be changed of a tenant; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "plan": "small" }))]
pub(crate) struct TenantAccountChange {
    name: Option<String>,
    /// Another plan; null for none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    plan: Option<Option<String>>,
    /// Limits of its own, whole; null for its plan's.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<LimitsView>)]
    limits: Option<Option<LimitsView>>,
    /// Quotas of its own, whole.
    quotas: Option<PlanQuotasBody>,
}

/// Why a tenant is suspended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "the bill of October is not paid" }))]
pub(crate) struct Suspension {
    /// For its members; 1 to 255 characters.
    reason: String,
}

/// An admin to be invited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com" }))]
pub(crate) struct AdminInvitation {
    email: String,
}

/// A user, as operators see one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserRecord {
    id: Uuid,
    email: String,
    name: String,
    is_operator: bool,
    /// Whether this person may do nothing, anywhere.
    is_disabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
}

/// A user with the tenants that the person belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserDetail {
    #[serde(flatten)]
    user: UserRecord,
    tenants: Vec<TenantOfUser>,
}

/// A tenant that a user belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantOfUser {
    id: Uuid,
    slug: String,
    name: String,
    role: Option<String>,
}

/// A user to be made. How that person signs in is set afterwards.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com", "name": "Ada Lovelace" }))]
pub(crate) struct NewUser {
    email: String,
    name: String,
    /// Whether this person runs the deployment.
    #[serde(default)]
    is_operator: bool,
}

/// What is to be changed of a user; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "is_disabled": true }))]
pub(crate) struct UserChange {
    email: Option<String>,
    name: Option<String>,
    is_operator: Option<bool>,
    is_disabled: Option<bool>,
}

/// A link by which a user sets a password.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserReset {
    /// What the user sends to `POST /api/v1/sign-in/reset`. It is shown this one time.
    #[schema(example = "pr_0190b0a000007000800000000000000a_…")]
    link: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

/// A session of a user, as operators see one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserSession {
    id: Uuid,
    /// How the person signed in.
    method: SignInMethodWord,
    /// What the browser calls itself.
    device: String,
    /// From where the person signed in.
    address: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// When it ends however much it is used.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// A plan.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Plan)]
pub(crate) struct PlanBody {
    name: String,
    description: String,
    /// Limits of an execution; null where the system's stand.
    limits: Option<LimitsView>,
    quotas: PlanQuotasBody,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A plan to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "small", "quotas": { "executions_per_minute": 600 } }))]
pub(crate) struct NewPlan {
    /// 1 to 50 of a-z, 0-9 and `-`, beginning with a letter.
    name: String,
    /// What it is for; at most 500 characters.
    #[serde(default)]
    description: String,
    limits: Option<LimitsView>,
    #[serde(default)]
    quotas: PlanQuotasBody,
}

/// What is to be changed of a plan; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "quotas": { "executions_per_minute": 1200 } }))]
pub(crate) struct PlanChange {
    description: Option<String>,
    /// Limits, whole; null for the system's.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<LimitsView>)]
    limits: Option<Option<LimitsView>>,
    /// Quotas, whole.
    quotas: Option<PlanQuotasBody>,
}

/// A token of the deployment's own, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatorToken)]
pub(crate) struct OperatorTokenBody {
    id: Uuid,
    name: String,
    /// The operator whose it is.
    user_id: Uuid,
    #[schema(format = DateTime)]
    created_at: String,
    expires_at: Option<String>,
    /// To the minute.
    last_used_at: Option<String>,
    revoked_at: Option<String>,
}

/// A token of the deployment's own, to be made for whoever asks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "provisioning", "expires_in_days": 30 }))]
pub(crate) struct NewOperatorToken {
    /// Its name, for people.
    name: String,
    /// Days until it ends, 1 to 3650; 90 where nothing is said.
    #[schema(minimum = 1, maximum = 3650)]
    pub(crate) expires_in_days: Option<u16>,
}

impl NewTenant {
    pub(crate) fn input(self) -> Result<NewTenantInput, Problem> {
        Ok(NewTenantInput {
            slug: TenantSlug::parse(&self.slug)?,
            name: DisplayName::parse("name", &self.name)?,
            plan: self.plan.as_deref().map(plan_name).transpose()?,
            admin_email: EmailAddress::parse(&self.admin_email)
                .map_err(|invalid| Problem::field("admin_email", invalid.message))?,
        })
    }
}

impl TenantAccountChange {
    pub(crate) fn patch(self, system: &Limits) -> Result<TenantPatch, Problem> {
        let name = self.name.as_deref().map(|name| DisplayName::parse("name", name)).transpose()?;
        Ok(TenantPatch {
            name,
            plan: self.plan.map(|plan| plan.as_deref().map(plan_name).transpose()).transpose()?,
            limits: self.limits.map(|limits| limits.map(|limits| limits.within(system))),
            quotas: self.quotas.map(Into::into),
        })
    }
}

impl Suspension {
    pub(crate) fn reason(&self) -> Result<DisplayName, Problem> {
        Ok(DisplayName::parse("reason", &self.reason)?)
    }
}

impl AdminInvitation {
    pub(crate) fn email(&self) -> Result<EmailAddress, Problem> {
        Ok(EmailAddress::parse(&self.email)?)
    }
}

impl NewUser {
    pub(crate) fn input(self) -> Result<NewUserInput, Problem> {
        let (email, name) = (EmailAddress::parse(&self.email)?, DisplayName::parse("name", &self.name)?);
        Ok(NewUserInput { email, name, is_operator: self.is_operator })
    }
}

impl UserChange {
    pub(crate) fn patch(self) -> Result<UserPatch, Problem> {
        Ok(UserPatch {
            email: self.email.as_deref().map(EmailAddress::parse).transpose()?,
            name: self.name.as_deref().map(|name| DisplayName::parse("name", name)).transpose()?,
            is_operator: self.is_operator,
            is_disabled: self.is_disabled,
        })
    }
}

impl NewPlan {
    pub(crate) fn input(self, system: &Limits) -> Result<PlanInput, Problem> {
        Ok(PlanInput {
            name: plan_name(&self.name)?,
            description: self.description,
            limits: self.limits.map(|limits| limits.within(system)),
            quotas: self.quotas.into(),
        })
    }
}

impl PlanChange {
    pub(crate) fn patch(self, system: &Limits) -> PlanPatch {
        PlanPatch {
            description: self.description,
            limits: self.limits.map(|limits| limits.map(|limits| limits.within(system))),
            quotas: self.quotas.map(Into::into),
        }
    }
}

impl NewOperatorToken {
    pub(crate) fn name(&self) -> Result<DisplayName, Problem> {
        Ok(DisplayName::parse("name", &self.name)?)
    }
}

impl TenantMade {
    pub(crate) fn new(tenant: &TenantView, invitation: &IssuedInvitation) -> Self {
        Self { tenant: tenant.into(), invitation: invitation.into() }
    }
}

impl From<PlanQuotasBody> for PlanQuotas {
    fn from(body: PlanQuotasBody) -> Self {
        let PlanQuotasBody { concurrent_executions, queued_executions, executions_per_minute, .. } = body;
        let PlanQuotasBody { fuel_per_day, storage_bytes, scripts, schedules, requests_per_minute, .. } = body;
        Self {
            concurrent_executions,
            queued_executions,
            executions_per_minute,
            fuel_per_day,
            storage_bytes,
            scripts,
            schedules,
            requests_per_minute,
        }
    }
}

impl From<&PlanQuotas> for PlanQuotasBody {
    fn from(quotas: &PlanQuotas) -> Self {
        let PlanQuotas { concurrent_executions, queued_executions, executions_per_minute, .. } = *quotas;
        let PlanQuotas { fuel_per_day, storage_bytes, scripts, schedules, requests_per_minute, .. } = *quotas;
        Self {
            concurrent_executions,
            queued_executions,
            executions_per_minute,
            fuel_per_day,
            storage_bytes,
            scripts,
            schedules,
            requests_per_minute,
        }
    }
}

impl From<&TenantView> for TenantAccount {
    fn from(view: &TenantView) -> Self {
        let app::TenantAccount { tenant, plan, own_limits, own_quotas, suspended_reason, .. } = &view.account;
        Self {
            id: tenant.id.uuid(),
            slug: tenant.slug.to_string(),
            name: tenant.name.clone(),
            status: tenant.status.as_str(),
            suspended_reason: suspended_reason.clone(),
            plan: plan.clone(),
            limits: own_limits.as_ref().map(LimitsView::from),
            quotas: own_quotas.into(),
            effective_quotas: (&view.quotas).into(),
            storage_bytes: tenant.storage_bytes,
            created_at: tenant.created_at.to_rfc3339(),
        }
    }
}

impl From<&UserAccount> for UserRecord {
    fn from(account: &UserAccount) -> Self {
        let user = &account.user;
        Self {
            id: user.id.uuid(),
            email: user.email.clone(),
            name: user.name.clone(),
            is_operator: user.is_operator,
            is_disabled: account.disabled_at.is_some(),
            created_at: user.created_at.to_rfc3339(),
        }
    }
}

impl From<&UserView> for UserDetail {
    fn from(view: &UserView) -> Self {
        let tenant = |of: &app::TenantOfUser| TenantOfUser {
            id: of.tenant.uuid(),
            slug: of.slug.clone(),
            name: of.name.clone(),
            role: of.role.as_ref().map(RoleName::to_string),
        };
        Self { user: (&view.account).into(), tenants: view.tenants.iter().map(tenant).collect() }
    }
}

impl From<ResetLink> for UserReset {
    fn from(link: ResetLink) -> Self {
        Self { expires_at: link.expires_at.to_rfc3339(), link: link.text }
    }
}

impl From<&Session> for UserSession {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.uuid(),
            method: SignInMethodWord(session.method),
            device: session.device.clone(),
            address: session.address.clone(),
            created_at: session.created_at.to_rfc3339(),
            last_seen_at: session.last_seen_at.to_rfc3339(),
            expires_at: session.expires_at.to_rfc3339(),
        }
    }
}

impl From<&Plan> for PlanBody {
    fn from(plan: &Plan) -> Self {
        Self {
            name: plan.name.clone(),
            description: plan.description.clone(),
            limits: plan.limits.as_ref().map(LimitsView::from),
            quotas: (&plan.quotas).into(),
            created_at: plan.created_at.to_rfc3339(),
            updated_at: plan.updated_at.to_rfc3339(),
        }
    }
}

impl From<&OperatorToken> for OperatorTokenBody {
    fn from(token: &OperatorToken) -> Self {
        Self {
            id: token.id.uuid(),
            name: token.name.clone(),
            user_id: token.user.uuid(),
            created_at: token.created_at.to_rfc3339(),
            expires_at: token.expires_at.map(UnixMillis::to_rfc3339),
            last_used_at: token.last_used_at.map(UnixMillis::to_rfc3339),
            revoked_at: token.revoked_at.map(UnixMillis::to_rfc3339),
        }
    }
}

fn plan_name(text: &str) -> Result<RoleName, Problem> {
    RoleName::parse(text)
        .map_err(|_| Problem::field("plan", "a plan's name has 1 to 50 of a-z, 0-9 and '-', and begins with a letter"))
}

/// A field that is null is something else than one that is left out.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
