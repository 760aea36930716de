//! One call of an extension point: its scripts one after another, within its deadline.

use std::time::{Duration, Instant};

use database::HookBinding;
use domain::{ErrorKind, HookPoint, Invalid, Permission, Principal, Trigger};
use runtime::{Failure, Input, Output};

use super::{
    HookConfig, HookService, OnFailure,
    report::{Draft, HookEnd, HookReport, HookResult, HookScript, NotRunReason},
};
use crate::{
    AppError,
    executions::{Asker, Order, Target, Terms},
    scripts::ScriptRef,
};

/// What is kept of the deadline for writing down what the scripts did: a tenth of it, and no more than this.
const COMMIT_MAX: Duration = Duration::from_millis(50);

/// When it is worth trying again after a script found the tenant's storage full: somebody has to make room.
const QUOTA_RETRY: Duration = Duration::from_secs(60);

/// A call while it goes on.
pub(super) struct Call<'a> {
    pub(super) principal: &'a Principal,
    pub(super) config: &'a HookConfig,
    pub(super) input: String,
    /// When the answer is due.
    pub(super) deadline: Instant,
    /// When a script has to have ended, so that there is time to write down what it did.
    pub(super) scripts_end_by: Instant,
}

impl HookService {
    /// Run the tenant's active scripts at a point, one after another, with `input` as JSON text. Answers within the
    /// point's deadline; what a script did is durable then. Each acts with what the principal, whoever bound it and
    /// whoever deployed it all hold. Needs `executions.run`.
    ///
    /// # Errors
    /// A failing script is no error: the report says so. [`AppError::Forbidden`]; [`AppError::NotFound`] for a point that
    /// is not declared; [`AppError::Invalid`] for an input that is not what the point takes.
    pub async fn run(&self, principal: &Principal, point: &HookPoint, input: String) -> Result<HookReport, AppError> {
        let began = Instant::now();
        principal.require(Permission::ExecutionsRun)?;
        let config = self.config(point)?;
        check_input(config, &input)?;
        let deadline = began + config.deadline;
        let scripts_end_by = deadline - COMMIT_MAX.min(config.deadline / 10);
        let call = Call { principal, config, input, deadline, scripts_end_by };
        let mut draft = Draft::default();
        for binding in self.inner.database.hook_bindings(principal.tenant, point)? {
            self.run_next(&call, binding, &mut draft).await;
        }
        Ok(draft.finish(config.on_failure))
    }

    /// Run one script, or note why not.
    async fn run_next(&self, call: &Call<'_>, binding: HookBinding, draft: &mut Draft) {
        let script = HookScript { id: binding.script, name: binding.script_name.clone() };
        if let Some(reason) = call.keeps_from_running(&binding, draft) {
            return draft.did_not_run(script, reason);
        }
        match self.run_one(call, &script, &binding).await {
            Ok(result) => {
                let refusal = self.refusal(call, &result.end);
                draft.ran(result);
                if let Some(refusal) = refusal {
                    draft.refuse(refusal);
                }
            }
            Err(error) => {
                let reason = NotRunReason::of(&error);
                draft.did_not_run(script, reason);
                let is_covered = match reason {
                    NotRunReason::Paused | NotRunReason::NotDeployed => true,
                    // What it rests from are failures of its own.
                    NotRunReason::Resting => true,
                    NotRunReason::Quota | NotRunReason::Overloaded => {
                        call.config.on_failure == OnFailure::OpenUnderOverload
                    }
                    _ => false,
                };
                if !is_covered {
                    draft.refuse(error);
                }
            }
        }
    }

    /// The refusal where a script ended by something that the point does not cover: it covers a script's own failure and
    /// the deadline, and a quota only where it says so (RULES 31).
    fn refusal(&self, call: &Call<'_>, end: &HookEnd) -> Option<AppError> {
        let HookEnd::Failed(failure) = end else { return None };
        match failure.kind {
            ErrorKind::Quota if call.config.on_failure == OnFailure::OpenUnderOverload => None,
            ErrorKind::Quota => {
                let (limit, retry_after) = (self.inner.config.storage_limit_bytes, QUOTA_RETRY);
                Some(AppError::Quota { quota: "storage_bytes", limit, retry_after })
            }
            ErrorKind::Interrupted => Some(AppError::Unavailable),
            ErrorKind::Internal | ErrorKind::EngineFault => Some(AppError::internal(failure.message.clone())),
            _ => None,
        }
    }

    async fn run_one(
        &self,
        call: &Call<'_>,
        script: &HookScript,
        binding: &HookBinding,
    ) -> Result<HookResult, AppError> {
        if self.inner.has_left(call.principal.tenant, binding.set_by)? {
            return Err(AppError::Orphaned);
        }
        let order = self.order(call, binding)?;
        let execution = order.execution;
        let ended = tokio::time::timeout_at(call.deadline.into(), self.executions.execute(order)).await;
        let end = match ended {
            Ok(ended) => HookEnd::from(ended?.result),
            Err(_) => {
                // It is being committed, or about to be: what becomes of it stands in its own row.
                self.inner.running.cancel(execution);
                HookEnd::Unfinished
            }
        };
        Ok(HookResult { script: script.clone(), execution, end })
    }

    fn order(&self, call: &Call<'_>, binding: &HookBinding) -> Result<Order, AppError> {
        let Principal { tenant, actor, permissions } = *call.principal;
        let target = Target::of_script(&self.inner, tenant, &ScriptRef::Id(binding.script))?;
        let asker = match binding.set_by {
            Some(set_by) => Asker::Both { actor, set_by },
            None => Asker::Binding { set_by: None },
        };
        let acting = target.acting(&self.inner, asker)?;
        // The principal's rights were read with the request.
        let rights = acting.bound_rights(&self.inner)?.intersection(permissions);
        let order = Order::new(target, (Trigger::Embedded, actor), (acting, rights), Input::Json(call.input.clone()));
        let terms = Terms {
            begins_by: Some(call.begins_by(Instant::now())),
            ends_by: Some(call.scripts_end_by),
            output: call.config.output.clone(),
        };
        Ok(self.executions.continued(order).on(terms))
    }
}

impl Call<'_> {
    /// Until when the script whose turn it is may wait for a place: half of what is left. One that began later would be
    /// said to have taken too long, where others kept it waiting; and those behind it have a chance.
    pub(super) fn begins_by(&self, now: Instant) -> Instant {
        now + self.scripts_end_by.saturating_duration_since(now) / 2
    }

    fn keeps_from_running(&self, binding: &HookBinding, draft: &Draft) -> Option<NotRunReason> {
        if !binding.is_active {
            Some(NotRunReason::Paused)
        } else if !binding.is_deployed {
            Some(NotRunReason::NotDeployed)
        } else if draft.is_over(self.config.on_failure) {
            Some(NotRunReason::Stopped)
        } else if Instant::now() >= self.scripts_end_by {
            Some(NotRunReason::Deadline)
        } else {
            None
        }
    }
}

impl From<Result<Output, Failure>> for HookEnd {
    fn from(result: Result<Output, Failure>) -> Self {
        match result {
            Ok(Output::Json(json)) => Self::Output(json),
            // Only endpoints answer with responses.
            Ok(Output::Response(_)) => Self::Output(String::from("null")),
            Err(failure) => Self::Failed(failure),
        }
    }
}

fn check_input(config: &HookConfig, input: &str) -> Result<(), Invalid> {
    let invalid = |message: String| Invalid::new("input", message);
    let value = serde_json::from_str(input).map_err(|error| invalid(format!("the input is no JSON: {error}")))?;
    match &config.input {
        Some(schema) => {
            let refused = |mismatch| invalid(format!("the input is not what the extension point takes: {mismatch}"));
            schema.check(&value).map_err(refused)
        }
        None => Ok(()),
    }
}
