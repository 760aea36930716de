//! The journal: every host call of an execution in the order in which it was started and answered.
//!
//! The format is decided in `docs/decisions/0007-journal-format.md`. In short: one byte of version, the engine build,
//! the start record, then entries, each in `postcard`'s encoding, appended as they happen; values are kept whole, because
//! the boundary's limit already bounds them to 16 MiB. It holds what the guest saw and never a secret's value, since
//! secrets are names to the guest. Whoever stores it seals it.

use std::time::Duration;

use domain::{ErrorKind, Limits, Permissions, RecordMode};
use serde::{Deserialize, Serialize};

use crate::{
    calls::{HostCall, answer_bytes, permissions_of},
    contract::{Answer, CallError, Delivery},
};

/// The version of the format. A reader refuses every other one.
const VERSION: u8 = 1;

/// What is decided about a run before it begins, beside script and input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRecord {
    /// The clock at the start, Unix time in milliseconds.
    pub clock_ms: u64,
    /// The seed of `Math.random`.
    pub random_seed: (u64, u64),
    /// The seed of `crypto` and `utils.uuid`.
    pub crypto_seed: (u64, u64, u64, u64),
    /// The `context` global, as JSON.
    pub context: String,
}

/// One thing that happened. The order of the cases is part of the format: new ones come last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// A call was started; calls are numbered from 1 in the order of these entries.
    Call {
        /// Microseconds since the start, for people; a replay ignores it.
        at_us: u64,
        /// What was asked.
        call: HostCall,
    },
    /// An answer was handed over.
    Delivery {
        /// Microseconds since the start.
        at_us: u64,
        /// The call's number.
        id: u32,
        /// The clock from here on.
        clock_ms: u64,
        /// The answer.
        outcome: Result<Answer, CallError>,
    },
    /// A call of which only the outline is kept (`record: metadata`).
    CallOutline {
        /// Microseconds since the start.
        at_us: u64,
        /// Interface and function.
        name: String,
        /// Bytes that the guest handed over.
        bytes: u64,
    },
    /// An answer of which only the outline is kept.
    DeliveryOutline {
        /// Microseconds since the start.
        at_us: u64,
        /// The call's number.
        id: u32,
        /// Bytes of the answer.
        bytes: u64,
        /// The code of the error, where it was one.
        error: Option<String>,
    },
    /// How it ended.
    End {
        /// Fuel used, load included.
        fuel: u64,
        /// The word of the error's kind, where it failed.
        error_kind: Option<String>,
    },
}

/// The limits of a run as the journal keeps them: a replay has to end by the same ones.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct RecordedLimits {
    fuel: u64,
    wall_time_us: u64,
    memory_bytes: u64,
    host_calls: u32,
    outbound_requests: u32,
    boundary_bytes: u64,
    log_lines: u32,
    log_bytes: u64,
    result_bytes: u64,
}

impl From<&Limits> for RecordedLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            fuel: limits.fuel,
            wall_time_us: u64::try_from(limits.wall_time.as_micros()).unwrap_or(u64::MAX),
            memory_bytes: limits.memory_bytes,
            host_calls: limits.host_calls,
            outbound_requests: limits.outbound_requests,
            boundary_bytes: limits.boundary_bytes,
            log_lines: limits.log_lines,
            log_bytes: limits.log_bytes,
            result_bytes: limits.result_bytes,
        }
    }
}

impl From<RecordedLimits> for Limits {
    fn from(recorded: RecordedLimits) -> Self {
        Self {
            fuel: recorded.fuel,
            wall_time: Duration::from_micros(recorded.wall_time_us),
            memory_bytes: recorded.memory_bytes,
            host_calls: recorded.host_calls,
            outbound_requests: recorded.outbound_requests,
            boundary_bytes: recorded.boundary_bytes,
            log_lines: recorded.log_lines,
            log_bytes: recorded.log_bytes,
            result_bytes: recorded.result_bytes,
        }
    }
}

/// A journal that was read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// The engine build of the run: under another one, fuel cannot be compared.
    pub engine_build: String,
    /// The start of the run.
    pub start: StartRecord,
    /// The limits of the run; of a repeat those that were left to it.
    pub limits: Limits,
    /// What happened, in order.
    pub entries: Vec<Entry>,
}

/// Why a journal cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// It was written by another version of Skerry.
    #[error("this journal has the format {found}; this version of Skerry reads the format {VERSION}")]
    Version {
        /// The version in the journal.
        found: u8,
    },
    /// It is no journal, or was cut.
    #[error("this journal cannot be read: {0}")]
    Damaged(String),
    /// It has outlines where a replay needs values.
    #[error("this execution was recorded as metadata only, which cannot be replayed")]
    OutlineOnly,
}

impl Journal {
    /// Read what [`Record::into_bytes`] made.
    ///
    /// # Errors
    /// Another version, or damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, JournalError> {
        let damaged = |error: postcard::Error| JournalError::Damaged(error.to_string());
        let (version, rest) = bytes.split_first().ok_or_else(|| JournalError::Damaged(String::from("it is empty")))?;
        if *version != VERSION {
            return Err(JournalError::Version { found: *version });
        }
        let ((engine_build, start, limits), mut rest) =
            postcard::take_from_bytes::<(String, StartRecord, RecordedLimits)>(rest).map_err(damaged)?;
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let (entry, after) = postcard::take_from_bytes::<Entry>(rest).map_err(damaged)?;
            entries.push(entry);
            rest = after;
        }
        Ok(Self { engine_build, start, limits: limits.into(), entries })
    }

    /// The fuel at the end, where the run came to one.
    pub fn fuel(&self) -> Option<u64> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::End { fuel, .. } => Some(*fuel),
            _ => None,
        })
    }

    /// The rights that the calls took which the run made: whoever may see what is in here holds them (RULES 19).
    pub fn rights_used(&self) -> Permissions {
        let permissions = |entry: &Entry| match entry {
            Entry::Call { call, .. } => call.permissions(),
            Entry::CallOutline { name, .. } => permissions_of(name),
            Entry::Delivery { .. } | Entry::DeliveryOutline { .. } | Entry::End { .. } => Permissions::NONE,
        };
        self.entries.iter().map(permissions).fold(Permissions::NONE, Permissions::union)
    }

    /// Whether of some calls only the outline was kept.
    pub fn has_outlines(&self) -> bool {
        let is_outline = |entry: &Entry| matches!(entry, Entry::CallOutline { .. } | Entry::DeliveryOutline { .. });
        self.entries.iter().any(is_outline)
    }

    /// How the run failed, where it did.
    pub fn error_kind(&self) -> Option<ErrorKind> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::End { error_kind, .. } => error_kind.as_ref().and_then(|kind| kind.parse().ok()),
            _ => None,
        })
    }
}

/// A journal while it is written.
#[derive(Clone, Debug, Default)]
pub struct Record {
    keep: Keep,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Keep {
    Everything,
    Outline,
    #[default]
    Nothing,
}

impl Record {
    /// Begin a journal.
    pub(crate) fn begin(mode: RecordMode, engine_build: &str, start: &StartRecord, limits: &Limits) -> Self {
        let keep = match mode {
            RecordMode::Full => Keep::Everything,
            RecordMode::Metadata => Keep::Outline,
            RecordMode::Off => Keep::Nothing,
        };
        let mut record = Self { keep, bytes: Vec::new() };
        if keep != Keep::Nothing {
            record.bytes.reserve(512);
            record.bytes.push(VERSION);
            record.append(&(engine_build, start, RecordedLimits::from(limits)));
        }
        record
    }

    /// A call was let through.
    pub(crate) fn call(&mut self, at_us: u64, call: &HostCall, keeps_values: bool) {
        // Mirrors `Entry::Call` without owning the call: same cases, same order.
        #[derive(Serialize)]
        enum Borrowed<'a> {
            Call { at_us: u64, call: &'a HostCall },
        }
        match self.keep {
            Keep::Everything if keeps_values => self.append(&Borrowed::Call { at_us, call }),
            Keep::Everything | Keep::Outline => {
                self.append(&Entry::CallOutline { at_us, name: call.name().to_owned(), bytes: call.bytes() });
            }
            Keep::Nothing => {}
        }
    }

    /// An answer is handed over.
    pub(crate) fn delivery(&mut self, at_us: u64, delivery: &Delivery, keeps_values: bool) {
        #[derive(Serialize)]
        enum Borrowed<'a> {
            #[expect(dead_code, reason = "keeps the number of the next case")]
            Call,
            Delivery {
                at_us: u64,
                id: u32,
                clock_ms: u64,
                outcome: &'a Result<Answer, CallError>,
            },
        }
        match self.keep {
            Keep::Everything if keeps_values => self.append(&Borrowed::Delivery {
                at_us,
                id: delivery.id,
                clock_ms: delivery.clock_ms,
                outcome: &delivery.outcome,
            }),
            Keep::Everything | Keep::Outline => self.append(&Entry::DeliveryOutline {
                at_us,
                id: delivery.id,
                bytes: answer_bytes(&delivery.outcome),
                error: delivery.outcome.as_ref().err().map(|error| error.code_and_message().0.to_owned()),
            }),
            Keep::Nothing => {}
        }
    }

    /// The run ended.
    pub(crate) fn end(&mut self, fuel: u64, error_kind: Option<ErrorKind>) {
        if self.keep != Keep::Nothing {
            self.append(&Entry::End { fuel, error_kind: error_kind.map(|kind| kind.as_str().to_owned()) });
        }
    }

    /// The journal as it is stored; empty where nothing was to be kept.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The journal as it is stored; empty where nothing was to be kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn append<T: Serialize>(&mut self, value: &T) {
        let bytes = std::mem::take(&mut self.bytes);
        // Encoding into memory fails only for types that postcard cannot write, of which none is here; an empty journal
        // is then what is left, which no reader takes for a whole one.
        self.bytes = postcard::to_extend(value, bytes).unwrap_or_default();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use domain::Permission;

    use super::*;

    fn start() -> StartRecord {
        StartRecord { clock_ms: 7, random_seed: (1, 2), crypto_seed: (3, 4, 5, 6), context: String::from("{}") }
    }

    #[test]
    fn a_journal_reads_back_as_it_was_written() {
        let mut record = Record::begin(RecordMode::Full, "build", &start(), &Limits::DEFAULT);
        let call = HostCall::StorageGet { key: String::from("k") };
        record.call(10, &call, true);
        let outcome = Ok(Answer::Value(Some(String::from("1"))));
        record.delivery(20, &Delivery { id: 1, clock_ms: 8, outcome: outcome.clone() }, true);
        record.end(99, Some(ErrorKind::UserError));
        let journal = Journal::decode(&record.into_bytes()).unwrap();
        assert_eq!(journal.start, start());
        assert_eq!(journal.limits, Limits::DEFAULT);
        assert_eq!(journal.fuel(), Some(99));
        assert_eq!(journal.error_kind(), Some(ErrorKind::UserError));
        assert_eq!(journal.entries[0], Entry::Call { at_us: 10, call });
        assert_eq!(journal.entries[1], Entry::Delivery { at_us: 20, id: 1, clock_ms: 8, outcome });
    }

    #[test]
    fn metadata_keeps_no_argument_and_no_answer() {
        let mut record = Record::begin(RecordMode::Metadata, "build", &start(), &Limits::DEFAULT);
        record.call(1, &HostCall::StorageGet { key: String::from("MARKER") }, true);
        let outcome = Ok(Answer::Value(Some(String::from("MARKER"))));
        record.delivery(2, &Delivery { id: 1, clock_ms: 8, outcome }, true);
        let bytes = record.into_bytes();
        assert!(!bytes.windows(6).any(|window| window == b"MARKER"));
    }

    #[test]
    fn a_call_whose_values_are_not_kept_leaves_its_outline_alone() {
        let mut record = Record::begin(RecordMode::Full, "build", &start(), &Limits::DEFAULT);
        let kept = HostCall::StorageGet { key: String::from("kept") };
        record.call(1, &kept, true);
        record.call(2, &HostCall::SecretCheck { name: String::from("MARKER") }, false);
        let outcome = Ok(Answer::Text(String::from("MARKER")));
        record.delivery(3, &Delivery { id: 2, clock_ms: 8, outcome }, false);
        let bytes = record.into_bytes();
        assert!(!bytes.windows(6).any(|window| window == b"MARKER"));
        let journal = Journal::decode(&bytes).unwrap();
        assert_eq!(journal.entries[0], Entry::Call { at_us: 1, call: kept });
        let rights = [Permission::StorageRead, Permission::SecretsUse];
        assert_eq!(journal.rights_used(), rights.into_iter().collect());
    }

    #[test]
    fn a_cut_or_foreign_journal_is_refused_and_never_a_panic() {
        let mut record = Record::begin(RecordMode::Full, "build", &start(), &Limits::DEFAULT);
        record.call(1, &HostCall::StorageGet { key: String::from("k") }, true);
        let bytes = record.into_bytes();
        for length in 0..bytes.len() {
            let _ = Journal::decode(&bytes[..length]);
        }
        assert!(matches!(Journal::decode(&[9, 1]), Err(JournalError::Version { found: 9 })));
    }
}
