//! From a slot to the execution that is accepted for it.

use database::{Priority, QueueGroup, QueuedExecution, Schedule};
use domain::{Actor, Overlap, Trigger, UnixMillis, WhenFull};
use runtime::Input;

use super::forms;
use crate::{
    AppError, ExecutionService,
    executions::{Asker, Order, QueueTerms, Target},
};

/// The execution of a slot that is due now.
///
/// # Errors
/// As [`ExecutionService::queued`].
pub(super) fn live(
    executions: &ExecutionService,
    target: Target,
    schedule: &Schedule,
    at: (UnixMillis, Option<UnixMillis>),
    now: UnixMillis,
) -> Result<QueuedExecution, AppError> {
    queued(executions, order(executions, target, schedule, at, now)?, schedule, QueueTerms::LIVE)
}

/// The execution of a slot that was missed: behind live work.
///
/// # Errors
/// As [`live`].
pub(super) fn catching_up(
    executions: &ExecutionService,
    target: Target,
    schedule: &Schedule,
    at: (UnixMillis, Option<UnixMillis>),
    now: UnixMillis,
) -> Result<QueuedExecution, AppError> {
    let terms = QueueTerms { priority: Priority::CatchUp, ..QueueTerms::LIVE };
    queued(executions, order(executions, target, schedule, at, now)?, schedule, terms)
}

/// For nobody who asks, with the rights of who set the schedule (RULES 13, 14).
fn order(
    executions: &ExecutionService,
    target: Target,
    schedule: &Schedule,
    (slot, last_run): (UnixMillis, Option<UnixMillis>),
    now: UnixMillis,
) -> Result<Order, AppError> {
    let inner = executions.inner();
    let acting = target.acting(inner, Asker::Binding { set_by: schedule.set_by })?;
    let rights = acting.rights(inner)?;
    let input = Input::Json(forms::input(schedule, slot, last_run));
    let order = Order::new(target, (Trigger::Cron, Actor::System), (acting, rights), input);
    Ok(Order { accepted_at: now, ..order })
}

fn queued(
    executions: &ExecutionService,
    order: Order,
    schedule: &Schedule,
    terms: QueueTerms,
) -> Result<QueuedExecution, AppError> {
    let mut queued = executions.queued(&order, terms)?;
    let follows = matches!(schedule.setting.overlap, Overlap::Queue | Overlap::CancelPrevious);
    // A script that runs alone, or that wants no run to wait, keeps to that.
    let keeps = queued.entry.group.as_ref().is_some_and(|group| group.max == 1 || group.when_full == WhenFull::Skip);
    if follows && !keeps {
        let key = format!("schedule/{}", schedule.id);
        queued.entry.group = Some(QueueGroup { key, max: 1, when_full: WhenFull::Queue });
    }
    Ok(queued)
}
