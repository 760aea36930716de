//! `/scripts/{script}/capabilities/inferred`: what a script needs, from what its executions did.

use app::App;
use axum::{Json, extract::State};
use domain::Invalid;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    views::capabilities::InferredCapabilitiesBody,
    web::{
        caller::Caller,
        extract::{Params, ScriptPath},
        problem::Problem,
        responses::ListProblems,
    },
};

/// The executions that are read where nothing is said.
const EXECUTIONS_DEFAULT: u32 = 100;

/// What to infer from.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InferenceQuery {
    /// How many of the latest executions, from 1 to 1 000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    executions: Option<u32>,
}

/// Propose the least capabilities that a script's latest executions would have needed. Nothing is changed: send the
/// proposal with the script's settings to apply it.
#[utoipa::path(
    get, path = "/api/v1/scripts/{script}/capabilities/inferred", tag = "scripts",
    params(("script" = String, Path, description = "Its id or its name"), InferenceQuery),
    responses((status = 200, description = "The proposal", body = InferredCapabilitiesBody), ListProblems)
)]
pub(crate) async fn infer_capabilities(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
    Params(query): Params<InferenceQuery>,
) -> Result<Json<InferredCapabilitiesBody>, Problem> {
    let executions = query.executions.unwrap_or(EXECUTIONS_DEFAULT);
    if !(1..=1_000).contains(&executions) {
        return Err(Invalid::new("executions", format!("executions is 1 to 1000, not {executions}")).into());
    }
    Ok(Json(app.executions().infer_capabilities(&principal, &script, executions).await?.into()))
}
