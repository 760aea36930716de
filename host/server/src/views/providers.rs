//! Identity providers, and signing in by them, in the API's JSON.

use app::{IdentityProvider, ProviderInput};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A provider to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderBody {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    /// Its issuer, an https address without query and fragment.
    #[schema(min_length = 1, max_length = 500)]
    issuer: String,
    /// What this deployment is to the provider.
    #[schema(min_length = 1, max_length = 500)]
    client_id: String,
    /// By what it proves to be that; never shown. Where it is not said, the one that there is stays.
    #[schema(format = Password, min_length = 1, max_length = 500)]
    client_secret: Option<String>,
    /// The claim whose words are groups.
    #[schema(min_length = 1, max_length = 500)]
    group_claim: Option<String>,
    /// Which group gives which role: the first that the person has.
    #[serde(default)]
    #[schema(max_items = 100)]
    roles: Vec<RoleRuleView>,
    /// The role of whoever no group gives one; nobody else is let in where it is not said.
    default_role: Option<String>,
    /// Whether anybody signs in by it; true where nothing is said.
    is_active: Option<bool>,
}

/// A group and its role.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleRuleView {
    /// The group, as the provider names it.
    #[schema(min_length = 1, max_length = 500)]
    group: String,
    /// The role: a built-in one, or one of the tenant's own.
    #[schema(min_length = 1, max_length = 50)]
    role: String,
}

/// A provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderView {
    id: Uuid,
    name: String,
    issuer: String,
    client_id: String,
    /// Whether there is a client's secret.
    has_client_secret: bool,
    group_claim: Option<String>,
    roles: Vec<RoleRuleView>,
    default_role: Option<String>,
    is_active: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// Who set it last: it gives no right that this person does not hold.
    set_by: Option<Uuid>,
}

/// How people sign in to a tenant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MethodsQuery {
    /// The tenant, by its name in addresses.
    #[param(example = "acme", max_length = 63, pattern = "^[a-z0-9][a-z0-9-]*$")]
    pub(crate) tenant: Option<String>,
}

/// The ways to sign in to a tenant. One that is not there has the same as one that set nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MethodsView {
    /// Whether by a password, which is always so.
    pub(crate) password: bool,
    /// By which providers.
    pub(crate) providers: Vec<MethodView>,
}

/// A provider to sign in by.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MethodView {
    pub(crate) id: Uuid,
    pub(crate) name: String,
}

/// A sign-in that is to begin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenIdBeginning {
    /// The tenant, by its name in addresses.
    #[schema(max_length = 63)]
    pub(crate) tenant: String,
    /// The provider.
    pub(crate) provider: Uuid,
    /// The page of this server to show afterwards; `/` where nothing is said.
    #[schema(max_length = 500)]
    pub(crate) return_to: Option<String>,
}

/// Where the browser goes now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenIdAddress {
    /// The provider's page.
    pub(crate) url: String,
}

/// What a provider sends somebody back with.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OpenIdCallback {
    /// What the sign-in is found by.
    #[serde(default)]
    pub(crate) state: String,
    /// What the provider gives.
    #[serde(default)]
    pub(crate) code: String,
    /// Who sends (RFC 9207).
    pub(crate) iss: Option<String>,
}

/// A token of the host platform.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlatformSignIn {
    /// The token (JWT), signed by EdDSA, ES256 or RS256, good once and for at most 60 seconds.
    #[schema(max_length = 32768)]
    pub(crate) token: String,
}

impl From<ProviderBody> for ProviderInput {
    fn from(body: ProviderBody) -> Self {
        Self {
            name: body.name,
            issuer: body.issuer,
            client_id: body.client_id,
            client_secret: body.client_secret,
            group_claim: body.group_claim,
            rules: body.roles.into_iter().map(|rule| (rule.group, rule.role)).collect(),
            default_role: body.default_role,
            is_active: body.is_active.unwrap_or(true),
        }
    }
}

impl From<&IdentityProvider> for ProviderView {
    fn from(provider: &IdentityProvider) -> Self {
        let roles = provider.rules.iter();
        Self {
            id: provider.id.uuid(),
            name: provider.name.clone(),
            issuer: provider.issuer.clone(),
            client_id: provider.client_id.clone(),
            has_client_secret: provider.client_secret.is_some(),
            group_claim: provider.group_claim.clone(),
            roles: roles.map(|rule| RoleRuleView { group: rule.group.clone(), role: rule.role.to_string() }).collect(),
            default_role: provider.default_role.as_ref().map(ToString::to_string),
            is_active: provider.is_active,
            created_at: provider.created_at.to_rfc3339(),
            updated_at: provider.updated_at.to_rfc3339(),
            set_by: provider.set_by.map(domain::UserId::uuid),
        }
    }
}
