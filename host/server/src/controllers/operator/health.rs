//! `/operator/health`: how it stands with the deployment.

use app::App;
use axum::{Json, extract::State};

use crate::{
    views::health::DeploymentHealthBody,
    web::{caller::OperatorCaller, problem::Problem, responses::UsageProblems},
};

/// Show how it stands with the deployment: the database and the disk, what waits, who works, and which versions these are.
/// All of it is of this moment and of this process.
#[utoipa::path(
    get, path = "/api/v1/operator/health", tag = "operator",
    responses((status = 200, description = "How it stands", body = DeploymentHealthBody), UsageProblems)
)]
pub(crate) async fn show_deployment_health(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
) -> Result<Json<DeploymentHealthBody>, Problem> {
    Ok(Json(DeploymentHealthBody::from(&app.operators().health(&operator)?)))
}
