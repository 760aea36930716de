//! The API's routes, and the OpenAPI document that is made of them.

use app::App;
use axum::{
    Router,
    extract::{FromRef, State},
    middleware,
    response::IntoResponse,
};
use bytes::Bytes;
use http::header;
use utoipa::{
    OpenApi as _,
    openapi::{
        OpenApi,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    controllers::{
        audit::*,
        bulk::*,
        dead_letters::*,
        docs::*,
        documents::*,
        drafts::*,
        egress::*,
        endpoints::*,
        events::*,
        executions::*,
        health::*,
        hooks::*,
        inference::*,
        invitations::*,
        keys::*,
        me::*,
        members::*,
        operator::{health::*, plans::*, tenants::*, tokens::*, users::*},
        providers::*,
        replays::*,
        roles::*,
        runs::*,
        schedules::*,
        scripts::*,
        secrets::*,
        services::*,
        sessions::*,
        sign_in::*,
        sign_in_elsewhere::*,
        storage::*,
        subscriptions::*,
        tokens::*,
        trials::*,
        types::*,
        usage::*,
        versions::*,
        webhooks::*,
    },
    pages,
    views::docs::DocsPage,
    web::{
        bounds,
        chain::follow_chain,
        conditional::{Conditions, Offered, hold_conditions},
        cookies,
        described::describe_operations,
        keyed::handle_once,
        layers,
        rates::limit_rate,
        recognise::recognise,
        responses,
        signed::sign_cursors,
    },
};

/// What the handlers share.
#[derive(Clone, Debug)]
struct Api {
    app: App,
    document: Document,
    page: DocsPage,
}

/// The OpenAPI document as it is sent.
#[derive(Clone, Debug)]
struct Document(Bytes);

impl FromRef<Api> for App {
    fn from_ref(api: &Api) -> Self {
        api.app.clone()
    }
}

impl FromRef<Api> for DocsPage {
    fn from_ref(api: &Api) -> Self {
        api.page.clone()
    }
}

impl FromRef<Api> for Document {
    fn from_ref(api: &Api) -> Self {
        api.document.clone()
    }
}

/// What the document says beside the operations.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(
    info(
        title = "Skerry",
        version = "1",
        description = "Scripts of your customers, each run in a sandbox of its own.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    security(("token" = []), ("session" = [])),
    tags(
        (name = "scripts", description = "Scripts and their settings"),
        (name = "drafts", description = "What is written before it runs"),
        (name = "versions", description = "What was deployed"),
        (name = "executions", description = "Running scripts, and what came of it"),
        (name = "hooks", description = "Extension points of the host application"),
        (name = "schedules", description = "When scripts run by themselves"),
        (name = "events", description = "What happened, and which scripts run on it"),
        (name = "services", description = "What scripts can call"),
        (name = "storage", description = "What scripts keep"),
        (name = "secrets", description = "What scripts use and never read"),
        (name = "endpoints", description = "What answers requests, and what those are signed with"),
        (name = "egress", description = "Which hosts scripts may reach"),
        (name = "usage", description = "What the tenant has and uses"),
        (name = "webhooks", description = "Where events are sent outside"),
        (name = "sign-in", description = "Signing in, and sessions"),
        (name = "people", description = "Members, roles and invitations"),
        (name = "operator", description = "What whoever runs the deployment does"),
        (name = "audit", description = "What was done, and what was refused"),
        (name = "me", description = "Whose token it is"),
        (name = "health", description = "For whoever runs the server")
    )
)]
struct About;

/// The router of the first listener: the API, and the pages that use it.
pub(crate) fn api(app: App) -> Router {
    let app_of_pages = app.clone();
    let (router, document) = described();
    let json = document.to_json().unwrap_or_default();
    let offered = Offered::of(&document);
    let page = DocsPage::of(&json);
    let chain = middleware::from_fn_with_state(app.clone(), follow_chain);
    let recognised = middleware::from_fn_with_state(app.clone(), recognise);
    let limited = middleware::from_fn_with_state(app.clone(), limit_rate);
    let signed = middleware::from_fn_with_state(app.clone(), sign_cursors);
    let once = middleware::from_fn_with_state(app.clone(), handle_once);
    let handlers = router
        .with_state(Api { app: app.clone(), document: Document(Bytes::from(json)), page })
        .method_not_allowed_fallback(layers::answer_wrong_method)
        .fallback(layers::answer_unknown_route);
    let conditions = Conditions { app, handlers: handlers.clone(), offered };
    let conditional = middleware::from_fn_with_state(conditions, hold_conditions);
    let api = handlers.layer(chain).layer(conditional).layer(once).layer(signed).layer(limited).layer(recognised);
    pages::around(app_of_pages, api)
}

/// The OpenAPI document of the API, as JSON for people.
///
/// # Errors
/// Never: the document is made of plain values.
pub fn openapi() -> serde_json::Result<String> {
    let mut json = described().1.to_pretty_json()?;
    json.push('\n');
    Ok(json)
}

fn described() -> (Router<Api>, OpenApi) {
    let (router, mut document) = OpenApiRouter::<Api>::with_openapi(About::openapi())
        .routes(routes!(browse_scripts, create_script))
        .routes(routes!(show_script, change_settings, delete_script))
        .routes(routes!(adopt_script))
        .routes(routes!(infer_capabilities))
        .routes(routes!(change_scripts))
        .routes(routes!(show_draft, save_draft))
        .routes(routes!(deploy_draft))
        .routes(routes!(check_source))
        .routes(routes!(test_script))
        .routes(routes!(browse_versions))
        .routes(routes!(show_version))
        .routes(routes!(diff_version))
        .routes(routes!(activate_version))
        .routes(routes!(start_execution))
        .routes(routes!(invoke_script))
        .routes(routes!(browse_executions))
        .routes(routes!(watch_executions))
        .routes(routes!(cancel_executions))
        .routes(routes!(retry_executions))
        .routes(routes!(show_execution))
        .routes(routes!(show_logs))
        .routes(routes!(show_calls))
        .routes(routes!(show_attempts))
        .routes(routes!(cancel_execution))
        .routes(routes!(retry_execution))
        .routes(routes!(replay_execution))
        .routes(routes!(browse_hooks))
        .routes(routes!(run_hook))
        .routes(routes!(browse_hook_bindings))
        .routes(routes!(put_hook_binding, delete_hook_binding))
        .routes(routes!(browse_schedules, create_schedule))
        .routes(routes!(preview_schedule))
        .routes(routes!(show_schedule, change_schedule, delete_schedule))
        .routes(routes!(pause_schedule))
        .routes(routes!(resume_schedule))
        .routes(routes!(run_schedule))
        .routes(routes!(browse_slots))
        .routes(routes!(show_egress, change_egress))
        .routes(routes!(browse_events, publish_event))
        .routes(routes!(show_event))
        .routes(routes!(browse_subscriptions, create_subscription))
        .routes(routes!(show_subscription, change_subscription, delete_subscription))
        .routes(routes!(browse_deliveries))
        .routes(routes!(browse_dead_letters))
        .routes(routes!(show_dead_letter, delete_dead_letter))
        .routes(routes!(redrive_dead_letter))
        .routes(routes!(browse_endpoints))
        .routes(routes!(show_endpoint_secrets))
        .routes(routes!(rotate_endpoint_secret))
        .routes(routes!(put_endpoint_secret, delete_endpoint_secret))
        .routes(routes!(show_types))
        .routes(routes!(show_me))
        .routes(routes!(show_usage))
        .routes(routes!(browse_services))
        .routes(routes!(show_service))
        .routes(routes!(browse_storage))
        .routes(routes!(show_storage_entry, put_storage_entry, delete_storage_entry))
        .routes(routes!(browse_documents))
        .routes(routes!(show_document, put_document, delete_document))
        .routes(routes!(browse_secrets))
        .routes(routes!(show_secret, put_secret, change_secret, delete_secret))
        .routes(routes!(browse_webhooks, create_webhook))
        .routes(routes!(show_webhook, change_webhook, delete_webhook))
        .routes(routes!(rotate_webhook))
        .routes(routes!(test_webhook))
        .routes(routes!(browse_webhook_deliveries))
        .routes(routes!(show_webhook_delivery))
        .routes(routes!(resend_webhook_delivery))
        .routes(routes!(sign_in_by_password))
        .routes(routes!(reset_password))
        .routes(routes!(sign_in_by_platform))
        .routes(routes!(show_sign_in_methods))
        .routes(routes!(begin_openid))
        .routes(routes!(finish_openid))
        .routes(routes!(browse_providers, create_provider))
        .routes(routes!(show_provider, replace_provider, delete_provider))
        .routes(routes!(show_session, sign_out))
        .routes(routes!(choose_tenant))
        .routes(routes!(change_password))
        .routes(routes!(browse_sessions, end_other_sessions))
        .routes(routes!(end_session))
        .routes(routes!(browse_tokens, create_token))
        .routes(routes!(show_token, rename_token, revoke_token))
        .merge(people())
        .merge(operators())
        .routes(routes!(browse_audit))
        .routes(routes!(export_audit))
        .routes(routes!(browse_refusals))
        .routes(routes!(browse_operator_audit))
        .routes(routes!(browse_operator_refusals))
        .routes(routes!(show_service_keys))
        .routes(routes!(show_openapi))
        .routes(routes!(show_docs))
        .routes(routes!(show_docs_style))
        .routes(routes!(show_health))
        .routes(routes!(show_readiness))
        .split_for_parts();
    describe_operations(&mut document);
    let components = document.components.get_or_insert_default();
    components.schemas.extend(responses::schemas());
    bounds::describe(components);
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("token", token);
    let session = ApiKeyValue::with_description(cookies::SESSION, "Set by signing in; only for pages of this server");
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    (router, document)
}

/// Who belongs to the tenant, and what they may do.
fn people() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(browse_members))
        .routes(routes!(show_member, change_member, remove_member))
        .routes(routes!(browse_member_bindings))
        .routes(routes!(browse_roles, create_role))
        .routes(routes!(show_role, change_role, delete_role))
        .routes(routes!(browse_invitations, create_invitation))
        .routes(routes!(show_invitation, revoke_invitation))
        .routes(routes!(preview_invitation))
        .routes(routes!(accept_invitation))
        .routes(routes!(sign_in_by_invitation))
}

/// What whoever runs the deployment does.
fn operators() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(show_deployment_health))
        .routes(routes!(browse_tenants, create_tenant))
        .routes(routes!(show_tenant, change_tenant, delete_tenant))
        .routes(routes!(suspend_tenant))
        .routes(routes!(resume_tenant))
        .routes(routes!(show_tenant_usage))
        .routes(routes!(invite_tenant_admin))
        .routes(routes!(browse_users, create_user))
        .routes(routes!(show_user, change_user))
        .routes(routes!(reset_user))
        .routes(routes!(browse_user_sessions, end_user_sessions))
        .routes(routes!(browse_plans, create_plan))
        .routes(routes!(show_plan, change_plan, delete_plan))
        .routes(routes!(browse_operator_tokens, create_operator_token))
        .routes(routes!(revoke_operator_token))
}

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "The OpenAPI document", body = serde_json::Value))
)]
async fn show_openapi(State(document): State<Document>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.0)
}
