//! `/hooks`: the host application's extension points, which scripts run at each, and running them.

use app::{App, Chain, HookBinding};
use axum::{Extension, Json, extract::State, response::IntoResponse, response::Response};
use http::StatusCode;

use crate::{
    views::{
        hooks::{self, HookBindingChange, HookBindingView, HookCall, HookReportView, HookView},
        pages::Page,
    },
    web::{
        body::{JsonBody, JsonBodyOrNone},
        caller::Caller,
        extract::{HookBindingPath, HookPath},
        problem::Problem,
        responses::{ChangeProblems, HookBindingProblems, HookProblems, ListProblems},
    },
};

/// List the extension points that the operator declares, by name. There is one page.
#[utoipa::path(
    get, path = "/api/v1/hooks", tag = "hooks",
    responses((status = 200, description = "The points", body = Page<HookView>), ListProblems)
)]
pub(crate) async fn browse_hooks(
    State(app): State<App>,
    Caller(principal): Caller,
) -> Result<Json<Page<HookView>>, Problem> {
    Ok(Json(Page::whole(&app.hooks().points(&principal)?)))
}

/// Run the active scripts at an extension point, in their order, and answer within its deadline. What they did is durable
/// then. A script that fails is no problem where the point is fail-open.
#[utoipa::path(
    post, path = "/api/v1/hooks/{point}", tag = "hooks",
    params(("point" = String, Path, description = "The point's name", example = "order.validate")),
    request_body = HookCall,
    responses(
        (status = 200, description = "The host application may go on", body = HookReportView),
        HookProblems
    )
)]
pub(crate) async fn run_hook(
    State(app): State<App>,
    Caller(principal): Caller,
    HookPath(point): HookPath,
    chain: Option<Extension<Chain>>,
    JsonBody(call): JsonBody<HookCall>,
) -> Result<Response, Problem> {
    if let Some(tenant) = &call.tenant {
        app.hooks().require_tenant(&principal, tenant)?;
    }
    let report = app.hooks().continuing(chain.as_deref()).run(&principal, &point, call.input()).await?;
    Ok(hooks::answer(report)?.into_response())
}

/// List the scripts that run at an extension point, in their order. There is one page.
#[utoipa::path(
    get, path = "/api/v1/hooks/{point}/bindings", tag = "hooks",
    params(("point" = String, Path, description = "The point's name")),
    responses((status = 200, description = "The scripts", body = Page<HookBindingView>), ListProblems)
)]
pub(crate) async fn browse_hook_bindings(
    State(app): State<App>,
    Caller(principal): Caller,
    HookPath(point): HookPath,
) -> Result<Json<Page<HookBindingView>>, Problem> {
    let bindings: Vec<HookBinding> = app.hooks().bindings(&principal, &point)?;
    Ok(Json(Page::whole(&bindings)))
}

/// Let an embedded script run at an extension point. What runs there has no right that whoever sets this lacks.
#[utoipa::path(
    put, path = "/api/v1/hooks/{point}/bindings/{script}", tag = "hooks",
    params(
        ("point" = String, Path, description = "The point's name"),
        ("script" = String, Path, description = "The script's id or its name")
    ),
    request_body = HookBindingChange,
    responses(
        (status = 200, description = "It did already, and has this place now", body = Page<HookBindingView>),
        (status = 201, description = "It does from now on", body = Page<HookBindingView>),
        HookBindingProblems
    )
)]
pub(crate) async fn put_hook_binding(
    State(app): State<App>,
    Caller(principal): Caller,
    HookBindingPath(point, script): HookBindingPath,
    JsonBodyOrNone(change): JsonBodyOrNone<HookBindingChange>,
) -> Result<impl IntoResponse, Problem> {
    let is_new = app.hooks().bind(&principal, &point, &script, change.position).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let bindings: Page<HookBindingView> = Page::whole(&app.hooks().bindings(&principal, &point)?);
    Ok((status, Json(bindings)))
}

/// Let a script not run at an extension point any more.
#[utoipa::path(
    delete, path = "/api/v1/hooks/{point}/bindings/{script}", tag = "hooks",
    params(
        ("point" = String, Path, description = "The point's name"),
        ("script" = String, Path, description = "The script's id or its name")
    ),
    responses((status = 204, description = "It does not"), ChangeProblems)
)]
pub(crate) async fn delete_hook_binding(
    State(app): State<App>,
    Caller(principal): Caller,
    HookBindingPath(point, script): HookBindingPath,
) -> Result<StatusCode, Problem> {
    app.hooks().unbind(&principal, &point, &script).await?;
    Ok(StatusCode::NO_CONTENT)
}
