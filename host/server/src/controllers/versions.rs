//! `/scripts/{script}/versions`: what was deployed, and which of it runs.

use app::{App, DiffSide};
use axum::{Json, extract::State};
use domain::Invalid;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    views::{
        diffs::VersionDiffBody,
        pages::{self, Page},
        versions::{VersionSummaryView, VersionView},
    },
    web::{
        caller::Caller,
        extract::{Params, ScriptPath, VersionPath},
        problem::Problem,
        responses::{ChangeProblems, ListProblems, ReadProblems},
    },
};

/// Which versions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionsQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List a script's versions, the latest first.
#[utoipa::path(
    get, path = "/api/v1/scripts/{script}/versions", tag = "versions",
    params(("script" = String, Path, description = "Its id or its name"), VersionsQuery),
    responses((status = 200, description = "A page of versions", body = Page<VersionSummaryView>), ListProblems)
)]
pub(crate) async fn browse_versions(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
    Params(query): Params<VersionsQuery>,
) -> Result<Json<Page<VersionSummaryView>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let before = query.cursor.map(|cursor| cursor.parse()).transpose();
    let before = before.map_err(|_| Invalid::new("cursor", "a cursor is the 'next_cursor' of the page before"))?;
    let versions = app.scripts().versions(&principal, &script, before, limit)?;
    Ok(Json(Page::new(&versions, limit, |version| version.number.to_string())))
}

/// Show a version with its source.
#[utoipa::path(
    get, path = "/api/v1/scripts/{script}/versions/{number}", tag = "versions",
    params(
        ("script" = String, Path, description = "Its id or its name"),
        ("number" = u32, Path, description = "The version's number, from 1")
    ),
    responses((status = 200, description = "The version", body = VersionView), ReadProblems)
)]
pub(crate) async fn show_version(
    State(app): State<App>,
    Caller(principal): Caller,
    VersionPath(script, number): VersionPath,
) -> Result<Json<VersionView>, Problem> {
    Ok(Json(app.scripts().version(&principal, &script, number)?.into()))
}

/// What a version is compared with.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// A version's number, or `draft`. The older one of both is what the differences begin from.
    #[param(max_length = 9, pattern = "^(draft|[0-9]+)$")]
    against: String,
}

impl DiffQuery {
    fn side(&self) -> Result<DiffSide, Invalid> {
        match self.against.as_str() {
            "draft" => Ok(DiffSide::Draft),
            // A plain number: what Rust reads beside that is none.
            number => match number.parse() {
                Ok(version) if !number.starts_with('+') => Ok(DiffSide::Version(version)),
                _ => Err(Invalid::new("against", "against is a version's number, or 'draft'")),
            },
        }
    }
}

/// Show what differs between a version and another one, or the draft.
#[utoipa::path(
    get, path = "/api/v1/scripts/{script}/versions/{number}/diff", tag = "versions",
    params(
        ("script" = String, Path, description = "Its id or its name"),
        ("number" = u32, Path, description = "The version's number, from 1"),
        DiffQuery
    ),
    responses((status = 200, description = "The differences", body = VersionDiffBody), ListProblems)
)]
pub(crate) async fn diff_version(
    State(app): State<App>,
    Caller(principal): Caller,
    VersionPath(script, number): VersionPath,
    Params(query): Params<DiffQuery>,
) -> Result<Json<VersionDiffBody>, Problem> {
    let sides = [query.side()?, DiffSide::Version(number)];
    Ok(Json(app.scripts().diff(&principal, &script, sides).await?.into()))
}

/// Let another version of a script run. Whoever asks for it is its deployer from now on.
#[utoipa::path(
    post, path = "/api/v1/scripts/{script}/versions/{number}/activate", tag = "versions",
    params(
        ("script" = String, Path, description = "Its id or its name"),
        ("number" = u32, Path, description = "The version's number, from 1")
    ),
    responses((status = 204, description = "It runs from now on"), ChangeProblems)
)]
pub(crate) async fn activate_version(
    State(app): State<App>,
    Caller(principal): Caller,
    VersionPath(script, number): VersionPath,
) -> Result<StatusCode, Problem> {
    app.scripts().activate(&principal, &script, number).await?;
    Ok(StatusCode::NO_CONTENT)
}
