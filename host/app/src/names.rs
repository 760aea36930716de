//! What people call what rows of a list refer to, as far as whoever looks may know it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::{Permission, Principal, ScriptId, ScriptName, UserId, VersionId};

use crate::{AppError, Inner};

/// Which names are asked for.
#[derive(Clone, Debug, Default)]
pub struct NamesAsked {
    /// Scripts.
    pub scripts: BTreeSet<ScriptId>,
    /// Versions of scripts.
    pub versions: BTreeSet<VersionId>,
    /// People.
    pub people: BTreeSet<UserId>,
}

/// The names that there are.
#[derive(Clone, Debug, Default)]
pub struct Names {
    scripts: BTreeMap<ScriptId, ScriptName>,
    versions: BTreeMap<VersionId, u32>,
    people: BTreeMap<UserId, String>,
}

impl Names {
    /// The name of a script; `None` where it is gone, or whoever asked may not see scripts.
    pub fn script(&self, id: ScriptId) -> Option<&ScriptName> {
        self.scripts.get(&id)
    }

    /// The number of a version; `None` where it is gone, or whoever asked may not see scripts.
    pub fn version(&self, id: VersionId) -> Option<u32> {
        self.versions.get(&id).copied()
    }

    /// The name of a person; `None` where whoever asked may not see who belongs to the tenant.
    pub fn person(&self, id: UserId) -> Option<&str> {
        self.people.get(&id).map(String::as_str)
    }
}

/// Looks names up.
#[derive(Clone)]
pub struct NameService {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for NameService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NameService").finish_non_exhaustive()
    }
}

impl NameService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The names of the tenant's own among what is asked for. Those of scripts and versions need `scripts.read`, those of
    /// people `members.read`; without it one's own name is there alone.
    ///
    /// # Errors
    /// Whatever the server fails with.
    pub fn of(&self, principal: &Principal, asked: NamesAsked) -> Result<Names, AppError> {
        let (database, tenant) = (&self.inner.database, principal.tenant);
        let NamesAsked { scripts, versions, mut people } = asked;
        let mut names = Names::default();
        if principal.permissions.contains(Permission::ScriptsRead) {
            names.scripts = database.script_names(tenant, scripts)?;
            names.versions = database.version_numbers(tenant, versions)?;
        }
        if !principal.permissions.contains(Permission::MembersRead) {
            people.retain(|person| principal.user() == Some(*person));
        }
        names.people = database.person_names(tenant, people)?;
        Ok(names)
    }
}
