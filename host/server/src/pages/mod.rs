//! Pages: what people see in a browser. Each is read here, on the server; whatever changes something is a request of the
//! page's to the API, by the same session (decision 16).

mod answer;
mod assets;
mod format;
mod frame;
mod palette;
mod people;
mod scripts;
mod visit;
mod words;

use app::App;
use axum::{Router, middleware, routing::get};
use tower_http::compression::CompressionLayer;

use self::{
    assets::send_asset,
    palette::palette,
    people::*,
    scripts::*,
    visit::{know_visitor, tell_people},
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
        .with_state(app.clone())
        .layer(middleware::from_fn_with_state(app.clone(), limit_rate))
        .layer(middleware::from_fn_with_state(app.clone(), know_visitor))
        .layer(CompressionLayer::new().gzip(true));
    // Addresses of files have no visitor: whoever is not signed in sees the page to sign in with its style.
    let assets = Router::new().route("/assets/{name}", get(send_asset));
    pages.merge(assets).fallback_service(api).layer(middleware::from_fn_with_state(app, tell_people))
}
