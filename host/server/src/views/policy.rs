//! A script's own rules for its executions: retries, how many side by side, and when it rests.

use std::time::Duration;

use domain::{Backoff, Concurrency, RunPolicy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::{OnInterruptWord, WhenFullWord};

/// A script's rules for its executions. What is not named is as where a script says nothing.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RunPolicy, example = json!({ "max_attempts": 5, "backoff_ms": 2000, "concurrency": { "max": 1 } }))]
pub(crate) struct PolicyView {
    /// Attempts of an asynchronous execution that fails, the first included: 1 to 20; 1 where nothing is said.
    max_attempts: Option<u32>,
    /// Milliseconds before the second attempt; they double with each. Half of the wait is left to chance.
    backoff_ms: Option<u64>,
    /// The most milliseconds between two attempts.
    backoff_max_ms: Option<u64>,
    /// What becomes of an execution that a crash of the server cut off: `retry` or `fail`. Where nothing is said those
    /// of schedules fail and all others run again.
    on_interrupt: Option<OnInterruptWord>,
    /// How many executions go side by side; as many as the tenant may have where nothing is said.
    concurrency: Option<ConcurrencyView>,
    /// Failures one after another until the script rests for a while; 0 for never, 20 where nothing is said.
    breaker_failures: Option<u32>,
}

/// How many executions of a script go side by side.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Concurrency)]
struct ConcurrencyView {
    /// At most so many: 1 to 1 000.
    max: u32,
    /// A JSON pointer into the input, as `/customer_id`: executions are counted by what is there.
    #[serde(default)]
    key: Option<String>,
    /// What becomes of the next one: it waits (`queue`), or does not take place (`skip`).
    #[serde(default)]
    when_full: Option<WhenFullWord>,
}

impl From<PolicyView> for RunPolicy {
    fn from(view: PolicyView) -> Self {
        let default = Self::DEFAULT;
        let millis = |ms: Option<u64>, default: Duration| ms.map_or(default, Duration::from_millis);
        Self {
            max_attempts: view.max_attempts.unwrap_or(default.max_attempts),
            backoff: Backoff {
                initial: millis(view.backoff_ms, default.backoff.initial),
                max: millis(view.backoff_max_ms, default.backoff.max),
            },
            on_interrupt: view.on_interrupt.map(|word| word.0),
            concurrency: view.concurrency.map(Concurrency::from),
            breaker_failures: view
                .breaker_failures
                .map_or(default.breaker_failures, |failures| (failures > 0).then_some(failures)),
        }
    }
}

impl From<ConcurrencyView> for Concurrency {
    fn from(view: ConcurrencyView) -> Self {
        let ConcurrencyView { max, key, when_full } = view;
        Self { max, key, when_full: when_full.map_or(domain::WhenFull::Queue, |word| word.0) }
    }
}

impl From<&RunPolicy> for PolicyView {
    fn from(policy: &RunPolicy) -> Self {
        Self {
            max_attempts: Some(policy.max_attempts),
            backoff_ms: u64::try_from(policy.backoff.initial.as_millis()).ok(),
            backoff_max_ms: u64::try_from(policy.backoff.max.as_millis()).ok(),
            on_interrupt: policy.on_interrupt.map(OnInterruptWord),
            concurrency: policy.concurrency.as_ref().map(|concurrency| ConcurrencyView {
                max: concurrency.max,
                key: concurrency.key.clone(),
                when_full: Some(WhenFullWord(concurrency.when_full)),
            }),
            breaker_failures: Some(policy.breaker_failures.unwrap_or(0)),
        }
    }
}
