//! A script at a glance: what makes it run, its last runs, how long they take, and when the next one is due.

use std::time::Duration;

use database::{ExecutionFilter, ScriptSummary, Subscription};
use domain::{ExecutionId, ExecutionStatus, Permission, Principal, ScriptKind, TenantId, UnixMillis};

use super::ScriptService;
use crate::{AppError, schedules::in_words};

/// Runs that are shown as marks.
const MARKS: usize = 20;

/// Runs that are measured: of so many the slowest twentieth is more than one.
const MEASURED: u32 = 40;

/// The most schedules of one script that are named.
const SCHEDULES: u32 = 20;

/// The most subscriptions of a tenant among which those of one script are looked for.
const SUBSCRIPTIONS: u32 = 1_000;

/// What is to be seen of a script in a list.
#[derive(Clone, Debug, Default)]
pub struct ScriptOverview {
    /// What makes it run; nothing, where it runs only when it is asked to.
    pub started_by: Vec<StartedBy>,
    /// Its last runs, the latest first; none where the principal may not see executions.
    pub runs: Vec<RunMark>,
    /// Within what time nineteen of twenty of its last runs that ended were over; `None` where none did.
    pub p95: Option<Duration>,
    /// When it runs next by a schedule.
    pub next_run: Option<UnixMillis>,
}

/// What makes a script run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartedBy {
    /// A schedule.
    Schedule {
        /// Its times, as a person says them.
        words: String,
        /// The time zone.
        timezone: String,
        /// Whether it starts nothing for now.
        is_paused: bool,
    },
    /// Requests.
    Endpoint {
        /// The methods.
        method: String,
        /// The path below the tenant's.
        path: String,
    },
    /// Events.
    Event {
        /// The patterns of their types, with commas.
        patterns: String,
        /// Whether nothing is delivered for now.
        is_paused: bool,
    },
    /// An extension point of the host application.
    Hook {
        /// Its name.
        point: String,
    },
}

/// One run of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunMark {
    /// The execution.
    pub id: ExecutionId,
    /// What became of it.
    pub status: ExecutionStatus,
    /// When it began, or was accepted.
    pub at: UnixMillis,
    /// How long it ran, where it has ended.
    pub duration: Option<Duration>,
}

impl ScriptService {
    /// Each of these scripts at a glance, in their order. Needs `scripts.read`; what is said of runs also needs
    /// `executions.read` and is left out without.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn overviews(&self, principal: &Principal, scripts: &[ScriptSummary]) -> Result<Vec<ScriptOverview>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let tenant = principal.tenant;
        let takes_events = scripts.iter().any(|script| script.kind == ScriptKind::Event);
        let subscriptions = match takes_events {
            true => self.database().list_subscriptions(tenant, None, SUBSCRIPTIONS)?,
            false => Vec::new(),
        };
        scripts
            .iter()
            .map(|script| {
                let mut overview = self.starts(tenant, script, &subscriptions)?;
                if principal.permissions.contains(Permission::ExecutionsRead) {
                    self.measure(tenant, script, &mut overview)?;
                }
                Ok(overview)
            })
            .collect()
    }

    fn starts(
        &self,
        tenant: TenantId,
        script: &ScriptSummary,
        subscriptions: &[Subscription],
    ) -> Result<ScriptOverview, AppError> {
        let mut overview = ScriptOverview::default();
        match script.kind {
            ScriptKind::Cron => {
                let schedules = self.database().list_schedules(tenant, Some(script.id), None, SCHEDULES)?;
                overview.next_run = schedules
                    .iter()
                    .filter(|schedule| !schedule.is_paused && script.is_active)
                    .filter_map(|schedule| schedule.next.map(|next| next.due_at))
                    .min();
                overview.started_by = schedules
                    .into_iter()
                    .map(|schedule| StartedBy::Schedule {
                        words: in_words(&schedule.setting.expression),
                        timezone: schedule.setting.timezone,
                        is_paused: schedule.is_paused,
                    })
                    .collect();
            }
            ScriptKind::Endpoint => {
                let endpoint = self.database().endpoint(tenant, script.id)?;
                overview.started_by = endpoint
                    .into_iter()
                    .map(|endpoint| StartedBy::Endpoint {
                        method: endpoint.route.method().to_owned(),
                        path: endpoint.route.path().to_owned(),
                    })
                    .collect();
            }
            ScriptKind::Event => {
                overview.started_by = subscriptions
                    .iter()
                    .filter(|subscription| subscription.script == script.id)
                    .map(|subscription| StartedBy::Event {
                        patterns: subscription.patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                        is_paused: !subscription.is_active,
                    })
                    .collect();
            }
            ScriptKind::Embedded => {
                for point in self.inner.config.hooks.keys() {
                    let bindings = self.database().hook_bindings(tenant, point)?;
                    if bindings.iter().any(|binding| binding.script == script.id) {
                        overview.started_by.push(StartedBy::Hook { point: point.to_string() });
                    }
                }
            }
            ScriptKind::OneOff => {}
        }
        Ok(overview)
    }

    fn measure(&self, tenant: TenantId, script: &ScriptSummary, overview: &mut ScriptOverview) -> Result<(), AppError> {
        let filter = ExecutionFilter { script: Some(script.id), ..ExecutionFilter::default() };
        let runs = self.database().list_executions(tenant, &filter, None, MEASURED)?.executions;
        let mut durations: Vec<Duration> = runs.iter().filter_map(|run| run.duration).collect();
        durations.sort_unstable();
        overview.p95 = percentile_95(&durations);
        overview.runs = runs
            .iter()
            .take(MARKS)
            .map(|run| RunMark {
                id: run.id,
                status: run.status,
                at: run.started_at.unwrap_or(run.accepted_at),
                duration: run.duration,
            })
            .collect();
        Ok(())
    }
}

/// The smallest of the sorted `durations` that nineteen of twenty do not exceed (the nearest-rank method).
fn percentile_95(durations: &[Duration]) -> Option<Duration> {
    let rank = (durations.len() * 95).div_ceil(100);
    durations.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nineteen_of_twenty_runs_are_within_the_95th_percentile() {
        let durations: Vec<Duration> = (1..=40).map(Duration::from_millis).collect();
        assert_eq!(percentile_95(&durations), Some(Duration::from_millis(38)));
        assert_eq!(percentile_95(&durations[..1]), Some(Duration::from_millis(1)));
        assert_eq!(percentile_95(&[]), None);
    }
}
