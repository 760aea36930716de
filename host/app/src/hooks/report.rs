//! What became of a call of an extension point.

use domain::{ErrorKind, ExecutionId, ScriptId, ScriptName};
use runtime::Failure;

use super::OnFailure;
use crate::AppError;

/// What became of a call of an extension point: what ran, and what did not.
#[derive(Debug)]
pub struct HookReport {
    /// What it comes to.
    pub outcome: HookOutcome,
    /// The scripts that ran, in the order in which they did.
    pub results: Vec<HookResult>,
    /// The bound scripts that did not run, in their order.
    pub not_run: Vec<HookNotRun>,
}

/// What a call comes to.
#[derive(Debug)]
pub enum HookOutcome {
    /// Every active script answered.
    Passed,
    /// One did not, and the point lets the host application go on.
    FailedOpen,
    /// One did not, and the host application must not go on.
    FailedClosed,
    /// A quota, too much work or a failure of the server kept scripts from running, which the point does not cover.
    Refused(AppError),
}

/// A script, as a report names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookScript {
    /// Its id.
    pub id: ScriptId,
    /// Its name.
    pub name: ScriptName,
}

/// A script that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookResult {
    /// The script.
    pub script: HookScript,
    /// Its execution.
    pub execution: ExecutionId,
    /// How it ended.
    pub end: HookEnd,
}

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookEnd {
    /// With this JSON, which is durable with everything that the script did.
    Output(String),
    /// Without; nothing that it did in Skerry stays.
    Failed(Failure),
    /// Not before the deadline: its execution tells what became of it.
    Unfinished,
}

/// A bound script that did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookNotRun {
    /// The script.
    pub script: HookScript,
    /// Why.
    pub reason: NotRunReason,
}

/// Why a bound script did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRunReason {
    /// It is paused.
    Paused,
    /// It has no deployed version.
    NotDeployed,
    /// The point's deadline was over.
    Deadline,
    /// A quota of the tenant is used up.
    Quota,
    /// The server has too much to do.
    Overloaded,
    /// It failed again and again, and rests.
    Resting,
    /// A script before it failed, or could not be run.
    Stopped,
}

impl NotRunReason {
    /// Why a script does not run that was not let in.
    pub(super) fn of(error: &AppError) -> Self {
        match error {
            AppError::Paused | AppError::Orphaned => Self::Paused,
            AppError::NotDeployed => Self::NotDeployed,
            AppError::Quota { .. } => Self::Quota,
            AppError::Overloaded { .. } | AppError::ConcurrencyFull { .. } => Self::Overloaded,
            AppError::BreakerOpen { .. } => Self::Resting,
            _ => Self::Stopped,
        }
    }

    /// The word that stands for the case in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::NotDeployed => "not_deployed",
            Self::Deadline => "deadline",
            Self::Quota => "quota",
            Self::Overloaded => "overloaded",
            Self::Resting => "resting",
            Self::Stopped => "stopped",
        }
    }

    /// Whether it is a failure of the call. What a tenant has paused or not deployed was not to run.
    fn is_failure(self) -> bool {
        !matches!(self, Self::Paused | Self::NotDeployed)
    }
}

impl HookOutcome {
    /// The word that stands for the case in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::FailedOpen => "failed_open",
            Self::FailedClosed => "failed_closed",
            Self::Refused(_) => "refused",
        }
    }
}

impl HookEnd {
    /// The kind of the failure; `None` for a script that answered.
    pub fn error_kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Output(_) => None,
            Self::Failed(failure) => Some(failure.kind),
            Self::Unfinished => Some(ErrorKind::Timeout),
        }
    }
}

/// A report while it is being made.
#[derive(Debug, Default)]
pub(super) struct Draft {
    results: Vec<HookResult>,
    not_run: Vec<HookNotRun>,
    refusal: Option<AppError>,
}

impl Draft {
    pub(super) fn ran(&mut self, result: HookResult) {
        self.results.push(result);
    }

    pub(super) fn did_not_run(&mut self, script: HookScript, reason: NotRunReason) {
        self.not_run.push(HookNotRun { script, reason });
    }

    /// Scripts could not be run, and the point does not cover that.
    pub(super) fn refuse(&mut self, refusal: AppError) {
        self.refusal = Some(refusal);
    }

    /// Whether nothing more is to run.
    pub(super) fn is_over(&self, on_failure: OnFailure) -> bool {
        self.refusal.is_some() || (on_failure == OnFailure::Closed && self.has_failed())
    }

    pub(super) fn finish(self, on_failure: OnFailure) -> HookReport {
        let has_failed = self.has_failed();
        let outcome = match self.refusal {
            Some(refusal) => HookOutcome::Refused(refusal),
            None if !has_failed => HookOutcome::Passed,
            None if on_failure == OnFailure::Closed => HookOutcome::FailedClosed,
            None => HookOutcome::FailedOpen,
        };
        HookReport { outcome, results: self.results, not_run: self.not_run }
    }

    fn has_failed(&self) -> bool {
        self.results.iter().any(|result| result.end.error_kind().is_some())
            || self.not_run.iter().any(|not_run| not_run.reason.is_failure())
    }
}
