//! From a slot to the execution that is accepted for it.

use database::{QueuedExecution, Schedule};
use domain::{Actor, Overlap, Trigger, UnixMillis, WhenFull};
use runtime::Input;

use super::forms;
use crate::{
    AppError, ExecutionService,
    executions::{Asker, Order, QueueTerms, Target},
};

/// A run of a schedule that is to be.
pub(super) struct SlotRun<'a> {
    /// The schedule.
    pub(super) schedule: &'a Schedule,
    /// The slot that it is for.
    pub(super) slot: UnixMillis,
    /// The slot that the run before it was for.
    pub(super) last_run: Option<UnixMillis>,
    /// How it waits, where its script does not say.
    pub(super) terms: QueueTerms,
    /// Now.
    pub(super) now: UnixMillis,
}

impl SlotRun<'_> {
    /// Its rows, for nobody who asks, with the rights of who set the schedule (RULES 13, 14).
    ///
    /// # Errors
    /// As [`ExecutionService::queued`].
    pub(super) fn queued(&self, executions: &ExecutionService, target: Target) -> Result<QueuedExecution, AppError> {
        let inner = executions.inner();
        let acting = target.acting(inner, Asker::Binding { set_by: self.schedule.set_by })?;
        let rights = acting.rights(inner)?;
        let input = Input::Json(forms::input(self.schedule, self.slot, self.last_run));
        let order = Order::new(target, (Trigger::Cron, Actor::System), (acting, rights), input);
        let order = Order { accepted_at: self.now, ..order };
        let mut queued = executions.queued(&order, self.terms)?;
        if matches!(self.schedule.setting.overlap, Overlap::Queue | Overlap::CancelPrevious) {
            queued.entry.line = Some(self.schedule.id.to_string());
            // Whoever says that a slot is to follow the run before it does not want it left out because of that run. The
            // script's bound holds all the same.
            if let Some(group) = &mut queued.entry.group {
                group.when_full = WhenFull::Queue;
            }
        }
        Ok(queued)
    }
}
