//! Schedules: what happens when a run is still going on as the next is due, when slots were missed, and what became of a
//! slot.

use crate::executions::words;

words!(
    /// What happens with a slot while an earlier run of its schedule has not ended.
    Overlap, "overlap", {
        /// The slot is skipped.
        Skip = "skip",
        /// Its run waits until those before it have ended.
        Queue = "queue",
        /// Its run goes beside them.
        Parallel = "parallel",
        /// Those before it are cancelled, and its run follows.
        CancelPrevious = "cancel_previous",
    }
);

words!(
    /// What happens with slots that came due while nobody was there to start them.
    CatchUp, "catch_up", {
        /// None of them runs.
        Skip = "skip",
        /// The last of them runs.
        RunLatest = "run_latest",
        /// The last hundred of them run, one after another.
        RunAll = "run_all",
    }
);

words!(
    /// What became of a slot.
    SlotOutcome, "outcome", {
        /// An execution was accepted for it.
        Started = "started",
        /// An earlier run had not ended.
        SkippedOverlap = "skipped(overlap)",
        /// The schedule, its script or its tenant was paused.
        SkippedPaused = "skipped(paused)",
        /// It came due while nobody was there to start it.
        Missed = "missed",
    }
);

words!(
    /// Why a slot was not started.
    SlotReason, "reason", {
        /// An earlier run had not ended.
        PreviousRun = "previous_run",
        /// The schedule was paused.
        SchedulePaused = "schedule_paused",
        /// The script was paused.
        ScriptPaused = "script_paused",
        /// The script had no deployed version.
        NotDeployed = "not_deployed",
        /// The tenant was suspended.
        TenantSuspended = "tenant_suspended",
        /// It was too late when somebody came to start it, and the schedule leaves such slots out.
        Late = "late",
        /// More slots had been missed than are caught up.
        CatchUpLimit = "catch_up_limit",
        /// Later slots were missed before it had been caught up, or the schedule was changed.
        Superseded = "superseded",
    }
);

/// The most missed slots of one schedule that are caught up (SPEC section 4.1).
pub const CATCH_UP_MAX: u32 = 100;
