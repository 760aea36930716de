//! Sessions and whoever is signed in, in the API's JSON.

use app::{Person, PersonDetails, Session};
use domain::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::{PermissionWord, SignInMethodWord};

/// An e-mail address and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com", "password": "a few words of hers" }))]
pub(crate) struct PasswordSignIn {
    /// The address of the account.
    #[schema(max_length = 254)]
    pub(crate) email: String,
    /// Its password.
    #[schema(format = Password, max_length = 256)]
    pub(crate) password: String,
    /// The tenant to act in, by its name in addresses. Where nothing is said, or the person does not belong to it, it is
    /// the first one that the person belongs to.
    pub(crate) tenant: Option<String>,
}

/// A link for a new password, and the password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "link": "pr_0190b0a000007000800000000000000a_…", "password": "a few words of hers" }))]
pub(crate) struct PasswordReset {
    /// What the operator gave.
    #[schema(max_length = 200)]
    pub(crate) link: String,
    /// The password to be set: 12 to 256 characters of any kind.
    #[schema(format = Password, min_length = 12, max_length = 256)]
    pub(crate) password: String,
}

/// A new password in place of the old one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "current_password": "a few words of hers", "password": "and a few words more" }))]
pub(crate) struct PasswordChange {
    /// The password that it was.
    #[schema(format = Password, max_length = 256)]
    pub(crate) current_password: String,
    /// The password to be set: 12 to 256 characters of any kind.
    #[schema(format = Password, min_length = 12, max_length = 256)]
    pub(crate) password: String,
}

/// The tenant to act in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "tenant": "acme" }))]
pub(crate) struct TenantChoice {
    /// Its name in addresses.
    #[schema(max_length = 63)]
    pub(crate) tenant: String,
}

/// Who is signed in, and what that person may do now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// The session.
    id: Uuid,
    /// Who is signed in.
    user: PersonView,
    /// The tenant that the session acts in; null where the person belongs to none, or to none that is active.
    tenant: Option<TenantOfPersonView>,
    /// Every tenant that the session could act in.
    tenants: Vec<TenantOfPersonView>,
    /// What the person may do in that tenant.
    permissions: Vec<PermissionWord>,
    /// How the person signed in.
    method: SignInMethodWord,
    /// Whether the password has to be changed before anything else is allowed.
    must_change_password: bool,
    /// Whether the person acts as an operator.
    is_operator: bool,
    /// When the session ends however much it is used.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonView {
    id: Uuid,
    email: String,
    name: String,
}

/// A tenant of a person's.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TenantOfPersonView {
    id: Uuid,
    /// Its name in addresses.
    slug: String,
    /// Its name for people.
    name: String,
}

/// A session in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionRecord {
    id: Uuid,
    /// Whether it is the one that asks.
    is_current: bool,
    /// How the person signed in.
    method: SignInMethodWord,
    /// What the browser calls itself.
    device: String,
    /// From where the person signed in.
    address: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// When it ends however much it is used.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// How many sessions ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionsEnded {
    pub(crate) ended: usize,
}

impl SessionView {
    pub(crate) fn new(person: &Person, details: &PersonDetails) -> Self {
        let tenants: Vec<TenantOfPersonView> = details
            .tenants
            .iter()
            .map(|tenant| TenantOfPersonView {
                id: tenant.tenant.uuid(),
                slug: tenant.slug.clone(),
                name: tenant.name.clone(),
            })
            .collect();
        let principal = person.principal().ok();
        let chosen = principal.as_ref().map(|principal| principal.tenant.uuid());
        let permissions = principal.iter().flat_map(|principal| principal.permissions.iter()).map(PermissionWord);
        Self {
            id: person.session().uuid(),
            user: PersonView {
                id: details.user.id.uuid(),
                email: details.user.email.clone(),
                name: details.user.name.clone(),
            },
            tenant: tenants.iter().find(|tenant| Some(tenant.id) == chosen).cloned(),
            permissions: permissions.collect(),
            method: SignInMethodWord(person.method()),
            must_change_password: person.must_change_password(),
            is_operator: person.operator().is_ok(),
            expires_at: person.expires_at().to_rfc3339(),
            tenants,
        }
    }
}

impl SessionRecord {
    /// A session as `asker` sees it.
    pub(crate) fn new(session: &Session, asker: &Person) -> Self {
        Self {
            id: session.id.uuid(),
            is_current: session.id == asker.session(),
            method: SignInMethodWord(session.method),
            device: session.device.clone(),
            address: session.address.clone(),
            created_at: UnixMillis::to_rfc3339(session.created_at),
            last_seen_at: UnixMillis::to_rfc3339(session.last_seen_at),
            expires_at: UnixMillis::to_rfc3339(session.expires_at),
        }
    }
}
