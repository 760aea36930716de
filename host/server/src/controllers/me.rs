//! `/me`: whose token it is.

use axum::Json;
use domain::Actor;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    views::words::PermissionWord,
    web::{caller::Caller, responses::ReadProblems},
};

/// Who the presented token is, and what it may do now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    tenant_id: Uuid,
    user_id: Option<Uuid>,
    token_id: Option<Uuid>,
    permissions: Vec<PermissionWord>,
}

/// Show whose token it is, and what it may do.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "me",
    responses((status = 200, description = "Whose token it is", body = Me), ReadProblems)
)]
pub(crate) async fn show_me(Caller(principal): Caller) -> Json<Me> {
    let token = match principal.actor {
        Actor::Token { token, .. } => Some(token.uuid()),
        Actor::Session { .. } | Actor::Local | Actor::PublicCaller | Actor::System => None,
    };
    Json(Me {
        tenant_id: principal.tenant.uuid(),
        user_id: principal.user().map(|user| user.uuid()),
        token_id: token,
        permissions: principal.permissions.iter().map(PermissionWord).collect(),
    })
}
