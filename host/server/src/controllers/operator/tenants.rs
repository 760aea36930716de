//! `/operator/tenants`: the platform's customers.

use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use domain::TenantSlug;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    controllers::usage::UsageBody,
    views::{
        operators::{AdminInvitation, NewTenant, Suspension, TenantAccount, TenantAccountChange, TenantMade},
        pages::{self, Page},
        people::InvitationMade,
    },
    web::{
        body::JsonBody,
        caller::OperatorCaller,
        etag::{IfMatch, of_revision},
        extract::Params,
        named::TenantPath,
        problem::Problem,
        responses::{ListProblems, OperatorProblems, OperatorRemovalProblems, ReadProblems},
    },
};

/// Which tenants to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantsQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List tenants, by slug; deleted ones too.
#[utoipa::path(
    get, path = "/api/v1/operator/tenants", tag = "operator", params(TenantsQuery),
    responses((status = 200, description = "A page of tenants", body = Page<TenantAccount>), ListProblems)
)]
pub(crate) async fn browse_tenants(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    Params(query): Params<TenantsQuery>,
) -> Result<Json<Page<TenantAccount>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let after = query.cursor.as_deref().map(TenantSlug::parse).transpose()?;
    let tenants = app.operators().tenants(&operator, after.as_ref(), limit)?;
    Ok(Json(Page::new(&tenants, limit, |last| last.account.tenant.slug.to_string())))
}

/// Make a tenant, and invite its first admin.
#[utoipa::path(
    post, path = "/api/v1/operator/tenants", tag = "operator", request_body = NewTenant,
    responses(
        (status = 201, description = "The tenant, and the invitation with its secret, shown once", body = TenantMade,
            headers(("Location", description = "The tenant's address"))),
        OperatorProblems
    )
)]
pub(crate) async fn create_tenant(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    JsonBody(body): JsonBody<NewTenant>,
) -> Result<impl IntoResponse, Problem> {
    let (tenant, invitation) = app.operators().create_tenant(&operator, body.input()?).await?;
    let location = format!("/api/v1/operator/tenants/{}", tenant.account.tenant.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(TenantMade::new(&tenant, &invitation))))
}

/// Show a tenant.
#[utoipa::path(
    get, path = "/api/v1/operator/tenants/{tenant}", tag = "operator",
    params(("tenant" = Uuid, Path, description = "Its id")),
    responses(
        (status = 200, description = "The tenant", body = TenantAccount,
            headers(("ETag", description = "What `If-Match` of a change names"))),
        ReadProblems
    )
)]
pub(crate) async fn show_tenant(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    TenantPath(tenant): TenantPath,
) -> Result<impl IntoResponse, Problem> {
    let tenant = app.operators().tenant(&operator, tenant)?;
    Ok(([(header::ETAG, of_revision(tenant.account.revision))], Json(TenantAccount::from(&tenant))))
}

/// Change a tenant: its name, its plan, limits and quotas of its own. They hold for whatever begins from now on.
#[utoipa::path(
    patch, path = "/api/v1/operator/tenants/{tenant}", tag = "operator",
    params(("tenant" = Uuid, Path, description = "Its id")),
    request_body(content = TenantAccountChange, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The tenant", body = TenantAccount), OperatorProblems)
)]
pub(crate) async fn change_tenant(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    TenantPath(tenant): TenantPath,
    IfMatch(revision): IfMatch,
    JsonBody(body): JsonBody<TenantAccountChange>,
) -> Result<Json<TenantAccount>, Problem> {
    let patch = body.patch(app.limits())?;
    Ok(Json(TenantAccount::from(&app.operators().change_tenant(&operator, tenant, revision, patch).await?)))
}

/// Delete a tenant for good: its key is destroyed, so that what was sealed is readable nowhere, in backups neither. What
/// runs ends, its rows go, and its slug stays taken.
#[utoipa::path(
    delete, path = "/api/v1/operator/tenants/{tenant}", tag = "operator",
    params(("tenant" = Uuid, Path, description = "Its id")),
    responses((status = 204, description = "It is gone"), OperatorRemovalProblems)
)]
pub(crate) async fn delete_tenant(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    TenantPath(tenant): TenantPath,
    IfMatch(revision): IfMatch,
) -> Result<StatusCode, Problem> {
    app.operators().delete_tenant(&operator, tenant, revision).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Suspend a tenant: nothing of it runs, and its members are told why. What was accepted waits.
#[utoipa::path(
    post, path = "/api/v1/operator/tenants/{tenant}/suspend", tag = "operator",
    params(("tenant" = Uuid, Path, description = "Its id")), request_body = Suspension,
    responses((status = 200, description = "The tenant", body = TenantAccount), OperatorProblems)
)]
pub(crate) async fn suspend_tenant(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    TenantPath(tenant): TenantPath,
    JsonBody(body): JsonBody<Suspension>,
) -> Result<Json<TenantAccount>, Problem> {
    let suspended = app.operators().suspend_tenant(&operator, tenant, body.reason()?).await?;
    Ok(Json(TenantAccount::from(&suspended)))
}

/// Let a suspended tenant go on: what was accepted runs.
#[utoipa::path(
    post, path = "/api/v1/operator/tenants/{tenant}/resume", tag = "operator",
    params(("tenant" = Uuid, Path, description = "Its id")),
    responses((status = 200, description = "The tenant", body = TenantAccount), OperatorRemovalProblems)
)]
pub(crate) async fn resume_tenant(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    TenantPath(tenant): TenantPath,
) -> Result<Json<TenantAccount>, Problem> {
    Ok(Json(TenantAccount::from(&app.operators().resume_tenant(&operator, tenant).await?)))
}

/// Show what a tenant has and uses, in numbers.
#[utoipa::path(
    get, path = "/api/v1/operator/tenants/{tenant}/usage", tag = "operator",
    params(("tenant" = Uuid, Path, description = "Its id")),
    responses((status = 200, description = "Usage and quotas", body = UsageBody), ReadProblems)
)]
pub(crate) async fn show_tenant_usage(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    TenantPath(tenant): TenantPath,
) -> Result<Json<UsageBody>, Problem> {
    Ok(Json(app.operators().usage(&operator, tenant)?.into()))
}

/// Invite an admin to a tenant, as where its last one is gone.
#[utoipa::path(
    post, path = "/api/v1/operator/tenants/{tenant}/invitations", tag = "operator",
    params(("tenant" = Uuid, Path, description = "Its id")), request_body = AdminInvitation,
    responses(
        (status = 201, description = "The invitation with its secret, shown once", body = InvitationMade),
        OperatorProblems
    )
)]
pub(crate) async fn invite_tenant_admin(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    TenantPath(tenant): TenantPath,
    JsonBody(body): JsonBody<AdminInvitation>,
) -> Result<impl IntoResponse, Problem> {
    let issued = app.operators().invite_admin(&operator, tenant, body.email()?).await?;
    Ok((StatusCode::CREATED, Json(InvitationMade::from(&issued))))
}
