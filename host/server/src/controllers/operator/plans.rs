//! `/operator/plans`: limits and quotas under a name.

use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use domain::RoleName;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    views::{
        operators::{NewPlan, PlanBody, PlanChange},
        pages::{self, Page},
    },
    web::{
        body::JsonBody,
        caller::OperatorCaller,
        etag::{IfMatch, of_revision},
        extract::Params,
        named::PlanPath,
        problem::Problem,
        responses::{ListProblems, OperatorProblems, OperatorRemovalProblems, ReadProblems},
    },
};

/// Which plans to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlansQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List plans, by name.
#[utoipa::path(
    get, path = "/api/v1/operator/plans", tag = "operator", params(PlansQuery),
    responses((status = 200, description = "A page of plans", body = Page<PlanBody>), ListProblems)
)]
pub(crate) async fn browse_plans(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    Params(query): Params<PlansQuery>,
) -> Result<Json<Page<PlanBody>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let after = query.cursor.as_deref().map(RoleName::parse).transpose()?;
    let plans = app.operators().plans(&operator, after.as_ref().map(RoleName::as_str), limit)?;
    Ok(Json(Page::new(&plans, limit, |last| last.name.clone())))
}

/// Make a plan.
#[utoipa::path(
    post, path = "/api/v1/operator/plans", tag = "operator", request_body = NewPlan,
    responses(
        (status = 201, description = "The plan", body = PlanBody,
            headers(("Location", description = "The plan's address"))),
        OperatorProblems
    )
)]
pub(crate) async fn create_plan(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    JsonBody(body): JsonBody<NewPlan>,
) -> Result<impl IntoResponse, Problem> {
    let plan = app.operators().create_plan(&operator, body.input(app.limits())?).await?;
    let location = format!("/api/v1/operator/plans/{}", plan.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(PlanBody::from(&plan))))
}

/// Show a plan.
#[utoipa::path(
    get, path = "/api/v1/operator/plans/{plan}", tag = "operator",
    params(("plan" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The plan", body = PlanBody,
            headers(("ETag", description = "What `If-Match` of a change names"))),
        ReadProblems
    )
)]
pub(crate) async fn show_plan(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    PlanPath(plan): PlanPath,
) -> Result<impl IntoResponse, Problem> {
    let plan = app.operators().plan(&operator, plan.as_str())?;
    Ok(([(header::ETAG, of_revision(plan.revision))], Json(PlanBody::from(&plan))))
}

/// Change a plan. It holds for its tenants at once.
#[utoipa::path(
    patch, path = "/api/v1/operator/plans/{plan}", tag = "operator",
    params(("plan" = String, Path, description = "Its name")),
    request_body(content = PlanChange, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The plan", body = PlanBody), OperatorProblems)
)]
pub(crate) async fn change_plan(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    PlanPath(plan): PlanPath,
    IfMatch(revision): IfMatch,
    JsonBody(body): JsonBody<PlanChange>,
) -> Result<Json<PlanBody>, Problem> {
    let patch = body.patch(app.limits());
    Ok(Json(PlanBody::from(&app.operators().change_plan(&operator, plan.as_str(), revision, patch).await?)))
}

/// Delete a plan that no tenant is on.
#[utoipa::path(
    delete, path = "/api/v1/operator/plans/{plan}", tag = "operator",
    params(("plan" = String, Path, description = "Its name")),
    responses((status = 204, description = "It is gone"), OperatorRemovalProblems)
)]
pub(crate) async fn delete_plan(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    PlanPath(plan): PlanPath,
    IfMatch(revision): IfMatch,
) -> Result<StatusCode, Problem> {
    app.operators().delete_plan(&operator, plan.as_str(), revision).await?;
    Ok(StatusCode::NO_CONTENT)
}
