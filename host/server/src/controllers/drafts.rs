//! `/scripts/{script}/draft`, `…/deploy` and `/check`: what is written before it runs.

use app::{App, SavedScript, ScriptEdit};
use axum::{Json, extract::State, response::IntoResponse};
use domain::Language;
use http::{StatusCode, header};

use crate::{
    views::{
        scripts::{DraftEdit, DraftView, ScriptView},
        settings,
        versions::{CheckedSourceView, DeployedScriptView, DeploymentBody, SourceToCheck},
    },
    web::{
        body::{JsonBody, JsonBodyOrNone},
        caller::Caller,
        error::internal,
        etag::{self, IfMatch},
        extract::ScriptPath,
        problem::{Problem, kinds},
        responses::{CheckProblems, DraftProblems, ReadProblems, SaveProblems},
    },
};

/// Show a script's draft.
#[utoipa::path(
    get, path = "/api/v1/scripts/{script}/draft", tag = "drafts",
    params(("script" = String, Path, description = "Its id or its name")),
    responses(
        (status = 200, description = "The draft", body = DraftView,
            headers(("ETag", description = "Send it as If-Match to change the draft"))),
        ReadProblems
    )
)]
pub(crate) async fn show_draft(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
) -> Result<impl IntoResponse, Problem> {
    Ok(answer(&app.scripts().get(&principal, &script)?))
}

/// Write a script's draft. `If-Match` names the revision that was changed, so that nobody's change is lost. With
/// `settings` these are changed in the same transaction.
#[utoipa::path(
    put, path = "/api/v1/scripts/{script}/draft", tag = "drafts",
    params(
        ("script" = String, Path, description = "Its id or its name"),
        ("If-Match" = String, Header, description = "The draft's ETag", example = "\"3\"")
    ),
    request_body = DraftEdit,
    responses(
        (status = 200, description = "The draft", body = DraftView,
            headers(("ETag", description = "The new revision"))),
        SaveProblems
    )
)]
pub(crate) async fn save_draft(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
    expected: IfMatch,
    JsonBody(edit): JsonBody<DraftEdit>,
) -> Result<impl IntoResponse, Problem> {
    let (expected_revision, language) = (expected.required()?, edit.language.map(|language| language.0));
    if let Some(tag) = &edit.settings_tag {
        expect_settings(&app, &app.scripts().get(&principal, &script)?, tag)?;
    }
    let Some(patch) = edit.settings else {
        let saved = app.scripts().edit_draft(&principal, &script, expected_revision, language, edit.source).await?;
        return Ok(answer(&saved));
    };
    app.scripts().require_settings(&principal)?;
    let settings = settings::patched(&app.scripts().get(&principal, &script)?, &patch, app.limits())?;
    let edit = ScriptEdit { expected_revision, language, source: edit.source, settings };
    Ok(answer(&app.scripts().edit_whole(&principal, &script, edit).await?))
}

/// Make the draft an immutable version, and let that one run.
#[utoipa::path(
    post, path = "/api/v1/scripts/{script}/deploy", tag = "drafts",
    params(
        ("script" = String, Path, description = "Its id or its name"),
        ("If-Match" = Option<String>, Header, description = "The draft's ETag: refuses to deploy another draft")
    ),
    request_body = DeploymentBody,
    responses((status = 201, description = "The version", body = DeployedScriptView), DraftProblems)
)]
pub(crate) async fn deploy_draft(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
    IfMatch(expected): IfMatch,
    JsonBodyOrNone(body): JsonBodyOrNone<DeploymentBody>,
) -> Result<impl IntoResponse, Problem> {
    let deployed = app.scripts().deploy(&principal, &script, expected, body.change_summary).await?;
    let location = format!("/api/v1/scripts/{}/versions/{}", deployed.version.script, deployed.version.number);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(DeployedScriptView::from(&deployed))))
}

/// Check a source as if it were saved, and keep nothing of it: for editors and for continuous integration.
#[utoipa::path(
    post, path = "/api/v1/check", tag = "drafts", request_body = SourceToCheck,
    responses((status = 200, description = "What was found", body = CheckedSourceView), CheckProblems)
)]
pub(crate) async fn check_source(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<SourceToCheck>,
) -> Result<Json<CheckedSourceView>, Problem> {
    let language = body.language.map_or(Language::JavaScript, |language| language.0);
    Ok(Json(app.scripts().check(&principal, language, body.source).await?.into()))
}

/// See that the script is still answered with this tag. What is saved then rests on it as on the draft's own.
fn expect_settings(app: &App, saved: &SavedScript, tag: &str) -> Result<(), Problem> {
    let shown = serde_json::to_vec(&ScriptView::from(saved)).map_err(|error| internal(&error))?;
    if etag::of_text(&app.requests().tag(&shown)).as_bytes() == tag.as_bytes() {
        return Ok(());
    }
    Err(Problem::new(
        &kinds::STALE,
        "its settings were changed since you read them: read them again and repeat your change",
    ))
}

fn answer(saved: &SavedScript) -> impl IntoResponse + use<> {
    let tag = etag::of_revision(saved.script.summary.draft_revision);
    ([(header::ETAG, tag)], Json(DraftView::from(saved)))
}
