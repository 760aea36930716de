//! One request about many executions or scripts: each is treated as it would be alone, and the answer says what became of
//! which.

use app::{App, Chain, CursorScope, ExecutionCursor};
use axum::{Extension, Json, extract::State};
use domain::Principal;

use crate::{
    views::bulk::{
        self, ExecutionsChoice, ExecutionsChoiceSchema, ManyExecutionsBody, ManyScriptsBody, ScriptsChangeBody,
    },
    web::{body::JsonBody, caller::Caller, cursor, problem::Problem, responses::BulkProblems, signed::wrong_cursor},
};

/// Cancel many executions that wait or run: up to 1 000, by their ids or by a filter. What has ended meanwhile is refused
/// by itself.
#[utoipa::path(
    post, path = "/api/v1/executions/cancel", tag = "executions", request_body = ExecutionsChoiceSchema,
    responses((status = 200, description = "What became of each", body = ManyExecutionsBody), BulkProblems)
)]
pub(crate) async fn cancel_executions(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(choice): JsonBody<ExecutionsChoice>,
) -> Result<Json<ManyExecutionsBody>, Problem> {
    let place = Place::of(&app, &principal, ("/api/v1/executions/cancel", &choice));
    let chosen = choice.chosen(place.read()?)?;
    let cancelled = app.executions().cancel_many(&principal, chosen).await?;
    let next = cancelled.next.map(|next| place.written(&next));
    Ok(Json(ManyExecutionsBody::new(cancelled.items, |()| None).before(next)))
}

/// Run many executions again that have ended: up to 1 000, by their ids or by a filter. Of those that a filter finds the
/// earliest is accepted first. Each is one more execution, linked to its first; sent twice, they run twice, but for an
/// `Idempotency-Key`.
#[utoipa::path(
    post, path = "/api/v1/executions/retry", tag = "executions", request_body = ExecutionsChoiceSchema,
    responses((status = 200, description = "What became of each", body = ManyExecutionsBody), BulkProblems)
)]
pub(crate) async fn retry_executions(
    State(app): State<App>,
    Caller(principal): Caller,
    chain: Option<Extension<Chain>>,
    JsonBody(choice): JsonBody<ExecutionsChoice>,
) -> Result<Json<ManyExecutionsBody>, Problem> {
    let place = Place::of(&app, &principal, ("/api/v1/executions/retry", &choice));
    let chosen = choice.chosen(place.read()?)?;
    let retried = app.executions().continuing(chain.as_deref()).retry_many(&principal, chosen).await?;
    let next = retried.next.map(|next| place.written(&next));
    Ok(Json(ManyExecutionsBody::new(retried.items, |made| Some(made.uuid())).before(next)))
}

/// Let many scripts run, pause them, or delete them: up to 200, by their ids or names.
#[utoipa::path(
    post, path = "/api/v1/bulk/scripts", tag = "scripts", request_body = ScriptsChangeBody,
    responses((status = 200, description = "What became of each", body = ManyScriptsBody), BulkProblems)
)]
pub(crate) async fn change_scripts(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<ScriptsChangeBody>,
) -> Result<Json<ManyScriptsBody>, Problem> {
    app.scripts().require_many(&principal, body.scripts.len())?;
    let mut changed = Vec::with_capacity(body.scripts.len());
    for name in &body.scripts {
        changed.push(match bulk::script(name) {
            Ok(script) => app.scripts().change(&principal, &script, body.action.into()).await.map_err(Problem::from),
            Err(problem) => Err(problem),
        });
    }
    Ok(Json(ManyScriptsBody::new(body.scripts, changed)))
}

/// A place in what a filter finds: its cursor is this address's, this filter's and this tenant's alone.
struct Place<'a> {
    app: &'a App,
    scope: CursorScope,
    cursor: Option<String>,
}

impl<'a> Place<'a> {
    fn of(app: &'a App, principal: &Principal, (path, choice): (&str, &ExecutionsChoice)) -> Self {
        let filters = vec![(String::from("filter"), choice.filter_text())];
        let scope = CursorScope { tenant: Some(principal.tenant), path: path.to_owned(), filters };
        Self { app, scope, cursor: choice.cursor.clone() }
    }

    fn read(&self) -> Result<Option<ExecutionCursor>, Problem> {
        let Some(text) = &self.cursor else { return Ok(None) };
        let place = self.app.requests().place(&self.scope, text).ok_or_else(wrong_cursor)?;
        Ok(Some(cursor::decode(&place)?))
    }

    fn written(&self, next: &ExecutionCursor) -> String {
        self.app.requests().cursor(&self.scope, &cursor::encode(next))
    }
}
