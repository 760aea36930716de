//! People, roles, tenants and plans that a path names. What cannot name anything is answered like what is not there.

use axum::extract::FromRequestParts;
use domain::{InvitationId, RoleName, TenantId, UserId};
use http::request::Parts;

use super::{
    extract::{nothing, segments},
    problem::Problem,
};

macro_rules! named {
    ($($(#[$doc:meta])* $path:ident($name:ty) = $what:literal by $read:expr;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(crate) struct $path(pub(crate) $name);

            impl<S: Send + Sync> FromRequestParts<S> for $path {
                type Rejection = Problem;

                async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                    let text: String = segments(parts, state, $what).await?;
                    $read(&text).map(Self).ok_or_else(|| nothing($what))
                }
            }
        )+
    };
}

named! {
    /// The member that the path names, by the user's id.
    MemberPath(UserId) = "member" by |text: &str| text.parse().ok();
    /// The user that the path names.
    UserPath(UserId) = "user" by |text: &str| text.parse().ok();
    /// The invitation that the path names.
    InvitationPath(InvitationId) = "invitation" by |text: &str| text.parse().ok();
    /// The tenant that an operator's path names.
    TenantPath(TenantId) = "tenant" by |text: &str| text.parse().ok();
    /// The role that the path names.
    RolePath(RoleName) = "role" by |text: &str| RoleName::parse(text).ok();
    /// The plan that the path names: it has a name of a role's form.
    PlanPath(RoleName) = "plan" by |text: &str| RoleName::parse(text).ok();
}
