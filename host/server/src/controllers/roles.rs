//! `/roles`: what members may do, by name.

use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};

use crate::{
    views::{
        pages::Page,
        people::{NewRole, RoleBody, RoleChange},
    },
    web::{
        body::JsonBody,
        caller::Caller,
        etag::{IfMatch, of_revision},
        named::RolePath,
        problem::Problem,
        responses::{PeopleProblems, ReadProblems, RoleRemovalProblems},
    },
};

/// List every role: the built-in ones, then the tenant's own by name.
#[utoipa::path(
    get, path = "/api/v1/roles", tag = "people",
    responses((status = 200, description = "All roles, on one page", body = Page<RoleBody>), ReadProblems)
)]
pub(crate) async fn browse_roles(
    State(app): State<App>,
    Caller(principal): Caller,
) -> Result<Json<Page<RoleBody>>, Problem> {
    let roles = app.roles().list(&principal)?;
    Ok(Json(Page::new(&roles, u32::MAX, |_| String::new())))
}

/// Show a role.
#[utoipa::path(
    get, path = "/api/v1/roles/{role}", tag = "people",
    params(("role" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The role", body = RoleBody,
            headers(("ETag", description = "What `If-Match` of a change names; a built-in role has none"))),
        ReadProblems
    )
)]
pub(crate) async fn show_role(
    State(app): State<App>,
    Caller(principal): Caller,
    RolePath(role): RolePath,
) -> Result<impl IntoResponse, Problem> {
    let role = app.roles().get(&principal, &role)?;
    let tag = match &role {
        app::RoleView::Own(own) => Some([(header::ETAG, of_revision(own.revision))]),
        app::RoleView::BuiltIn(_) => None,
    };
    Ok((tag, Json(RoleBody::from(&role))))
}

/// Make a role. It gives what it names and you hold, now and later.
#[utoipa::path(
    post, path = "/api/v1/roles", tag = "people", request_body = NewRole,
    responses(
        (status = 201, description = "The role", body = RoleBody,
            headers(("Location", description = "The role's address"))),
        PeopleProblems
    )
)]
pub(crate) async fn create_role(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<NewRole>,
) -> Result<impl IntoResponse, Problem> {
    let (name, permissions) = body.parts()?;
    let location = format!("/api/v1/roles/{name}");
    let role = app.roles().create(&principal, name, body.description, permissions).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(RoleBody::from(&role))))
}

/// Change a role of the tenant's own. Its members' rights follow at once.
#[utoipa::path(
    patch, path = "/api/v1/roles/{role}", tag = "people",
    params(("role" = String, Path, description = "Its name")),
    request_body(content = RoleChange, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The role", body = RoleBody), PeopleProblems)
)]
pub(crate) async fn change_role(
    State(app): State<App>,
    Caller(principal): Caller,
    RolePath(role): RolePath,
    IfMatch(revision): IfMatch,
    JsonBody(body): JsonBody<RoleChange>,
) -> Result<Json<RoleBody>, Problem> {
    Ok(Json(RoleBody::from(&app.roles().change(&principal, &role, revision, body.patch()).await?)))
}

/// Delete a role that nobody has, and that nobody is invited in.
#[utoipa::path(
    delete, path = "/api/v1/roles/{role}", tag = "people",
    params(("role" = String, Path, description = "Its name")),
    responses((status = 204, description = "It is gone"), RoleRemovalProblems)
)]
pub(crate) async fn delete_role(
    State(app): State<App>,
    Caller(principal): Caller,
    RolePath(role): RolePath,
    IfMatch(revision): IfMatch,
) -> Result<StatusCode, Problem> {
    app.roles().delete(&principal, &role, revision).await?;
    Ok(StatusCode::NO_CONTENT)
}
