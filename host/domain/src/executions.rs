//! Executions: how one is started, what becomes of it, and what is kept.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $field:literal, { $($(#[$case_doc:meta])* $case:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$case_doc])* $case,)+
        }

        impl $name {
            /// Every case, in the order in which they are documented.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The word that stands for the case in the database, the API and the documentation.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$case => $text,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Invalid;

            fn from_str(text: &str) -> Result<Self, $crate::Invalid> {
                match text {
                    $($text => Ok(Self::$case),)+
                    _ => {
                        let allowed: Vec<&str> = Self::ALL.iter().map(|case| case.as_str()).collect();
                        Err($crate::Invalid::new($field, format!("{} is one of {}", $field, allowed.join(", "))))
                    }
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words!(
    /// What has become of an execution.
    ExecutionStatus, "status", {
        /// Accepted and waiting.
        Pending = "pending",
        /// Under way.
        Running = "running",
        /// Ended with a result.
        Success = "success",
        /// Ended with an error of any kind but those of the next two.
        Failed = "failed",
        /// Ended by its deadline.
        Timeout = "timeout",
        /// Ended by a person.
        Cancelled = "cancelled",
    }
);

impl ExecutionStatus {
    /// Whether nothing changes any more.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

words!(
    /// Why an execution ended without a result: a closed set, stored as data.
    ErrorKind, "error_kind", {
        /// The script threw.
        UserError = "user_error",
        /// The source does not compile, or its entry cannot be called.
        Syntax = "syntax",
        /// The wall time ran out.
        Timeout = "timeout",
        /// The fuel ran out.
        CpuLimit = "cpu_limit",
        /// The memory ran out.
        MemoryLimit = "memory_limit",
        /// The recursion was too deep.
        StackOverflow = "stack_overflow",
        /// The result was too large.
        OutputLimit = "output_limit",
        /// Too many host calls, or too many bytes in them.
        HostcallLimit = "hostcall_limit",
        /// The promise could never settle.
        UnresolvedPromise = "unresolved_promise",
        /// A call outside the script's capabilities, not caught.
        CapabilityDenied = "capability_denied",
        /// A request outside the egress policy, not caught.
        EgressDenied = "egress_denied",
        /// A quota of the tenant.
        Quota = "quota",
        /// What was read changed, and could not be read again.
        Conflict = "conflict",
        /// A person cancelled.
        Cancelled = "cancelled",
        /// The server stopped meanwhile.
        Interrupted = "interrupted",
        /// The guest broke its own memory or the contract.
        EngineFault = "engine_fault",
        /// The host failed.
        Internal = "internal",
    }
);

impl ErrorKind {
    /// The status that goes with the kind.
    pub fn status(self) -> ExecutionStatus {
        match self {
            Self::Timeout => ExecutionStatus::Timeout,
            Self::Cancelled => ExecutionStatus::Cancelled,
            _ => ExecutionStatus::Failed,
        }
    }
}

words!(
    /// What started an execution.
    Trigger, "trigger", {
        /// A schedule.
        Cron = "cron",
        /// A request to an endpoint.
        Endpoint = "endpoint",
        /// An event that a subscription matched.
        Event = "event",
        /// An extension point of the host application.
        Embedded = "embedded",
        /// A person in the web UI.
        Manual = "manual",
        /// The REST API.
        Api = "api",
        /// A person who asked for a failed execution to be run again.
        Retry = "retry",
        /// A replay from a journal.
        Replay = "replay",
        /// Skerry itself.
        System = "system",
    }
);

words!(
    /// How much of an execution's host calls is kept.
    RecordMode, "record", {
        /// Everything that a replay needs.
        Full = "full",
        /// Which calls, when, their sizes and how they ended.
        Metadata = "metadata",
        /// Nothing.
        Off = "off",
    }
);
