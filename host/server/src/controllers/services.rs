//! `/services`: what scripts can call.

use app::App;
use axum::{Json, extract::State};

use crate::{
    views::{
        pages::Page,
        services::{ServiceSummaryView, ServiceView},
    },
    web::{
        caller::Caller,
        extract::ServicePath,
        problem::Problem,
        responses::{ReadProblems, UsageProblems},
    },
};

/// List the services that scripts can call, by name.
#[utoipa::path(
    get, path = "/api/v1/services", tag = "services",
    responses((status = 200, description = "The services", body = Page<ServiceSummaryView>), UsageProblems)
)]
pub(crate) async fn browse_services(
    State(app): State<App>,
    Caller(principal): Caller,
) -> Result<Json<Page<ServiceSummaryView>>, Problem> {
    Ok(Json(Page::whole(&app.described_services(&principal)?)))
}

/// Show a service with its methods, their parameters and their answers.
#[utoipa::path(
    get, path = "/api/v1/services/{service}", tag = "services",
    params(("service" = String, Path, description = "Its name")),
    responses((status = 200, description = "The service", body = ServiceView), ReadProblems)
)]
pub(crate) async fn show_service(
    State(app): State<App>,
    Caller(principal): Caller,
    ServicePath(name): ServicePath,
) -> Result<Json<ServiceView>, Problem> {
    Ok(Json(app.described_service(&principal, &name)?.into()))
}
