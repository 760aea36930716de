//! Roles: sets of permissions with a name. Which built-in role may do what stands here in one table, and nowhere else;
//! `docs/permissions.md` is made from it.

use std::{fmt, str::FromStr};

use crate::{Invalid, Permission, Permissions, executions::words};

/// The longest name of a role.
const NAME_BYTES_MAX: usize = 50;

words!(
    /// A role that each tenant has, and that nobody changes. Each may do all that those before it may.
    BuiltInRole, "role", {
        /// Sees scripts, what they are bound to, and how executions ended.
        Viewer = "viewer",
        /// Also runs scripts, and what they may reach.
        Runner = "runner",
        /// Also writes and deploys scripts, and sees what went through them.
        Editor = "editor",
        /// Does everything within the tenant.
        Admin = "admin",
    }
);

/// The table: each permission, and the least of the built-in roles that has it.
const LEAST_ROLES: &[(Permission, BuiltInRole)] = &[
    (Permission::ScriptsRead, BuiltInRole::Viewer),
    (Permission::ExecutionsRead, BuiltInRole::Viewer),
    (Permission::EventsRead, BuiltInRole::Viewer),
    (Permission::SecretsRead, BuiltInRole::Viewer),
    (Permission::SettingsRead, BuiltInRole::Viewer),
    (Permission::MembersRead, BuiltInRole::Viewer),
    (Permission::ExecutionsRun, BuiltInRole::Runner),
    (Permission::StorageRead, BuiltInRole::Runner),
    (Permission::StorageWrite, BuiltInRole::Runner),
    (Permission::ServicesCall, BuiltInRole::Runner),
    (Permission::EventsPublish, BuiltInRole::Runner),
    (Permission::EgressUse, BuiltInRole::Runner),
    (Permission::SecretsUse, BuiltInRole::Runner),
    (Permission::EndpointsCall, BuiltInRole::Runner),
    (Permission::TokensManage, BuiltInRole::Runner),
    (Permission::ScriptsWrite, BuiltInRole::Editor),
    (Permission::ScriptsDeploy, BuiltInRole::Editor),
    (Permission::EventsManage, BuiltInRole::Editor),
    (Permission::WebhooksManage, BuiltInRole::Editor),
    (Permission::ExecutionsInspect, BuiltInRole::Admin),
    (Permission::EventsEdit, BuiltInRole::Admin),
    (Permission::SecretsWrite, BuiltInRole::Admin),
    (Permission::SettingsWrite, BuiltInRole::Admin),
    (Permission::MembersManage, BuiltInRole::Admin),
    (Permission::SignInManage, BuiltInRole::Admin),
    (Permission::AuditRead, BuiltInRole::Admin),
];

impl BuiltInRole {
    /// What the role may do.
    pub fn permissions(self) -> Permissions {
        LEAST_ROLES.iter().filter(|(_, least)| *least as u8 <= self as u8).map(|(permission, _)| *permission).collect()
    }
}

/// The name of a role, built in or a tenant's own: 1 to 50 characters of `a-z`, `0-9` and `-`, the first one a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

impl RoleName {
    /// Read a name.
    ///
    /// # Errors
    /// Says what a name is made of.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        let begins_well = text.chars().next().is_some_and(|letter| letter.is_ascii_lowercase());
        if begins_well && text.len() <= NAME_BYTES_MAX && text.chars().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            let message =
                format!("a role's name has 1 to {NAME_BYTES_MAX} of a-z, 0-9 and '-', and begins with a letter");
            Err(Invalid::new("role", message))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The built-in role of this name, where it is one.
    pub fn built_in(&self) -> Option<BuiltInRole> {
        BuiltInRole::from_str(&self.0).ok()
    }
}

impl From<BuiltInRole> for RoleName {
    fn from(role: BuiltInRole) -> Self {
        Self(role.as_str().to_owned())
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_stands_once_in_the_table_and_an_admin_has_each() {
        for permission in Permission::ALL {
            let lines = LEAST_ROLES.iter().filter(|(listed, _)| listed == permission).count();
            assert_eq!(lines, 1, "{permission}");
        }
        assert_eq!(BuiltInRole::Admin.permissions(), Permissions::all());
    }

    #[test]
    fn each_role_may_do_all_that_the_one_before_it_may() {
        for pair in BuiltInRole::ALL.windows(2) {
            let [less, more] = pair else { continue };
            assert!(more.permissions().contains_all(less.permissions()) && more.permissions() != less.permissions());
        }
        assert!(!BuiltInRole::Editor.permissions().contains(Permission::MembersManage));
        assert!(!BuiltInRole::Viewer.permissions().contains(Permission::ExecutionsRun));
    }

    #[test]
    fn a_role_is_named_plainly() {
        for name in ["admin", "on-call-2", "a"] {
            assert_eq!(RoleName::parse(name).map(|role| role.to_string()), Ok(name.to_owned()));
        }
        for name in ["", "Admin", "2nd", "-a", "a b", "ä", "a_b", &"a".repeat(51)] {
            assert!(RoleName::parse(name).is_err(), "{name}");
        }
        assert_eq!(RoleName::from(BuiltInRole::Editor).built_in(), Some(BuiltInRole::Editor));
    }
}
