//! Policies and quotas as the JSON that their columns hold.

use std::time::Duration;

use domain::{Backoff, Concurrency, OnInterrupt, PlanQuotas, RunPolicy, WhenFull};
use serde::{Deserialize, Serialize};

use crate::rows::unreadable;

#[derive(Serialize, Deserialize)]
struct StoredPolicy {
    max_attempts: u32,
    backoff_ms: u64,
    backoff_max_ms: u64,
    on_interrupt: Option<String>,
    concurrency: Option<StoredConcurrency>,
    breaker_failures: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct StoredConcurrency {
    max: u32,
    key: Option<String>,
    when_full: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredQuotas {
    concurrent_executions: Option<u32>,
    queued_executions: Option<u64>,
    executions_per_minute: Option<u64>,
    fuel_per_day: Option<u64>,
    storage_bytes: Option<u64>,
    scripts: Option<u64>,
    schedules: Option<u64>,
    requests_per_minute: Option<u64>,
}

pub(crate) fn policy_to_json(policy: Option<&RunPolicy>) -> rusqlite::Result<Option<String>> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let stored = policy.map(|policy| StoredPolicy {
        max_attempts: policy.max_attempts,
        backoff_ms: millis(policy.backoff.initial),
        backoff_max_ms: millis(policy.backoff.max),
        on_interrupt: policy.on_interrupt.map(|word| word.to_string()),
        concurrency: policy.concurrency.as_ref().map(|concurrency| StoredConcurrency {
            max: concurrency.max,
            key: concurrency.key.clone(),
            when_full: concurrency.when_full.to_string(),
        }),
        breaker_failures: policy.breaker_failures,
    });
    stored.map(|stored| serde_json::to_string(&stored).map_err(unreadable)).transpose()
}

pub(crate) fn policy_from_json(json: Option<&str>) -> rusqlite::Result<Option<RunPolicy>> {
    let stored: Option<StoredPolicy> = json.map(serde_json::from_str).transpose().map_err(unreadable)?;
    stored.map(policy).transpose().map_err(unreadable)
}

fn policy(stored: StoredPolicy) -> Result<RunPolicy, domain::Invalid> {
    let concurrency = |stored: StoredConcurrency| {
        let when_full: WhenFull = stored.when_full.parse()?;
        Ok::<Concurrency, domain::Invalid>(Concurrency { max: stored.max, key: stored.key, when_full })
    };
    Ok(RunPolicy {
        max_attempts: stored.max_attempts,
        backoff: Backoff {
            initial: Duration::from_millis(stored.backoff_ms),
            max: Duration::from_millis(stored.backoff_max_ms),
        },
        on_interrupt: stored.on_interrupt.map(|word| word.parse::<OnInterrupt>()).transpose()?,
        concurrency: stored.concurrency.map(concurrency).transpose()?,
        breaker_failures: stored.breaker_failures,
    })
}

pub(crate) fn quotas_to_json(quotas: &PlanQuotas) -> rusqlite::Result<String> {
    let PlanQuotas { concurrent_executions, queued_executions, executions_per_minute, .. } = *quotas;
    let PlanQuotas { fuel_per_day, storage_bytes, scripts, schedules, requests_per_minute, .. } = *quotas;
    let stored = StoredQuotas {
        concurrent_executions,
        queued_executions,
        executions_per_minute,
        fuel_per_day,
        storage_bytes,
        scripts,
        schedules,
        requests_per_minute,
    };
    serde_json::to_string(&stored).map_err(unreadable)
}

pub(crate) fn quotas_from_json(json: Option<&str>) -> rusqlite::Result<PlanQuotas> {
    let stored: Option<StoredQuotas> = json.map(serde_json::from_str).transpose().map_err(unreadable)?;
    let stored = stored.unwrap_or_default();
    let StoredQuotas { concurrent_executions, queued_executions, executions_per_minute, .. } = stored;
    let StoredQuotas { fuel_per_day, storage_bytes, scripts, schedules, requests_per_minute, .. } = stored;
    Ok(PlanQuotas {
        concurrent_executions,
        queued_executions,
        executions_per_minute,
        fuel_per_day,
        storage_bytes,
        scripts,
        schedules,
        requests_per_minute,
    })
}
