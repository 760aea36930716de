//! `/usage`: what the tenant has and uses, beside what it may.

use app::{App, UsageView};
use axum::{Json, extract::State};
use domain::Quotas;
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::{caller::Caller, problem::Problem, responses::UsageProblems};

/// What the tenant has and uses. A quota that is null has no bound.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub(crate) struct UsageBody {
    quotas: QuotasBody,
    /// Executions that were accepted and have not ended.
    queued_executions: u64,
    /// Executions that go on, of those that were accepted and of those that somebody waits for.
    running_executions: u64,
    /// Bytes of storage entries and documents.
    storage_bytes: u64,
    scripts: u64,
    schedules: u64,
    /// Executions that ended today, in UTC.
    executions_today: u64,
    /// Fuel that was used today, for compiling and replays too.
    fuel_today: u64,
}

/// What the tenant may have and use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quotas)]
pub(crate) struct QuotasBody {
    /// Executions at once.
    concurrent_executions: u32,
    /// Executions that were accepted and have not ended.
    queued_executions: u64,
    /// Executions that begin in a minute.
    executions_per_minute: Option<u64>,
    /// Fuel of a day in UTC.
    fuel_per_day: Option<u64>,
    storage_bytes: u64,
    scripts: u64,
    schedules: u64,
    /// Requests to the API that each token or person may send in a minute.
    requests_per_minute: Option<u64>,
}

impl From<&Quotas> for QuotasBody {
    fn from(quotas: &Quotas) -> Self {
        Self {
            concurrent_executions: quotas.concurrent_executions,
            queued_executions: quotas.queued_executions,
            executions_per_minute: quotas.executions_per_minute,
            fuel_per_day: quotas.fuel_per_day,
            storage_bytes: quotas.storage_bytes,
            scripts: quotas.scripts,
            schedules: quotas.schedules,
            requests_per_minute: quotas.requests_per_minute,
        }
    }
}

impl From<UsageView> for UsageBody {
    fn from(usage: UsageView) -> Self {
        let UsageView {
            quotas,
            queued_executions,
            running_executions,
            storage_bytes,
            scripts,
            schedules,
            executions_today,
            fuel_today,
        } = usage;
        Self {
            quotas: (&quotas).into(),
            queued_executions,
            running_executions,
            storage_bytes,
            scripts,
            schedules,
            executions_today,
            fuel_today,
        }
    }
}

/// Show what the tenant has and uses.
#[utoipa::path(
    get, path = "/api/v1/usage", tag = "usage",
    responses((status = 200, description = "Usage and quotas", body = UsageBody), UsageProblems)
)]
pub(crate) async fn show_usage(State(app): State<App>, Caller(principal): Caller) -> Result<Json<UsageBody>, Problem> {
    Ok(Json(app.usage().show(&principal)?.into()))
}
