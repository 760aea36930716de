//! `/.well-known/jwks.json`: the public keys with which the operator's services verify who calls them.

use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use http::header;
use serde::Serialize;
use utoipa::ToSchema;

/// How long a service may keep the keys: the next one is among them long before it signs.
const KEPT_FOR: &str = "public, max-age=3600";

/// Public keys (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeySet {
    keys: Vec<PublicKey>,
}

/// A public key (RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicKey {
    #[schema(example = "OKP")]
    kty: &'static str,
    #[schema(example = "Ed25519")]
    crv: &'static str,
    #[schema(example = "EdDSA")]
    alg: &'static str,
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    usage: &'static str,
    /// The key's name, which a token has in its header.
    kid: String,
    /// The key, in base64url.
    x: String,
}

/// The public keys of the tokens that calls of services carry.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "health", security(()),
    responses((status = 200, description = "The keys", body = KeySet))
)]
pub(crate) async fn show_service_keys(State(app): State<App>) -> impl IntoResponse {
    let keys = app.service_keys().iter().map(|key| PublicKey {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        usage: "sig",
        kid: key.id.clone(),
        x: key.x.clone(),
    });
    ([(header::CACHE_CONTROL, KEPT_FOR)], Json(KeySet { keys: keys.collect() }))
}
