//! `/operator`: the deployment's tenants, plans, users and health, for whoever runs it.

use app::{App, DeploymentHealth, Plan, TenantStatus, TenantView, UsageView, UserAccount, UserView};
use askama::Template;
use axum::extract::{Path, State};
use domain::{PlanQuotas, TenantId, TenantSlug, UserId};
use serde::Deserialize;

use super::{
    answer::{PageError, PageResult, page},
    format,
    frame::Frame,
    usage::Meter,
    visit::OperatorVisit,
    words::Badge,
};
use crate::web::extract::Params;

/// Rows of one page.
const PAGE: u32 = 100;

/// Plans that a form offers.
const PLANS: u32 = 500;

/// From where on to show a list: the slug, the name or the id of the last row of before.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct AfterQuery {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "operator/tenants.html")]
struct TenantsPage {
    frame: Frame,
    tenants: Vec<TenantView>,
    plans: Vec<Plan>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "operator/tenant.html")]
struct TenantPage {
    frame: Frame,
    view: TenantView,
    usage: Vec<Meter>,
    plans: Vec<Plan>,
}

#[derive(Template)]
#[template(path = "operator/plans.html")]
struct PlansPage {
    frame: Frame,
    plans: Vec<Plan>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "operator/users.html")]
struct UsersPage {
    frame: Frame,
    users: Vec<UserAccount>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "operator/user.html")]
struct UserPage {
    frame: Frame,
    view: UserView,
}

#[derive(Template)]
#[template(path = "operator/health.html")]
struct HealthPage {
    frame: Frame,
    health: DeploymentHealth,
}

impl HealthPage {
    fn bytes(&self, bytes: &u64) -> String {
        format::bytes(*bytes)
    }

    fn uptime(&self) -> String {
        format::duration(self.health.uptime)
    }

    fn state(&self) -> Badge {
        match (self.health.health.ready, self.health.health.writable) {
            (true, _) => Badge { class: "success", icon: "circle-check", word: "Ready" },
            (false, true) => Badge { class: "limit", icon: "circle-pause", word: "Stopping" },
            (false, false) => Badge { class: "failed", icon: "circle-x", word: "Cannot write" },
        }
    }
}

/// Whether a tenant's scripts run.
fn state(status: &TenantStatus) -> Badge {
    let (class, icon, word) = match status {
        TenantStatus::Active => ("success", "circle-check", "Active"),
        TenantStatus::Suspended => ("limit", "circle-pause", "Suspended"),
        TenantStatus::Deleted => ("neutral", "trash-2", "Deleted"),
    };
    Badge { class, icon, word }
}

/// A bound as a form and a table show it.
fn bound(number: &Option<u64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

/// The deployment's tenants.
pub(crate) async fn operator_tenants_page(
    State(app): State<App>,
    OperatorVisit { operator, frame }: OperatorVisit,
    Params(query): Params<AfterQuery>,
) -> PageResult {
    let after = query.after.as_deref().map(TenantSlug::parse).transpose()?;
    let tenants = app.operators().tenants(&operator, after.as_ref(), PAGE)?;
    let plans = app.operators().plans(&operator, None, PLANS)?;
    let is_full = tenants.len() >= PAGE as usize;
    let last = tenants.last().filter(|_| is_full);
    let next = last.map(|last| format!("/operator/tenants?after={}", last.account.tenant.slug));
    page(&TenantsPage { frame, tenants, plans, next })
}

/// One tenant, with what it uses.
pub(crate) async fn operator_tenant_page(
    State(app): State<App>,
    OperatorVisit { operator, frame }: OperatorVisit,
    Path(id): Path<String>,
) -> PageResult {
    let id: TenantId = id.parse().map_err(|_| PageError::not_found("tenant"))?;
    let view = app.operators().tenant(&operator, id)?;
    let usage: UsageView = app.operators().usage(&operator, id)?;
    let plans = app.operators().plans(&operator, None, PLANS)?;
    page(&TenantPage { frame, view, usage: Meter::all(&usage), plans })
}

/// The plans.
pub(crate) async fn operator_plans_page(
    State(app): State<App>,
    OperatorVisit { operator, frame }: OperatorVisit,
    Params(query): Params<AfterQuery>,
) -> PageResult {
    let plans = app.operators().plans(&operator, query.after.as_deref(), PAGE)?;
    let is_full = plans.len() >= PAGE as usize;
    let next = plans.last().filter(|_| is_full).map(|last| format!("/operator/plans?after={}", last.name));
    page(&PlansPage { frame, plans, next })
}

/// The users.
pub(crate) async fn operator_users_page(
    State(app): State<App>,
    OperatorVisit { operator, frame }: OperatorVisit,
    Params(query): Params<AfterQuery>,
) -> PageResult {
    let after = query.after.as_deref().and_then(|after| after.parse().ok());
    let users = app.operators().users(&operator, after, PAGE)?;
    let is_full = users.len() >= PAGE as usize;
    let next = users.last().filter(|_| is_full).map(|last| format!("/operator/users?after={}", last.user.id));
    page(&UsersPage { frame, users, next })
}

/// How it stands with the deployment, read anew with every look.
pub(crate) async fn operator_health_page(
    State(app): State<App>,
    OperatorVisit { operator, frame }: OperatorVisit,
) -> PageResult {
    page(&HealthPage { frame, health: app.operators().health(&operator)? })
}

/// One user, with where the person belongs.
pub(crate) async fn operator_user_page(
    State(app): State<App>,
    OperatorVisit { operator, frame }: OperatorVisit,
    Path(id): Path<String>,
) -> PageResult {
    let id: UserId = id.parse().map_err(|_| PageError::not_found("user"))?;
    page(&UserPage { frame, view: app.operators().user(&operator, id)? })
}
