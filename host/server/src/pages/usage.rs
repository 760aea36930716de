//! `/usage`: what the tenant uses, beside what it may.

use app::{App, UsageOfDay, UsageView};
use askama::Template;
use axum::extract::State;

use super::{
    answer::{PageResult, page},
    format,
    frame::Frame,
    visit::Visit,
};

/// Days of the chart.
const DAYS: u16 = 30;

/// From this part of a quota on it is nearly used up.
const NEARLY: f64 = 0.8;

#[derive(Template)]
#[template(path = "tenant/usage.html")]
struct UsagePage {
    frame: Frame,
    meters: Vec<Meter>,
    days: Vec<Day>,
}

/// A quota, and how much of it is used.
pub(super) struct Meter {
    pub(super) word: &'static str,
    pub(super) used: String,
    pub(super) limit: Option<String>,
    part: f64,
}

/// A day of the chart.
struct Day {
    date: String,
    usage: UsageOfDay,
}

impl Meter {
    fn new(word: &'static str, used: u64, limit: Option<u64>, written: fn(u64) -> String) -> Self {
        let part = limit.map_or(0.0, |limit| if limit == 0 { 1.0 } else { used as f64 / limit as f64 });
        Self { word, used: written(used), limit: limit.map(written), part: part.min(1.0) }
    }

    /// The meaning of how full it is, as a word for who does not see colours.
    pub(super) fn state(&self) -> (&'static str, &'static str) {
        match self.part {
            part if part >= 1.0 => ("failed", "used up"),
            part if part >= NEARLY => ("limit", "nearly used up"),
            _ => ("success", ""),
        }
    }

    pub(super) fn percent(&self) -> String {
        format!("{:.1}", self.part * 100.0)
    }

    /// The meters of a tenant.
    pub(super) fn all(usage: &UsageView) -> Vec<Self> {
        let quotas = &usage.quotas;
        let count = |number: u64| format::count(number);
        vec![
            Self::new("Running now", usage.running_executions, Some(u64::from(quotas.concurrent_executions)), count),
            Self::new("Waiting or running, accepted", usage.queued_executions, Some(quotas.queued_executions), count),
            Self::new("Fuel today", usage.fuel_today, quotas.fuel_per_day, count),
            Self::new("Storage", usage.storage_bytes, Some(quotas.storage_bytes), format::bytes),
            Self::new("Scripts", usage.scripts, Some(quotas.scripts), count),
            Self::new("Schedules", usage.schedules, Some(quotas.schedules), count),
            Self::new("Executions today", usage.executions_today, None, count),
        ]
    }
}

/// What the tenant uses.
pub(crate) async fn usage_page(State(app): State<App>, Visit { principal, frame }: Visit) -> PageResult {
    let meters = Meter::all(&app.usage().show(&principal)?);
    let days = app.usage().days(&principal, DAYS)?;
    let days = days.into_iter().map(|usage| Day { date: format::day(usage.day), usage }).collect();
    page(&UsagePage { frame, meters, days })
}
