//! Pages: what people see in a browser. Each is read here, on the server; whatever changes something is a request of the
//! page's to the API, by the same session (decision 16).

mod answer;
mod assets;
mod audit;
mod editor;
mod endpoints;
mod events;
mod execution;
mod executions;
mod format;
mod frame;
mod hooks;
mod members;
mod operator;
mod palette;
mod people;
mod people_of;
mod schedules;
mod script;
mod script_docs;
mod script_runs;
mod script_settings;
mod script_triggers;
mod script_versions;
mod scripts;
mod secrets;
mod settings;
mod storage;
mod tokens;
mod usage;
mod values;
mod visit;
mod webhooks;
mod words;

use app::App;
use axum::{Router, middleware, routing::get};
use tower_http::compression::CompressionLayer;

pub(crate) use self::endpoints::EndpointsAt;
use self::{
    assets::send_asset,
    audit::*,
    editor::editor_page,
    endpoints::{endpoint_page, endpoints_page},
    events::*,
    execution::*,
    executions::executions_page,
    hooks::hooks_page,
    members::*,
    operator::*,
    palette::palette,
    people::*,
    schedules::{schedule_page, schedules_page},
    script_docs::docs_page,
    script_runs::runs_page,
    script_settings::script_settings_page,
    script_triggers::{next_runs_part, triggers_page},
    script_versions::versions_page,
    scripts::*,
    secrets::*,
    settings::*,
    storage::*,
    tokens::*,
    usage::*,
    visit::{know_visitor, tell_people},
    webhooks::{attempts_part, webhook_page, webhooks_page},
};
use crate::web::rates::limit_rate;

/// The pages, and `api` for everything else.
pub(crate) fn around(app: App, api: Router) -> Router {
    let pages = Router::new()
        .route("/", get(first_page))
        .route("/sign-in", get(sign_in_page))
        .route("/sign-in/reset", get(reset_page))
        .route("/password", get(password_page))
        .route("/tenants", get(tenants_page))
        .route("/invitation", get(invitation_page))
        .route("/account", get(account_page))
        .route("/palette", get(palette))
        .route("/scripts", get(scripts_page))
        .route("/scripts/new", get(new_script_page))
        .route("/usage", get(usage_page))
        .route("/audit", get(audit_page))
        .route("/storage", get(storage_page))
        .route("/secrets", get(secrets_page))
        .route("/members", get(members_page))
        .route("/roles", get(roles_page))
        .route("/tokens", get(tokens_page))
        .route("/settings", get(settings_page))
        .route("/operator/tenants", get(operator_tenants_page))
        .route("/operator/tenants/{tenant}", get(operator_tenant_page))
        .route("/operator/plans", get(operator_plans_page))
        .route("/operator/users", get(operator_users_page))
        .route("/operator/users/{user}", get(operator_user_page))
        .route("/operator/health", get(operator_health_page))
        .route("/operator/audit", get(operator_audit_page))
        .route("/scripts/{script}", get(editor_page))
        .route("/scripts/{script}/triggers", get(triggers_page))
        .route("/scripts/{script}/triggers/next-runs", get(next_runs_part))
        .route("/scripts/{script}/settings", get(script_settings_page))
        .route("/scripts/{script}/versions", get(versions_page))
        .route("/scripts/{script}/runs", get(runs_page))
        .route("/scripts/{script}/docs", get(docs_page))
        .merge(runs_and_triggers())
        .with_state(app.clone())
        .layer(middleware::from_fn_with_state(app.clone(), limit_rate))
        .layer(middleware::from_fn_with_state(app.clone(), know_visitor))
        .layer(CompressionLayer::new().gzip(true));
    // Addresses of files have no visitor: whoever is not signed in sees the page to sign in with its style.
    let assets = Router::new().route("/assets/{name}", get(send_asset));
    pages.merge(assets).fallback_service(api).layer(middleware::from_fn_with_state(app, tell_people))
}

/// What ran, and what starts scripts.
fn runs_and_triggers() -> Router<App> {
    Router::new()
        .route("/executions", get(executions_page))
        .route("/executions/{execution}", get(execution_page))
        .route("/executions/{execution}/calls/{call}", get(call_part))
        .route("/executions/{execution}/log.txt", get(log_file))
        .route("/executions/{execution}/input.json", get(input_file))
        .route("/executions/{execution}/result.json", get(result_file))
        .route("/schedules", get(schedules_page))
        .route("/schedules/{schedule}", get(schedule_page))
        .route("/endpoints", get(endpoints_page))
        .route("/endpoints/{script}", get(endpoint_page))
        .route("/events", get(events_page))
        .route("/events/subscriptions", get(subscriptions_page))
        .route("/events/subscriptions/{subscription}", get(subscription_page))
        .route("/events/dead-letters", get(dead_letters_page))
        .route("/events/dead-letters/{dead_letter}", get(dead_letter_page))
        .route("/events/{event}", get(event_page))
        .route("/webhooks", get(webhooks_page))
        .route("/webhooks/{webhook}", get(webhook_page))
        .route("/webhooks/{webhook}/deliveries/{delivery}", get(attempts_part))
        .route("/hooks", get(hooks_page))
}
