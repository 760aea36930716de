//! Many executions at once: cancelled, or run again. Each is treated as it would be alone, with its own refusal where it
//! is one, and its own row of the audit log.

use std::time::{Duration, Instant};

use database::{ExecutionCursor, ExecutionFilter};
use domain::{ExecutionId, ExecutionStatus, Invalid, Permission, Principal};
use futures_util::future::join_all;

use super::{ExecutionQuery, ExecutionService};
use crate::AppError;

/// The most executions of one request.
pub const MANY_MAX: u32 = 1_000;

/// Executions that are seen to side by side: their writes share transactions.
const AT_ONCE: usize = 32;

/// How long executions are looked for. Where a filter finds little among much, the answer says where to go on.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// Which executions are meant.
#[derive(Clone, Debug)]
pub enum ChosenExecutions {
    /// These.
    Named(Vec<ExecutionId>),
    /// Those that the list finds, the latest first.
    Found {
        /// What their rows say.
        filter: ExecutionFilter,
        /// Where the request before ended.
        cursor: Option<ExecutionCursor>,
        /// The most of them.
        limit: u32,
    },
}

/// What became of each.
#[derive(Debug)]
pub struct ManyExecutions<T> {
    /// The executions, in the order in which they were named or found.
    pub items: Vec<(ExecutionId, Result<T, AppError>)>,
    /// Where the next request goes on; `None` where nothing more was found, or all were named.
    pub next: Option<ExecutionCursor>,
}

/// The statuses that something can be done in.
struct Treatable {
    /// All of them.
    statuses: &'static [ExecutionStatus],
    /// Those that are meant where a filter names none.
    meant: &'static [ExecutionStatus],
    /// What is told whoever names another one.
    rule: &'static str,
}

const CANCELLED: Treatable = Treatable {
    statuses: &[ExecutionStatus::Pending, ExecutionStatus::Running],
    meant: &[ExecutionStatus::Pending, ExecutionStatus::Running],
    rule: "what has ended cannot be cancelled: name pending or running, or no status for both",
};

const RETRIED: Treatable = Treatable {
    statuses: &[
        ExecutionStatus::Success,
        ExecutionStatus::Failed,
        ExecutionStatus::Timeout,
        ExecutionStatus::Cancelled,
    ],
    meant: &[ExecutionStatus::Failed, ExecutionStatus::Timeout],
    rule: "what has not ended cannot be run again: name success, failed, timeout or cancelled, or no status for failed \
           and timeout",
};

impl ExecutionService {
    /// Cancel executions that wait or run, as [`Self::cancel`] does each. Needs `executions.read` and `executions.run`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::Invalid`] for none or more than [`MANY_MAX`], or a filter that names others.
    pub async fn cancel_many(
        &self,
        principal: &Principal,
        chosen: ChosenExecutions,
    ) -> Result<ManyExecutions<()>, AppError> {
        let (ids, next) = self.choose(principal, chosen, &CANCELLED).await?;
        let mut items = Vec::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            items.extend(join_all(some.iter().map(|id| async { (*id, self.cancel(principal, *id).await) })).await);
        }
        Ok(ManyExecutions { items, next })
    }

    /// Run executions again that have ended, as [`Self::retry`] does each, those first that began first; answers the new
    /// ones. Needs `executions.read` and `executions.run`.
    ///
    /// # Errors
    /// As [`Self::cancel_many`].
    pub async fn retry_many(
        &self,
        principal: &Principal,
        chosen: ChosenExecutions,
    ) -> Result<ManyExecutions<ExecutionId>, AppError> {
        let is_found = matches!(chosen, ChosenExecutions::Found { .. });
        let (mut ids, next) = self.choose(principal, chosen, &RETRIED).await?;
        // A list begins with the latest; what happened first is to happen first again.
        if is_found {
            ids.reverse();
        }
        let mut items = Vec::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            let retried = some.iter().map(|id| async {
                let retried = self.retry(principal, *id).await;
                (*id, retried.map(|view| view.execution.id))
            });
            items.extend(join_all(retried).await);
        }
        if is_found {
            items.reverse();
        }
        Ok(ManyExecutions { items, next })
    }

    async fn choose(
        &self,
        principal: &Principal,
        chosen: ChosenExecutions,
        treatable: &Treatable,
    ) -> Result<(Vec<ExecutionId>, Option<ExecutionCursor>), AppError> {
        principal.require(Permission::ExecutionsRead)?;
        principal.require(Permission::ExecutionsRun)?;
        match chosen {
            ChosenExecutions::Named(ids) => Ok((named(ids)?, None)),
            ChosenExecutions::Found { mut filter, cursor, limit } => {
                treatable.narrow(&mut filter)?;
                if !(1..=MANY_MAX).contains(&limit) {
                    return Err(Invalid::new("limit", format!("limit is from 1 to {MANY_MAX}")).into());
                }
                self.look_for(principal, ExecutionQuery { filter, logs: None, cursor, limit }).await
            }
        }
    }

    /// As many pages of a list as it takes to find what is asked for, or as there is time for.
    async fn look_for(
        &self,
        principal: &Principal,
        mut query: ExecutionQuery,
    ) -> Result<(Vec<ExecutionId>, Option<ExecutionCursor>), AppError> {
        let began = Instant::now();
        let mut ids = Vec::new();
        loop {
            let found = self.find(principal, query.clone()).await?;
            query.limit -= u32::try_from(found.executions.len()).unwrap_or(query.limit).min(query.limit);
            query.cursor = found.next;
            ids.extend(found.executions.iter().map(|execution| execution.id));
            if query.limit == 0 || query.cursor.is_none() || began.elapsed() >= LOOK_TIME {
                return Ok((ids, query.cursor));
            }
        }
    }
}

impl Treatable {
    /// Let a filter find nothing else.
    fn narrow(&self, filter: &mut ExecutionFilter) -> Result<(), Invalid> {
        if filter.statuses.is_empty() {
            filter.statuses = self.meant.to_vec();
        }
        match filter.statuses.iter().all(|status| self.statuses.contains(status)) {
            true => Ok(()),
            false => Err(Invalid::new("filter.status", self.rule)),
        }
    }
}

/// The executions that were named, each once.
fn named(ids: Vec<ExecutionId>) -> Result<Vec<ExecutionId>, Invalid> {
    if ids.is_empty() || ids.len() > MANY_MAX as usize {
        return Err(Invalid::new("ids", format!("ids are 1 to {MANY_MAX}, not {}", ids.len())));
    }
    let mut seen = std::collections::HashSet::with_capacity(ids.len());
    Ok(ids.into_iter().filter(|id| seen.insert(*id)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_finds_only_what_something_can_be_done_with() {
        let mut filter = ExecutionFilter::default();
        CANCELLED.narrow(&mut filter).expect("nothing is said");
        assert_eq!(filter.statuses, [ExecutionStatus::Pending, ExecutionStatus::Running]);
        for status in ExecutionStatus::ALL {
            let mut filter = ExecutionFilter { statuses: vec![*status], ..ExecutionFilter::default() };
            assert_eq!(CANCELLED.narrow(&mut filter).is_ok(), !status.is_terminal(), "{status:?}");
            assert_eq!(RETRIED.narrow(&mut filter).is_ok(), status.is_terminal(), "{status:?}");
        }
        let mut filter = ExecutionFilter::default();
        RETRIED.narrow(&mut filter).expect("nothing is said");
        assert!(!filter.statuses.contains(&ExecutionStatus::Success), "what went well is not run again by chance");
    }

    #[test]
    fn what_is_named_twice_is_meant_once_and_a_thousand_are_enough() {
        let (one, other) = (ExecutionId::generate(), ExecutionId::generate());
        assert_eq!(named(vec![one, other, one]), Ok(vec![one, other]));
        let many = |count| (0..count).map(|_| ExecutionId::generate()).collect::<Vec<_>>();
        assert!(named(Vec::new()).is_err() && named(many(1_001)).is_err() && named(many(1_000)).is_ok());
    }
}
