//! Who acts, and with which rights.

use crate::{Invalid, SessionId, TenantId, TokenId, UserId, executions::words};

words!(
    /// One thing that a principal may do within a tenant.
    Permission, "permission", {
        /// See scripts, drafts and versions.
        ScriptsRead = "scripts.read",
        /// Create scripts and edit drafts.
        ScriptsWrite = "scripts.write",
        /// Deploy versions; set capabilities, endpoints and other bindings.
        ScriptsDeploy = "scripts.deploy",
        /// Start executions.
        ExecutionsRun = "executions.run",
        /// See that executions took place, and how they ended.
        ExecutionsRead = "executions.read",
        /// See inputs, results, logs and journals of executions (RULES 19).
        ExecutionsInspect = "executions.inspect",
        /// Read storage entries.
        StorageRead = "storage.read",
        /// Write storage entries.
        StorageWrite = "storage.write",
        /// Call the services that the operator connected.
        ServicesCall = "services.call",
        /// Publish events.
        EventsPublish = "events.publish",
        /// See events, subscriptions and what became of deliveries.
        EventsRead = "events.read",
        /// Send dead letters again as they are, and remove them.
        EventsManage = "events.manage",
        /// Send a dead letter again with other data (RULES 15).
        EventsEdit = "events.edit",
        /// Send outbound HTTP requests.
        EgressUse = "egress.use",
        /// Use secrets.
        SecretsUse = "secrets.use",
        /// See which secrets there are, and where each may go; never their values.
        SecretsRead = "secrets.read",
        /// Keep, replace and remove secrets, and say where each may go.
        SecretsWrite = "secrets.write",
        /// See the tenant's own settings.
        SettingsRead = "settings.read",
        /// Change the tenant's own settings: the hosts that its scripts may reach.
        SettingsWrite = "settings.write",
        /// Call endpoints that ask for a token.
        EndpointsCall = "endpoints.call",
        /// Make and revoke API tokens.
        TokensManage = "tokens.manage",
        /// See who belongs to the tenant, its roles and its invitations.
        MembersRead = "members.read",
        /// Invite and remove members, and say who has which role and what each role may do.
        MembersManage = "members.manage",
        /// Say by which identity providers members sign in, and which roles those give.
        SignInManage = "sign_in.manage",
        /// Read the audit log.
        AuditRead = "audit.read",
        /// See, make, change and remove webhooks, and what was sent to each.
        WebhooksManage = "webhooks.manage",
    }
);

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u64);

impl Permissions {
    /// No right at all.
    pub const NONE: Self = Self(0);

    /// Every right within a tenant.
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Whether `permission` is among them.
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// Whether everything in `other` is among them.
    pub fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// What either holds.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in here and not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What both hold: nobody passes on more than he has.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Each permission of the set.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }

    /// Read a comma-separated list, as the database keeps it; `*` is every permission.
    ///
    /// # Errors
    /// Names the word that is no permission.
    pub fn parse_list(text: &str) -> Result<Self, Invalid> {
        if text == "*" {
            return Ok(Self::all());
        }
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::parse::<Permission>).collect()
    }

    /// The list that [`Self::parse_list`] reads.
    pub fn to_list(self) -> String {
        if self == Self::all() {
            return String::from("*");
        }
        let words: Vec<&str> = self.iter().map(Permission::as_str).collect();
        words.join(",")
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | 1 << permission as u32))
    }
}

/// Who it is that acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A program that a person lets act, by an API token of theirs.
    Token {
        /// The token.
        token: TokenId,
        /// Whose it is.
        user: UserId,
    },
    /// A person who signed in.
    Session {
        /// The session.
        session: SessionId,
        /// Who signed in.
        user: UserId,
    },
    /// A person at this machine's command line (`skerry run`), whom nobody else can be.
    Local,
    /// Somebody who called a public endpoint, of whom nothing is known. Has the binding's rights, never "all".
    PublicCaller,
    /// Skerry itself, on the way of something that was accepted before.
    System,
}

impl Actor {
    /// The person who acts, where it is one.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::Token { user, .. } | Self::Session { user, .. } => Some(user),
            Self::Local | Self::PublicCaller | Self::System => None,
        }
    }
}

/// Who acts, for which tenant, with which rights. Every use case takes one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The only tenant whose rows this principal can reach.
    pub tenant: TenantId,
    /// Who it is.
    pub actor: Actor,
    /// What it may do.
    pub permissions: Permissions,
}

impl Principal {
    /// The person behind the principal, where there is one.
    pub fn user(&self) -> Option<UserId> {
        self.actor.user()
    }

    /// Let through who may do `permission`.
    ///
    /// # Errors
    /// [`Forbidden`] names the missing permission.
    pub fn require(&self, permission: Permission) -> Result<(), Forbidden> {
        if self.permissions.contains(permission) { Ok(()) } else { Err(Forbidden { permission }) }
    }
}

/// Whoever runs the deployment: makes tenants, sets plans and quotas, and reaches no row of any tenant. Use cases of
/// operators take one in place of a [`Principal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Who it is: by a session, by a token of the deployment's own, or at this machine's command line.
    pub actor: Actor,
}

/// The principal lacks a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs the permission '{permission}'")]
pub struct Forbidden {
    /// The missing permission.
    pub permission: Permission,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_permissions_reads_back_as_it_was_written() {
        for set in [Permissions::NONE, Permissions::all(), [Permission::ScriptsRead].into_iter().collect()] {
            assert_eq!(Permissions::parse_list(&set.to_list()), Ok(set));
        }
        assert!(Permissions::parse_list("scripts.read,root").is_err());
    }
}
