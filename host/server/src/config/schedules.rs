//! What the configuration says of schedules.

use std::time::Duration;

use app::{ScheduleConfig, ScheduleRules, SecondsField};

/// When scripts run by themselves.
#[derive(Clone, Debug, confique::Config)]
pub struct SchedulesConfig {
    /// Seconds that lie between two runs of one schedule at least, from 1 to 3600.
    #[config(default = 60)]
    pub min_interval_s: u32,

    /// Whether expressions may have six fields, the first of them seconds.
    #[config(default = false)]
    pub seconds: bool,

    /// Runs in a minute with which one tenant catches up on what was missed while the server was down.
    #[config(default = 60)]
    pub catch_up_per_minute: u32,

    /// The same of all tenants together.
    #[config(default = 600)]
    pub catch_up_per_minute_of_all: u32,

    /// Days for which is kept what became of each time at which a schedule was due.
    #[config(default = 30)]
    pub slots_kept_days: u32,
}

impl SchedulesConfig {
    pub(super) fn app(&self) -> ScheduleConfig {
        ScheduleConfig {
            rules: ScheduleRules {
                min_interval: Duration::from_secs(u64::from(self.min_interval_s)),
                seconds: if self.seconds { SecondsField::Allowed } else { SecondsField::Refused },
            },
            catch_up_per_minute: self.catch_up_per_minute,
            catch_up_per_minute_of_all: self.catch_up_per_minute_of_all,
            slots_kept: Duration::from_secs(u64::from(self.slots_kept_days) * 24 * 60 * 60),
        }
    }
}
