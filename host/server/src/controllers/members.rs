//! `/members`: who belongs to the tenant, in which role, and what lives by whose rights.

use app::{Adopting, App};
use axum::{Json, extract::State, response::IntoResponse};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    views::{
        pages::{self, Page},
        people::{BindingBody, HandoverBody, MemberChange, MemberChanged, MemberRecord},
    },
    web::{
        body::JsonBody,
        caller::Caller,
        etag::{IfMatch, of_revision},
        extract::Params,
        named::MemberPath,
        problem::Problem,
        responses::{ListProblems, MemberProblems, MemberRemovalProblems, ReadProblems},
    },
};

/// Which members to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MembersQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<Uuid>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// What becomes of what lives by a member's rights.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RemovalQuery {
    /// Whether you take over what lives by the member's rights, as far as you hold what it needs.
    adopt: Option<bool>,
}

/// List the tenant's members.
#[utoipa::path(
    get, path = "/api/v1/members", tag = "people", params(MembersQuery),
    responses((status = 200, description = "A page of members", body = Page<MemberRecord>), ListProblems)
)]
pub(crate) async fn browse_members(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<MembersQuery>,
) -> Result<Json<Page<MemberRecord>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let members = app.members().list(&principal, query.cursor.map(Into::into), limit)?;
    Ok(Json(Page::new(&members, limit, |last| last.user.to_string())))
}

/// Show a member.
#[utoipa::path(
    get, path = "/api/v1/members/{member}", tag = "people",
    params(("member" = Uuid, Path, description = "The user's id")),
    responses(
        (status = 200, description = "The member", body = MemberRecord,
            headers(("ETag", description = "What `If-Match` of a change names"))),
        ReadProblems
    )
)]
pub(crate) async fn show_member(
    State(app): State<App>,
    Caller(principal): Caller,
    MemberPath(member): MemberPath,
) -> Result<impl IntoResponse, Problem> {
    let member = app.members().get(&principal, member)?;
    Ok(([(header::ETAG, of_revision(member.revision))], Json(MemberRecord::from(&member))))
}

/// Give a member another role. What lives by rights that the member loses is yours where `adopt` says so.
#[utoipa::path(
    patch, path = "/api/v1/members/{member}", tag = "people",
    params(("member" = Uuid, Path, description = "The user's id")),
    request_body(content = MemberChange, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The member", body = MemberChanged), MemberProblems)
)]
pub(crate) async fn change_member(
    State(app): State<App>,
    Caller(principal): Caller,
    MemberPath(member): MemberPath,
    IfMatch(revision): IfMatch,
    JsonBody(body): JsonBody<MemberChange>,
) -> Result<Json<MemberChanged>, Problem> {
    let terms = (revision, adopting(Some(body.adopt)));
    let (member, handover) = app.members().set_role(&principal, member, body.role()?, terms).await?;
    Ok(Json(MemberChanged::new(&member, &handover)))
}

/// Remove a member, whose tokens end. Says what lived by that member's rights, and what became of it.
#[utoipa::path(
    delete, path = "/api/v1/members/{member}", tag = "people",
    params(("member" = Uuid, Path, description = "The user's id"), RemovalQuery),
    responses((status = 200, description = "The member is gone", body = HandoverBody), MemberRemovalProblems)
)]
pub(crate) async fn remove_member(
    State(app): State<App>,
    Caller(principal): Caller,
    MemberPath(member): MemberPath,
    Params(query): Params<RemovalQuery>,
) -> Result<Json<HandoverBody>, Problem> {
    let handover = app.members().remove(&principal, member, adopting(query.adopt)).await?;
    Ok(Json(HandoverBody::from(&handover)))
}

/// List what lives by a member's rights, before the member is removed or has fewer.
#[utoipa::path(
    get, path = "/api/v1/members/{member}/bindings", tag = "people",
    params(("member" = Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "All of it, on one page", body = Page<BindingBody>), ReadProblems)
)]
pub(crate) async fn browse_member_bindings(
    State(app): State<App>,
    Caller(principal): Caller,
    MemberPath(member): MemberPath,
) -> Result<Json<Page<BindingBody>>, Problem> {
    let bindings = app.members().bindings(&principal, member)?;
    Ok(Json(Page::new(&bindings, u32::MAX, |_| String::new())))
}

fn adopting(adopt: Option<bool>) -> Adopting {
    if adopt == Some(true) { Adopting::WhatIsHeld } else { Adopting::Nothing }
}
