//! How an execution starts: its context, its seeds, its limits.

use std::time::Instant;

use domain::{Limits, ScriptName, UnixMillis};
use runtime::{Seeds, StartRecord};
use serde::Serialize;

use super::order::Order;
use crate::{AppError, Inner, artifacts::Runnable};

#[derive(Serialize)]
struct Context<'a> {
    tenant: Named<'a>,
    user: Option<User>,
    script: Script<'a>,
    execution: Execution,
}

#[derive(Serialize)]
struct Named<'a> {
    id: String,
    name: &'a str,
}

#[derive(Serialize)]
struct User {
    id: String,
    email: String,
    name: String,
}

#[derive(Serialize)]
struct Script<'a> {
    id: String,
    name: &'a str,
    kind: &'static str,
    version: u32,
}

#[derive(Serialize)]
struct Execution {
    id: String,
    trigger: &'static str,
    attempt: u32,
    /// Unix time in milliseconds.
    deadline: i64,
}

/// The `context` global of an execution.
pub(crate) fn context(
    inner: &Inner,
    order: &Order,
    runnable: &Runnable,
    started_at: UnixMillis,
    limits: &Limits,
) -> Result<String, AppError> {
    let user = match order.actor.user() {
        Some(user) => {
            let user = inner.database.user(user)?;
            Some(User { id: user.id.to_string(), email: user.email, name: user.name })
        }
        None => None,
    };
    let target = &order.target;
    let wall_time_ms = i64::try_from(limits.wall_time.as_millis()).unwrap_or(i64::MAX);
    let context = Context {
        tenant: Named { id: target.tenant.id.to_string(), name: &target.tenant.name },
        user,
        script: Script {
            id: target.script.id.to_string(),
            name: ScriptName::as_str(&target.script.name),
            kind: target.script.kind.as_str(),
            version: runnable.version.number,
        },
        execution: Execution {
            id: order.execution.to_string(),
            trigger: order.trigger.as_str(),
            attempt: order.attempt,
            deadline: started_at.0.saturating_add(wall_time_ms),
        },
    };
    serde_json::to_string(&context).map_err(AppError::internal)
}

/// The start record of an execution, with seeds that no other has.
pub(crate) fn record(context: String, started_at: UnixMillis) -> Result<StartRecord, AppError> {
    let mut entropy = [0; 48];
    getrandom::fill(&mut entropy).map_err(AppError::internal)?;
    let seeds = Seeds::from_entropy(&entropy);
    Ok(StartRecord {
        clock_ms: u64::try_from(started_at.0).unwrap_or(0),
        random_seed: seeds.random,
        crypto_seed: seeds.crypto,
        context,
    })
}

/// The lowest of the system's, the tenant's and the script's limits; of the time also what whoever waits gives it.
pub(crate) fn limits(inner: &Inner, order: &Order, runnable: &Runnable) -> Limits {
    let system = inner.config.limits;
    let tenant = order.target.tenant.limits.unwrap_or(system);
    let script = runnable.version.limits.unwrap_or(system);
    let limits = system.lowest(&tenant).lowest(&script);
    match order.terms.ends_by {
        Some(ends_by) => {
            let left = ends_by.saturating_duration_since(Instant::now());
            Limits { wall_time: limits.wall_time.min(left), ..limits }
        }
        None => limits,
    }
}
