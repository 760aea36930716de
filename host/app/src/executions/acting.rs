//! For whom an execution acts, and with which rights: those that everybody holds whom it acts for, as they are now
//! (RULES 13, 14).

use std::time::{Duration, Instant};

use domain::{Actor, Permissions, TenantId, UnixMillis, UserId};

use super::order::member_rights;
use crate::{AppError, Inner};

/// How old rights may be that something is decided by.
const RIGHTS_STALE: Duration = Duration::from_secs(1);

/// Everybody whose rights an execution needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acting {
    pub(crate) tenant: TenantId,
    /// Who activated the version, or wrote it where another one is active by now.
    pub(crate) deployer: Option<UserId>,
    pub(crate) asker: Asker,
}

/// Who made the execution happen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asker {
    /// Somebody with rights of their own.
    Actor(Actor),
    /// A trigger: its rights are those of whoever bound it, whoever calls.
    Binding { set_by: Option<UserId> },
}

/// The rights of an execution while it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveRights {
    acting: Acting,
    at_start: Permissions,
    read_at: Instant,
}

impl Acting {
    /// What all of them hold now.
    pub(crate) fn rights(&self, inner: &Inner) -> Result<Permissions, AppError> {
        let asker = match self.asker {
            Asker::Actor(actor) => actor_rights(inner, self.tenant, actor)?,
            Asker::Binding { set_by } => member_rights(inner, self.tenant, set_by)?,
        };
        Ok(self.deployer_rights(inner)?.intersection(asker))
    }

    /// What the deployer alone holds now.
    pub(crate) fn deployer_rights(&self, inner: &Inner) -> Result<Permissions, AppError> {
        match self.asker {
            // A file at a command line was deployed by nobody.
            Asker::Actor(Actor::Local) => Ok(Permissions::all()),
            _ => member_rights(inner, self.tenant, self.deployer),
        }
    }
}

impl LiveRights {
    /// The rights with which an execution starts.
    pub(crate) fn new(acting: Acting, at_start: Permissions) -> Self {
        Self { acting, at_start, read_at: Instant::now() }
    }

    /// Which of `used` are not held any more. Read again where the start is longer ago than rights may be stale.
    pub(crate) fn lost(&self, inner: &Inner, used: Permissions) -> Result<Permissions, AppError> {
        if self.read_at.elapsed() < RIGHTS_STALE {
            return Ok(Permissions::NONE);
        }
        Ok(used.intersection(self.at_start).without(self.acting.rights(inner)?))
    }
}

/// The rights that an actor has now (RULES 14).
fn actor_rights(inner: &Inner, tenant: TenantId, actor: Actor) -> Result<Permissions, AppError> {
    match actor {
        Actor::Token { token, .. } => {
            let grant = inner.database.token_by_id(token)?.filter(|grant| grant.tenant == tenant);
            Ok(grant
                .filter(|grant| grant.is_live(UnixMillis::now()))
                .map_or(Permissions::NONE, |grant| grant.permissions))
        }
        Actor::Local => Ok(Permissions::all()),
        // Their rights are their binding's, never "all" (RULES 14).
        Actor::System | Actor::PublicCaller => Ok(Permissions::NONE),
    }
}

/// The words for rights that were lost while a script ran.
pub(crate) fn lost_message(lost: Permissions) -> String {
    format!("those the script acts for lost the permission '{}' while it ran", lost.to_list())
}
