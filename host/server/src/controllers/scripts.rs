//! `/scripts`: make, list, show, set and delete.

use app::{App, ScriptCursor, ScriptOrder, ScriptQuery};
use axum::{Json, extract::State, response::IntoResponse};
use domain::{Invalid, ScriptName, UnixMillis};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::{
    views::{
        pages::{self, Page},
        scripts::{NewScript, ScriptSummaryView, ScriptView},
        settings,
        words::KindWord,
    },
    web::{
        body::JsonBody,
        caller::Caller,
        extract::{Params, ScriptPath},
        problem::Problem,
        responses::{ChangeProblems, CreateProblems, ListProblems, ReadProblems, SettingsProblems},
    },
};

/// Which scripts to list, and in which order; every part that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScriptsQuery {
    /// Those of one kind.
    kind: Option<KindWord>,
    /// Those that run, or those that are paused.
    is_active: Option<bool>,
    /// Those that have a deployed version, or those that have none.
    is_deployed: Option<bool>,
    /// Those with this text in their name or description, whatever the case of letters from A to Z. At most 200
    /// characters.
    #[param(max_length = 200)]
    text: Option<String>,
    /// `name`, or `-updated_at` for the one that was changed last first; by name where nothing is said.
    sort: Option<ScriptSort>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// The order of a list of scripts.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub(crate) enum ScriptSort {
    /// By name.
    #[serde(rename = "name")]
    Name,
    /// The one that was changed last first.
    #[serde(rename = "-updated_at")]
    Changed,
}

impl ScriptsQuery {
    fn query(self) -> Result<ScriptQuery, Invalid> {
        Ok(ScriptQuery {
            kind: self.kind.map(|kind| kind.0),
            is_active: self.is_active,
            is_deployed: self.is_deployed,
            text: self.text,
            order: match self.sort {
                None | Some(ScriptSort::Name) => ScriptOrder::Name,
                Some(ScriptSort::Changed) => ScriptOrder::Changed,
            },
            after: self.cursor.as_deref().map(read_cursor).transpose()?,
            limit: pages::limit(self.limit)?,
        })
    }
}

/// List scripts.
#[utoipa::path(
    get, path = "/api/v1/scripts", tag = "scripts", params(ScriptsQuery),
    responses((status = 200, description = "A page of scripts", body = Page<ScriptSummaryView>), ListProblems)
)]
pub(crate) async fn browse_scripts(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<ScriptsQuery>,
) -> Result<Json<Page<ScriptSummaryView>>, Problem> {
    let query = query.query()?;
    let scripts = app.scripts().find(&principal, &query)?;
    Ok(Json(Page::new(&scripts, query.limit, |script| written_cursor(&script.cursor()))))
}

/// The cursor as text: the moment of the last change, and the name behind it.
pub(crate) fn written_cursor(cursor: &ScriptCursor) -> String {
    format!("{}.{}", cursor.updated_at.0, cursor.name)
}

pub(crate) fn read_cursor(text: &str) -> Result<ScriptCursor, Invalid> {
    let read = || {
        let (updated_at, name) = text.split_once('.')?;
        Some(ScriptCursor { updated_at: UnixMillis(updated_at.parse().ok()?), name: ScriptName::parse(name).ok()? })
    };
    read().ok_or_else(|| Invalid::new("cursor", "a cursor is the 'next_cursor' of the page before, unchanged"))
}

/// Make a script. Its source is its first draft; deploy it to let it run.
#[utoipa::path(
    post, path = "/api/v1/scripts", tag = "scripts", request_body = NewScript,
    responses(
        (status = 201, description = "The script", body = ScriptView,
            headers(("Location", description = "The script's address"))),
        CreateProblems
    )
)]
pub(crate) async fn create_script(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<NewScript>,
) -> Result<impl IntoResponse, Problem> {
    let saved = app.scripts().create(&principal, body.input(app.limits())?).await?;
    let location = format!("/api/v1/scripts/{}", saved.script.summary.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(ScriptView::from(&saved))))
}

/// Show a script.
#[utoipa::path(
    get, path = "/api/v1/scripts/{script}", tag = "scripts",
    params(("script" = String, Path, description = "Its id or its name")),
    responses((status = 200, description = "The script", body = ScriptView), ReadProblems)
)]
pub(crate) async fn show_script(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
) -> Result<Json<ScriptView>, Problem> {
    let saved = app.scripts().get(&principal, &script)?;
    Ok(Json(ScriptView::from(&saved)))
}

/// Change a script's settings by a merge patch (RFC 7396).
#[utoipa::path(
    patch, path = "/api/v1/scripts/{script}", tag = "scripts",
    params(("script" = String, Path, description = "Its id or its name")),
    request_body(content = settings::Settings, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The script", body = ScriptView), SettingsProblems)
)]
pub(crate) async fn change_settings(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
    JsonBody(patch): JsonBody<Map<String, Value>>,
) -> Result<Json<ScriptView>, Problem> {
    app.scripts().require_settings(&principal)?;
    // A merge patch is a change of what is there, so that has to be read first.
    let current = app.scripts().get(&principal, &script)?;
    let settings = settings::patched(&current, &patch, app.limits())?;
    let saved = app.scripts().update_settings(&principal, &script, settings).await?;
    Ok(Json(ScriptView::from(&saved)))
}

/// Take over what of a script lives by rights that its setter does not hold any more: its deployment, endpoint, schedules,
/// subscriptions and hooks. They live by yours from now on, so that you need everything that the script grants.
#[utoipa::path(
    post, path = "/api/v1/scripts/{script}/adopt", tag = "scripts",
    params(("script" = String, Path, description = "Its id or its name")),
    responses((status = 200, description = "The script", body = ScriptView), ChangeProblems)
)]
pub(crate) async fn adopt_script(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
) -> Result<Json<ScriptView>, Problem> {
    Ok(Json(ScriptView::from(&app.scripts().adopt(&principal, &script).await?)))
}

/// Delete a script with its versions, its endpoint and its executions. To stop it and keep them, pause it.
#[utoipa::path(
    delete, path = "/api/v1/scripts/{script}", tag = "scripts",
    params(("script" = String, Path, description = "Its id or its name")),
    responses((status = 204, description = "It is gone"), ChangeProblems)
)]
pub(crate) async fn delete_script(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
) -> Result<StatusCode, Problem> {
    app.scripts().delete(&principal, &script).await?;
    Ok(StatusCode::NO_CONTENT)
}
