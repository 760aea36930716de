//! `/invitations`: how people come to belong to the tenant.

use app::{App, AppError, PlainPassword};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{DisplayName, UnixMillis};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::sign_in::signed_in;
use crate::{
    views::{
        pages::{self, Page},
        people::{
            InvitationBody, InvitationMade, InvitationPreview, InvitationSecret, InvitationSignIn, InvitationTaken,
            NewInvitation,
        },
        sessions::SessionView,
    },
    web::{
        body::JsonBody,
        caller::{Caller, SignedIn, Visiting},
        extract::Params,
        named::InvitationPath,
        problem::Problem,
        responses::{
            ChangeProblems, InvitationProblems, InvitationSignInProblems, ListProblems, PeopleProblems, ReadProblems,
        },
    },
};

/// Which invitations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InvitationsQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<Uuid>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List invitations, the latest first; those that ended too.
#[utoipa::path(
    get, path = "/api/v1/invitations", tag = "people", params(InvitationsQuery),
    responses((status = 200, description = "A page of invitations", body = Page<InvitationBody>), ListProblems)
)]
pub(crate) async fn browse_invitations(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<InvitationsQuery>,
) -> Result<Json<Page<InvitationBody>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let invitations = app.invitations().list(&principal, query.cursor.map(Into::into), limit)?;
    Ok(Json(Page::new(&invitations, limit, |last| last.id.to_string())))
}

/// Invite somebody by an address. It can be taken for seven days, by a person with this address; the answer is the same
/// whether the address is known or not.
#[utoipa::path(
    post, path = "/api/v1/invitations", tag = "people", request_body = NewInvitation,
    responses(
        (status = 201, description = "The invitation with its secret, shown once", body = InvitationMade,
            headers(("Location", description = "The invitation's address"))),
        PeopleProblems
    )
)]
pub(crate) async fn create_invitation(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<NewInvitation>,
) -> Result<impl IntoResponse, Problem> {
    let (email, role) = body.parts()?;
    let issued = app.invitations().create(&principal, email, role).await?;
    let location = format!("/api/v1/invitations/{}", issued.invitation.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(InvitationMade::from(&issued))))
}

/// Show an invitation.
#[utoipa::path(
    get, path = "/api/v1/invitations/{invitation}", tag = "people",
    params(("invitation" = Uuid, Path, description = "Its id")),
    responses((status = 200, description = "The invitation", body = InvitationBody), ReadProblems)
)]
pub(crate) async fn show_invitation(
    State(app): State<App>,
    Caller(principal): Caller,
    InvitationPath(invitation): InvitationPath,
) -> Result<Json<InvitationBody>, Problem> {
    Ok(Json(InvitationBody::from(&app.invitations().get(&principal, invitation)?)))
}

/// Revoke an invitation, so that nobody takes it.
#[utoipa::path(
    delete, path = "/api/v1/invitations/{invitation}", tag = "people",
    params(("invitation" = Uuid, Path, description = "Its id")),
    responses((status = 204, description = "It is revoked"), ChangeProblems)
)]
pub(crate) async fn revoke_invitation(
    State(app): State<App>,
    Caller(principal): Caller,
    InvitationPath(invitation): InvitationPath,
) -> Result<StatusCode, Problem> {
    app.invitations().revoke(&principal, invitation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take an invitation as the person who is signed in. It is for one address, and is nothing to anybody else.
#[utoipa::path(
    post, path = "/api/v1/invitations/accept", tag = "people", request_body = InvitationSecret,
    security(("session" = [])),
    responses((status = 200, description = "What it was to", body = InvitationTaken), InvitationProblems)
)]
pub(crate) async fn accept_invitation(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    JsonBody(body): JsonBody<InvitationSecret>,
) -> Result<Json<InvitationTaken>, Problem> {
    if person.must_change_password() {
        return Err(AppError::PasswordChangeRequired.into());
    }
    // A session of a tenant's identity provider is for that tenant alone (RULES 17).
    if person.is_confined() {
        return Err(AppError::NotFound { what: "invitation" }.into());
    }
    let accepted = app.invitations().accept(person.user(), &body.secret).await?;
    Ok(Json(InvitationTaken::new(&accepted)))
}

/// Take an invitation as somebody who has no user yet: with a name and a password, and the address of the invitation. The
/// session acts in its tenant.
#[utoipa::path(
    post, path = "/api/v1/sign-in/invitation", tag = "sign-in", security(()), request_body = InvitationSignIn,
    responses(
        (status = 200, description = "Who is signed in", body = SessionView,
            headers(("Set-Cookie", description = "The session"))),
        InvitationSignInProblems
    )
)]
pub(crate) async fn sign_in_by_invitation(
    State(app): State<App>,
    Visiting { visitor, origin }: Visiting,
    JsonBody(body): JsonBody<InvitationSignIn>,
) -> Result<Response, Problem> {
    let name = DisplayName::parse("name", &body.name)?;
    let password = PlainPassword::chosen(body.password)?;
    let now = UnixMillis::now();
    let issued = app.sign_in().by_invitation((&body.secret, &name, password), &visitor, now).await?;
    signed_in(&app, issued, &origin, now)
}

/// See what an invitation is to, for whoever holds its secret.
#[utoipa::path(
    post, path = "/api/v1/invitations/preview", tag = "people", request_body = InvitationSecret, security(()),
    responses((status = 200, description = "What it is to", body = InvitationPreview), InvitationProblems)
)]
pub(crate) async fn preview_invitation(
    State(app): State<App>,
    JsonBody(body): JsonBody<InvitationSecret>,
) -> Result<Json<InvitationPreview>, Problem> {
    Ok(Json(InvitationPreview::from(&app.invitations().preview(&body.secret)?)))
}
