//! What the operator declares of an extension point.

use std::time::Duration;

use crate::Schema;

/// An extension point, as the configuration declares it.
#[derive(Clone, Debug)]
pub struct HookConfig {
    /// What it is for, for those who write scripts for it.
    pub description: String,
    /// What its input has to hold; everything where there is none.
    pub input: Option<Schema>,
    /// What each script's result has to hold; everything where there is none.
    pub output: Option<Schema>,
    /// How long all its scripts together may take, from the call to the answer.
    pub deadline: Duration,
    /// What the answer says where a script fails.
    pub on_failure: OnFailure,
}

/// What becomes of a call of which a script fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The answer says that the host application must not go on. What comes after the failure is not run.
    Closed,
    /// The host application may go on after a script that failed or took too long, and not where none could be run for
    /// a quota or for too much work (RULES 31).
    Open,
    /// The host application may go on then too.
    OpenUnderOverload,
}

impl Default for HookConfig {
    fn default() -> Self {
        Self {
            description: String::new(),
            input: None,
            output: None,
            deadline: Self::DEADLINE_DEFAULT,
            on_failure: OnFailure::Closed,
        }
    }
}

impl HookConfig {
    /// The deadline where nothing is said: a person who waits for a form accepts it.
    pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(2);

    /// The longest deadline: a host application holds a request of its own open meanwhile.
    pub const DEADLINE_MAX: Duration = Duration::from_secs(60);
}
