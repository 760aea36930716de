//! For whom an execution acts, and with which rights: those that everybody holds whom it acts for, as they are now
//! (RULES 13, 14).

use std::time::{Duration, Instant};

use database::{DatabaseError, Execution};
use domain::{Actor, Permissions, TenantId, Trigger, UnixMillis, UserId};

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
    /// Somebody who calls by a trigger that needs rights of his own, or has an execution of one run again: the rights are
    /// what both hold.
    Both { actor: Actor, set_by: UserId },
    /// Somebody who has an execution of somebody else run again: the rights are what all of them hold.
    Again { actor: Actor, first: Actor, set_by: Option<UserId> },
}

/// The rights of an execution while it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveRights {
    acting: Acting,
    at_start: Permissions,
    read_at: Instant,
}

impl Asker {
    /// Who made an execution happen, by its row. Of what is run again its own row says who bound it: that may have gone over
    /// to somebody else meanwhile.
    pub(crate) fn of_row(inner: &Inner, tenant: TenantId, row: &Execution) -> Result<Self, AppError> {
        let Some(first) = row.retry_of else { return Ok(Self::of_first(row)) };
        match inner.database.get_execution(tenant, first) {
            Ok(first) => {
                let first = Execution { binding: row.binding, ..first.execution };
                Ok(Self::of_first(&first).again(row.actor))
            }
            Err(DatabaseError::NotFound) => Ok(Self::Binding { set_by: None }),
            Err(error) => Err(error.into()),
        }
    }

    /// The same where `actor` has it run again.
    pub(crate) fn again(self, actor: Actor) -> Self {
        match self {
            Self::Actor(first) => Self::Again { actor, first, set_by: None },
            Self::Both { actor: first, set_by } => Self::Again { actor, first, set_by: Some(set_by) },
            Self::Again { first, set_by, .. } => Self::Again { actor, first, set_by },
            Self::Binding { set_by: Some(set_by) } => Self::Both { actor, set_by },
            Self::Binding { set_by: None } => self,
        }
    }

    /// The same where somebody else stands for the binding.
    pub(crate) fn bound_by(self, by: Option<UserId>) -> Self {
        match (self, by) {
            (Self::Binding { .. }, set_by) => Self::Binding { set_by },
            (Self::Both { actor, .. }, Some(set_by)) => Self::Both { actor, set_by },
            (Self::Again { actor, first, set_by: Some(_) }, set_by) => Self::Again { actor, first, set_by },
            (asker, _) => asker,
        }
    }

    fn of_first(row: &Execution) -> Self {
        match (row.trigger, row.binding) {
            (Trigger::Cron | Trigger::Endpoint | Trigger::Event, set_by) => Self::Binding { set_by },
            (_, Some(set_by)) => Self::Both { actor: row.actor, set_by },
            (_, None) => Self::Actor(row.actor),
        }
    }

    /// Who bound the trigger.
    pub(crate) fn binding(self) -> Option<UserId> {
        match self {
            Self::Actor(_) => None,
            Self::Binding { set_by } => set_by,
            Self::Both { set_by, .. } => Some(set_by),
            Self::Again { set_by, .. } => set_by,
        }
    }
}

impl Acting {
    /// What all of them hold now.
    pub(crate) fn rights(&self, inner: &Inner) -> Result<Permissions, AppError> {
        let asker = match self.asker {
            Asker::Actor(actor) => actor_rights(inner, self.tenant, actor)?,
            Asker::Binding { set_by } => member_rights(inner, self.tenant, set_by)?,
            Asker::Again { actor, first, set_by } => {
                let of_first = actor_rights(inner, self.tenant, first)?;
                let of_both = actor_rights(inner, self.tenant, actor)?.intersection(of_first);
                match set_by {
                    None => of_both,
                    set_by => of_both.intersection(member_rights(inner, self.tenant, set_by)?),
                }
            }
            Asker::Both { actor, set_by } => {
                let of_binding = member_rights(inner, self.tenant, Some(set_by))?;
                actor_rights(inner, self.tenant, actor)?.intersection(of_binding)
            }
        };
        Ok(self.deployer_rights(inner)?.intersection(asker))
    }

    /// What all of them hold now but whoever asks: the deployer, and whoever bound the trigger.
    pub(crate) fn bound_rights(&self, inner: &Inner) -> Result<Permissions, AppError> {
        let deployer = self.deployer_rights(inner)?;
        match self.asker {
            Asker::Actor(_) => Ok(deployer),
            Asker::Binding { .. } | Asker::Both { .. } | Asker::Again { .. } => {
                Ok(deployer.intersection(member_rights(inner, self.tenant, self.asker.binding())?))
            }
        }
    }

    /// Whether somebody whose rights it needs, beside those of whoever asks, is no member any more (RULES 14).
    pub(crate) fn is_orphaned(&self, inner: &Inner) -> Result<bool, AppError> {
        Ok(inner.has_left(self.tenant, self.deployer)? || inner.has_left(self.tenant, self.asker.binding())?)
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
pub(super) fn actor_rights(inner: &Inner, tenant: TenantId, actor: Actor) -> Result<Permissions, AppError> {
    match actor {
        Actor::Token { token, .. } => {
            let grant = inner.database.token_by_id(token)?.filter(|grant| grant.tenant == tenant);
            Ok(grant
                .filter(|grant| grant.is_live(UnixMillis::now()))
                .map_or(Permissions::NONE, |grant| grant.permissions))
        }
        // Whoever works on does not stop what goes on by looking away: of the session only its end counts.
        Actor::Session { session, user } => {
            let lives = inner.database.session_by_id(session)?.is_some_and(|grant| {
                let is_here = !grant.is_confined || grant.tenant == Some(tenant);
                grant.user == user && is_here && grant.expires_at > UnixMillis::now()
            });
            if lives { member_rights(inner, tenant, Some(user)) } else { Ok(Permissions::NONE) }
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
