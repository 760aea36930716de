//! `/operator/users`: the people of the deployment. No tenant changes them.

use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use domain::UnixMillis;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    views::{
        operators::{NewUser, UserChange, UserDetail, UserRecord, UserReset, UserSession},
        pages::{self, Page},
        sessions::SessionsEnded,
    },
    web::{
        body::JsonBody,
        caller::OperatorCaller,
        extract::Params,
        named::UserPath,
        problem::Problem,
        responses::{ChangeProblems, ListProblems, OperatorProblems, ReadProblems},
    },
};

/// Which users to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsersQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<Uuid>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List users, in the order in which they were made.
#[utoipa::path(
    get, path = "/api/v1/operator/users", tag = "operator", params(UsersQuery),
    responses((status = 200, description = "A page of users", body = Page<UserRecord>), ListProblems)
)]
pub(crate) async fn browse_users(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    Params(query): Params<UsersQuery>,
) -> Result<Json<Page<UserRecord>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let users = app.operators().users(&operator, query.cursor.map(Into::into), limit)?;
    Ok(Json(Page::new(&users, limit, |last| last.user.id.to_string())))
}

/// Make a user, who belongs to no tenant and signs in by nothing yet.
#[utoipa::path(
    post, path = "/api/v1/operator/users", tag = "operator", request_body = NewUser,
    responses(
        (status = 201, description = "The user", body = UserDetail,
            headers(("Location", description = "The user's address"))),
        OperatorProblems
    )
)]
pub(crate) async fn create_user(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    JsonBody(body): JsonBody<NewUser>,
) -> Result<impl IntoResponse, Problem> {
    let user = app.operators().create_user(&operator, body.input()?).await?;
    let location = format!("/api/v1/operator/users/{}", user.account.user.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(UserDetail::from(&user))))
}

/// Show a user, and the tenants that the person belongs to.
#[utoipa::path(
    get, path = "/api/v1/operator/users/{user}", tag = "operator",
    params(("user" = Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "The user", body = UserDetail), ReadProblems)
)]
pub(crate) async fn show_user(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    UserPath(user): UserPath,
) -> Result<Json<UserDetail>, Problem> {
    Ok(Json(UserDetail::from(&app.operators().user(&operator, user)?)))
}

/// Change a user: address and name, whether the person is an operator, and whether the person may do anything at all.
#[utoipa::path(
    patch, path = "/api/v1/operator/users/{user}", tag = "operator",
    params(("user" = Uuid, Path, description = "The user's id")),
    request_body(content = UserChange, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The user", body = UserDetail), OperatorProblems)
)]
pub(crate) async fn change_user(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    UserPath(user): UserPath,
    JsonBody(body): JsonBody<UserChange>,
) -> Result<Json<UserDetail>, Problem> {
    Ok(Json(UserDetail::from(&app.operators().change_user(&operator, user, body.patch()?).await?)))
}

/// Make a link by which the user sets a password once, within 24 hours. Links of before are good no more. Give it to the
/// person: Skerry sends no mail.
#[utoipa::path(
    post, path = "/api/v1/operator/users/{user}/reset", tag = "operator",
    params(("user" = Uuid, Path, description = "The user's id")),
    responses((status = 201, description = "The link, shown once", body = UserReset), ChangeProblems)
)]
pub(crate) async fn reset_user(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    UserPath(user): UserPath,
) -> Result<impl IntoResponse, Problem> {
    let link = app.sign_in().reset_link(&operator, user, UnixMillis::now()).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(UserReset::from(link))))
}

/// List a user's sessions.
#[utoipa::path(
    get, path = "/api/v1/operator/users/{user}/sessions", tag = "operator",
    params(("user" = Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "All of them, on one page", body = Page<UserSession>), ReadProblems)
)]
pub(crate) async fn browse_user_sessions(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    UserPath(user): UserPath,
) -> Result<Json<Page<UserSession>>, Problem> {
    app.operators().user(&operator, user)?;
    let sessions = app.sessions().list_of(&operator, user, UnixMillis::now())?;
    Ok(Json(Page::of(sessions.iter().map(UserSession::from).collect())))
}

/// End a user's sessions. Within a second nothing accepts them any more.
#[utoipa::path(
    delete, path = "/api/v1/operator/users/{user}/sessions", tag = "operator",
    params(("user" = Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "How many ended", body = SessionsEnded), ChangeProblems)
)]
pub(crate) async fn end_user_sessions(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    UserPath(user): UserPath,
) -> Result<Json<SessionsEnded>, Problem> {
    app.operators().user(&operator, user)?;
    Ok(Json(SessionsEnded { ended: app.sessions().end_all_of(&operator, user).await? }))
}
