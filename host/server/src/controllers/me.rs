//! `/me`: who acts.

use axum::Json;
use domain::Actor;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    views::words::PermissionWord,
    web::{caller::Caller, responses::ReadProblems},
};

/// Who acts by the presented token or session, and what may be done by it now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    tenant_id: Uuid,
    user_id: Option<Uuid>,
    token_id: Option<Uuid>,
    session_id: Option<Uuid>,
    permissions: Vec<PermissionWord>,
}

/// Show who acts, and what that person or program may do.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "me",
    responses((status = 200, description = "Who acts", body = Me), ReadProblems)
)]
pub(crate) async fn show_me(Caller(principal): Caller) -> Json<Me> {
    let (token, session) = match principal.actor {
        Actor::Token { token, .. } => (Some(token.uuid()), None),
        Actor::Session { session, .. } => (None, Some(session.uuid())),
        Actor::Local | Actor::PublicCaller | Actor::System => (None, None),
    };
    Json(Me {
        tenant_id: principal.tenant.uuid(),
        user_id: principal.user().map(|user| user.uuid()),
        token_id: token,
        session_id: session,
        permissions: principal.permissions.iter().map(PermissionWord).collect(),
    })
}
