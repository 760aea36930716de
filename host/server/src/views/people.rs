//! Members, roles, invitations and tokens as JSON. A secret is in the one answer that makes it, and in no other.

use app::{
    Accepted, Binding, BindingView, Handover, Invitation, IssuedInvitation, Member, RoleView, Token, TokenPatch,
};
use domain::{Permissions, RoleName, UnixMillis};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::PermissionWord;
use crate::web::problem::Problem;

/// Somebody who belongs to the tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberRecord {
    /// The user's id.
    id: Uuid,
    email: String,
    name: String,
    /// The role; null where the rights are a set of their own.
    role: Option<String>,
    /// What the member may do now.
    permissions: Vec<PermissionWord>,
    #[schema(format = DateTime)]
    joined_at: String,
}

/// Another role for a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "editor" }))]
pub(crate) struct MemberChange {
    /// The role; everything that it gives has to be yours too.
    role: String,
    /// Whether you take over what lives by rights that the member loses, as far as you hold what it needs.
    #[serde(default)]
    pub(crate) adopt: bool,
}

/// A member whose role was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberChanged {
    #[serde(flatten)]
    member: MemberRecord,
    #[serde(flatten)]
    handover: HandoverBody,
}

/// What became of the things that lived by a member's rights.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Handover)]
pub(crate) struct HandoverBody {
    /// Those that live by yours now.
    adopted: Vec<BindingBody>,
    /// Those that wait for somebody who adopts them: what ran by them does not run meanwhile, or with fewer rights.
    left: Vec<BindingBody>,
}

/// Something that lives by a member's rights.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Binding)]
pub(crate) struct BindingBody {
    /// `deployment`, `version` (what was accepted for one that runs no more), `endpoint`, `endpoint_secret`, `schedule`,
    /// `subscription`, `hook`, `webhook`, `role` or `identity_provider`.
    #[schema(example = "deployment")]
    kind: &'static str,
    /// Its id, where it has one: the extension point of a hook, the name of a role, a secret's slot, a version's number.
    id: Option<String>,
    /// The script, where it is one's.
    script_id: Option<Uuid>,
    script: Option<String>,
    /// What it needs of whoever it lives by.
    needs: Vec<PermissionWord>,
    /// What of that the member does not hold now.
    missing: Vec<PermissionWord>,
    /// Whether you could adopt it.
    can_adopt: bool,
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Role)]
pub(crate) struct RoleBody {
    name: String,
    description: String,
    /// Whether every tenant has it, and nobody changes it.
    is_built_in: bool,
    /// What it was given.
    permissions: Vec<PermissionWord>,
    /// What of that it gives now: what whoever set it holds.
    gives: Vec<PermissionWord>,
    /// Who said what it gives.
    set_by: Option<Uuid>,
    updated_at: Option<String>,
}

/// A role to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "on-call", "permissions": ["scripts.read", "executions.read", "executions.run"] }))]
pub(crate) struct NewRole {
    /// 1 to 50 of a-z, 0-9 and `-`, beginning with a letter.
    name: String,
    /// What it is for; at most 500 characters.
    #[serde(default)]
    pub(crate) description: String,
    /// What it gives; each has to be yours too.
    permissions: Vec<PermissionWord>,
}

/// What is to be changed of a role; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "permissions": ["scripts.read"] }))]
pub(crate) struct RoleChange {
    description: Option<String>,
    /// What it gives, whole; from now on it is you who say so.
    permissions: Option<Vec<PermissionWord>>,
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationBody {
    id: Uuid,
    email: String,
    role: String,
    /// `pending`, `accepted`, `revoked` or `expired`.
    #[schema(example = "pending")]
    status: &'static str,
    /// The member who invited; null where whoever runs the server did.
    invited_by: Option<Uuid>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    accepted_at: Option<String>,
}

/// An invitation that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationMade {
    #[serde(flatten)]
    invitation: InvitationBody,
    /// Give it to whoever was invited. It is shown this one time.
    #[schema(example = "si_0190b0a000007000800000000000000a_…")]
    secret: String,
}

/// Somebody to be invited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com", "role": "editor" }))]
pub(crate) struct NewInvitation {
    /// Whom the invitation is for: nobody else takes it.
    email: String,
    /// The role; everything that it gives has to be yours too.
    role: String,
}

/// The secret of an invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "secret": "si_0190b0a000007000800000000000000a_…" }))]
pub(crate) struct InvitationSecret {
    pub(crate) secret: String,
}

/// An invitation's secret, and who takes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "secret": "si_…", "name": "Ada Lovelace", "password": "a few words of hers" }))]
pub(crate) struct InvitationSignIn {
    pub(crate) secret: String,
    /// 1 to 255 characters.
    pub(crate) name: String,
    /// 12 to 256 characters.
    #[schema(format = Password, max_length = 256)]
    pub(crate) password: String,
}

/// What somebody belongs to now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationTaken {
    tenant_id: Uuid,
    role: String,
}

/// What an invitation is to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationPreview {
    /// The tenant's name.
    tenant: String,
    email: String,
    role: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

/// An API token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenBody {
    id: Uuid,
    name: String,
    /// Whose it is.
    user_id: Uuid,
    /// What it allows at most: it never does more than its owner may.
    permissions: Vec<PermissionWord>,
    #[schema(format = DateTime)]
    created_at: String,
    expires_at: Option<String>,
    /// To the minute.
    last_used_at: Option<String>,
    revoked_at: Option<String>,
}

/// What is to be changed of a token; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "laptop" }))]
pub(crate) struct TokenChange {
    /// 1 to 255 characters.
    name: Option<String>,
    /// When it ends: later than now, and no later than it ends already.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<String>,
}

impl TokenChange {
    pub(crate) fn patch(self) -> Result<TokenPatch, Problem> {
        let end = self.expires_at.as_deref().map(UnixMillis::from_rfc3339).transpose();
        let expires_at = end.map_err(|invalid| Problem::field("expires_at", invalid.message))?;
        Ok(TokenPatch { name: self.name, expires_at })
    }
}

/// A value that is given or left out. Null would be an end that never comes.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl MemberChange {
    /// The role that is asked for.
    pub(crate) fn role(&self) -> Result<RoleName, Problem> {
        Ok(RoleName::parse(&self.role)?)
    }
}

impl InvitationTaken {
    pub(crate) fn new(accepted: &Accepted) -> Self {
        Self { tenant_id: accepted.tenant.uuid(), role: accepted.role.to_string() }
    }
}

impl MemberChanged {
    pub(crate) fn new(member: &Member, handover: &Handover) -> Self {
        Self { member: member.into(), handover: handover.into() }
    }
}

impl NewRole {
    /// Its name and what it gives.
    pub(crate) fn parts(&self) -> Result<(RoleName, Permissions), Problem> {
        Ok((RoleName::parse(&self.name)?, set(&self.permissions)))
    }
}

impl RoleChange {
    pub(crate) fn patch(self) -> app::RolePatch {
        app::RolePatch { description: self.description, permissions: self.permissions.as_deref().map(set) }
    }
}

impl NewInvitation {
    /// Whom, and as what.
    pub(crate) fn parts(&self) -> Result<(domain::EmailAddress, RoleName), Problem> {
        Ok((domain::EmailAddress::parse(&self.email)?, RoleName::parse(&self.role)?))
    }
}

impl From<&Member> for MemberRecord {
    fn from(member: &Member) -> Self {
        Self {
            id: member.user.uuid(),
            email: member.email.clone(),
            name: member.name.clone(),
            role: member.role.as_ref().map(RoleName::to_string),
            permissions: words(member.rights),
            joined_at: member.joined_at.to_rfc3339(),
        }
    }
}

impl From<&Handover> for HandoverBody {
    fn from(handover: &Handover) -> Self {
        let bodies = |views: &[BindingView]| views.iter().map(BindingBody::from).collect();
        Self { adopted: bodies(&handover.adopted), left: bodies(&handover.left) }
    }
}

impl From<&BindingView> for BindingBody {
    fn from(view: &BindingView) -> Self {
        let (kind, id) = match &view.bound.binding {
            Binding::Deployment => ("deployment", None),
            Binding::Version(number) => ("version", Some(number.to_string())),
            Binding::Endpoint(_) => ("endpoint", None),
            Binding::EndpointSecret(slot) => ("endpoint_secret", Some(slot.as_str().to_owned())),
            Binding::Schedule(id) => ("schedule", Some(id.to_string())),
            Binding::Subscription(id) => ("subscription", Some(id.to_string())),
            Binding::Hook(point) => ("hook", Some(point.to_string())),
            Binding::Webhook(id) => ("webhook", Some(id.to_string())),
            Binding::Role(name, _) => ("role", Some(name.to_string())),
            Binding::Provider(id, _) => ("identity_provider", Some(id.to_string())),
        };
        let script = view.bound.script.as_ref();
        Self {
            kind,
            id,
            script_id: script.map(|script| script.id.uuid()),
            script: script.map(|script| script.name.to_string()),
            needs: words(view.needed),
            missing: words(view.missing),
            can_adopt: view.can_adopt,
        }
    }
}

impl From<&RoleView> for RoleBody {
    fn from(role: &RoleView) -> Self {
        let (name, gives) = (role.name().to_string(), words(role.rights()));
        match role {
            RoleView::BuiltIn(_) => Self {
                name,
                description: String::new(),
                is_built_in: true,
                permissions: gives.clone(),
                gives,
                set_by: None,
                updated_at: None,
            },
            RoleView::Own(own) => Self {
                name,
                description: own.description.clone(),
                is_built_in: false,
                permissions: words(own.permissions),
                gives,
                set_by: own.set_by.map(|user| user.uuid()),
                updated_at: Some(own.updated_at.to_rfc3339()),
            },
        }
    }
}

impl From<&Invitation> for InvitationBody {
    fn from(invitation: &Invitation) -> Self {
        let status = match (invitation.accepted_at, invitation.revoked_at) {
            (Some(_), _) => "accepted",
            (None, Some(_)) => "revoked",
            (None, None) if invitation.expires_at <= UnixMillis::now() => "expired",
            (None, None) => "pending",
        };
        Self {
            id: invitation.id.uuid(),
            email: invitation.email.clone(),
            role: invitation.role.to_string(),
            status,
            invited_by: invitation.invited_by.map(|user| user.uuid()),
            created_at: invitation.created_at.to_rfc3339(),
            expires_at: invitation.expires_at.to_rfc3339(),
            accepted_at: invitation.accepted_at.map(UnixMillis::to_rfc3339),
        }
    }
}

impl From<&IssuedInvitation> for InvitationMade {
    fn from(issued: &IssuedInvitation) -> Self {
        Self { invitation: (&issued.invitation).into(), secret: issued.secret.clone() }
    }
}

impl From<&Invitation> for InvitationPreview {
    fn from(invitation: &Invitation) -> Self {
        Self {
            tenant: invitation.tenant_name.clone(),
            email: invitation.email.clone(),
            role: invitation.role.to_string(),
            expires_at: invitation.expires_at.to_rfc3339(),
        }
    }
}

impl From<&Token> for TokenBody {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.uuid(),
            name: token.name.clone(),
            user_id: token.user.uuid(),
            permissions: words(token.permissions),
            created_at: token.created_at.to_rfc3339(),
            expires_at: token.expires_at.map(UnixMillis::to_rfc3339),
            last_used_at: token.last_used_at.map(UnixMillis::to_rfc3339),
            revoked_at: token.revoked_at.map(UnixMillis::to_rfc3339),
        }
    }
}

fn words(permissions: Permissions) -> Vec<PermissionWord> {
    permissions.iter().map(PermissionWord).collect()
}

fn set(words: &[PermissionWord]) -> Permissions {
    words.iter().map(|word| word.0).collect()
}
