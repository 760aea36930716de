//! Following the log of an execution: the lines as they come while it goes on, and what was kept of it from then on.
//!
//! Nothing is told twice and nothing is left out where the one gives way to the other, since each place in the log is named
//! by how many lines come before it and by a digest of these. Where what was told is not what the log begins with (another
//! attempt, a run that was repeated, a server that was stopped), it is said that the log begins anew, and it does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use database::Execution;
use domain::{ErrorKind, ExecutionId, ExecutionStatus, Permission, Permissions, Principal, TenantId};
use runtime::{LogLine, LogTail};
use tokio::time::Instant;

use super::{ExecutionService, Sealed, acting::actor_rights};
use crate::AppError;

/// Streams of one tenant at once.
const OF_TENANT_MAX: usize = 50;

/// Streams at once.
const STREAMS_MAX: usize = 500;

/// How often rights are read again, and where nothing tells of a change, the execution. A stream ends within a second of
/// the loss of its rights (RULES 40).
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// After this time without anything to tell a stream says that it is still there.
const QUIET_MAX: Duration = Duration::from_secs(15);

/// Lines that are told at once.
const LINES_AT_ONCE: usize = 100;

const DIGEST_BYTES: usize = 8;

/// How many streams there are, and whose. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<TenantId, usize>>>);

/// A stream's place among its tenant's, until it is dropped.
#[derive(Debug)]
pub(crate) struct StreamPlace {
    streams: Streams,
    tenant: TenantId,
}

impl Streams {
    /// Take a place.
    ///
    /// # Errors
    /// [`AppError::Quota`] where the tenant has as many as it may; [`AppError::Overloaded`] where all have.
    pub(crate) fn enter(&self, tenant: TenantId) -> Result<StreamPlace, AppError> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.values().sum::<usize>() >= STREAMS_MAX {
            return Err(AppError::Overloaded { retry_after: Duration::from_secs(5) });
        }
        let of_tenant = streams.entry(tenant).or_default();
        if *of_tenant >= OF_TENANT_MAX {
            let (quota, limit) = ("streams", OF_TENANT_MAX as u64);
            return Err(AppError::Quota { quota, limit, retry_after: Duration::from_secs(5) });
        }
        *of_tenant += 1;
        Ok(StreamPlace { streams: self.clone(), tenant })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut streams = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_tenant) = streams.get_mut(&self.tenant) {
            *of_tenant -= 1;
            if *of_tenant == 0 {
                streams.remove(&self.tenant);
            }
        }
    }
}

/// A place in a log: behind so many lines, and behind these alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogMark {
    lines: usize,
    digest: [u8; DIGEST_BYTES],
}

impl LogMark {
    /// Read a place as `to_string` writes it; what nobody was given is the place of no log.
    pub fn parse(text: &str) -> Self {
        let read = || {
            let (lines, digest) = text.split_once('-')?;
            let plain = lines.len() <= 9 && lines.bytes().all(|digit| digit.is_ascii_digit());
            let digest = u64::from_str_radix(digest, 16).ok().filter(|_| digest.len() == 2 * DIGEST_BYTES && plain)?;
            Some(Self { lines: lines.parse().ok()?, digest: digest.to_be_bytes() })
        };
        read().unwrap_or(Self { lines: usize::MAX, digest: [0; DIGEST_BYTES] })
    }

    /// The place behind the next line.
    fn after(self, line: &LogLine) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.digest).update(&[line.level as u8]).update(&line.offset_ms.to_le_bytes());
        for text in [Some(&line.message), line.arguments.as_ref()] {
            let bytes = text.map_or(u64::MAX, |text| text.len() as u64);
            hasher.update(&bytes.to_le_bytes()).update(text.map_or(&[], |text| text.as_bytes()));
        }
        let mut digest = [0; DIGEST_BYTES];
        hasher.finalize_xof().fill(&mut digest);
        Self { lines: self.lines + 1, digest }
    }

    /// Whether these lines begin with those before the place.
    fn is_in(self, lines: &[LogLine]) -> bool {
        let before = lines.get(..self.lines);
        before.is_some_and(|before| before.iter().fold(Self::default(), Self::after) == self)
    }
}

impl std::fmt::Display for LogMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:016x}", self.lines, u64::from_be_bytes(self.digest))
    }
}

/// What a stream of a log tells next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogNews {
    /// The next lines, and the place behind each.
    Lines(Vec<(LogMark, LogLine)>),
    /// What was told before is not what this log begins with: it begins anew.
    Anew,
    /// There is nothing new, and the stream is still there.
    Quiet,
    /// The execution has ended, and nothing follows.
    Ended {
        /// What became of it.
        status: ExecutionStatus,
        /// Why it has no result.
        error_kind: Option<ErrorKind>,
        /// Whether lines were dropped past the log's limits.
        truncated: bool,
    },
    /// Whoever follows may not see more of it, and nothing follows.
    Forbidden,
    /// The server stops: the same place can be asked for again.
    Stopping,
}

impl LogNews {
    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Forbidden | Self::Stopping)
    }
}

/// Follows the log of one execution.
#[derive(Debug)]
pub struct LogFollower {
    service: ExecutionService,
    principal: Principal,
    execution: ExecutionId,
    seen: LogMark,
    /// The run that `seen` is known to be a place of.
    known_run: Option<u32>,
    /// Whether the tenant has this execution.
    is_found: bool,
    rights_at: Instant,
    told_at: Instant,
    _place: StreamPlace,
}

/// Where the log of an execution is.
enum Source {
    Tail(LogTail),
    /// It has ended.
    Kept(Box<Execution>),
    /// It waits, or is about to begin.
    Nowhere,
}

impl ExecutionService {
    /// Follow the log of an execution from `from` on; from its beginning where nothing is said.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Forbidden`] for whoever may not inspect the execution; [`AppError::Quota`] and
    /// [`AppError::Overloaded`] where there are too many streams.
    pub fn follow(
        &self,
        principal: &Principal,
        execution: ExecutionId,
        from: Option<LogMark>,
    ) -> Result<LogFollower, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        let now = Instant::now();
        let mut follower = LogFollower {
            service: self.clone(),
            principal: principal.clone(),
            execution,
            seen: from.unwrap_or_default(),
            known_run: None,
            is_found: false,
            rights_at: now,
            told_at: now,
            _place: self.inner().streams.enter(principal.tenant)?,
        };
        let source = follower.source()?;
        follower.is_found = true;
        if !follower.may_see(&source)? {
            let permission = Permission::ExecutionsInspect;
            return Err(domain::principals::Forbidden { permission }.into());
        }
        Ok(follower)
    }
}

impl LogFollower {
    /// What is to be told next; waits for it. Nothing is lost where this is dropped while it waits.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where the execution is gone; whatever the server fails with.
    pub async fn next(&mut self) -> Result<LogNews, AppError> {
        loop {
            if let Some(news) = self.look()? {
                self.told_at = Instant::now();
                return Ok(news);
            }
            if self.told_at.elapsed() >= QUIET_MAX {
                self.told_at = Instant::now();
                return Ok(LogNews::Quiet);
            }
            match self.service.inner().running.tail(self.execution) {
                Some(tail) => self.wait(&tail).await,
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Wait until there may be something new.
    async fn wait(&self, tail: &LogTail) {
        let changed = tail.changed();
        let view = tail.view(self.seen.lines, 1);
        let is_new = !view.lines.is_empty() || view.is_closed || self.known_run != Some(view.run);
        if !is_new {
            // Whichever is first.
            let _ = tokio::time::timeout(LOOK_EVERY, changed).await;
        }
    }

    /// What there is to tell now.
    fn look(&mut self) -> Result<Option<LogNews>, AppError> {
        if self.rights_at.elapsed() >= LOOK_EVERY {
            let (tenant, actor) = (self.principal.tenant, self.principal.actor);
            let held = actor_rights(self.service.inner(), tenant, actor)?;
            self.principal.permissions = self.principal.permissions.intersection(held);
            self.rights_at = Instant::now();
        }
        let source = self.source()?;
        if !self.may_see(&source)? {
            return Ok(Some(LogNews::Forbidden));
        }
        match source {
            Source::Tail(tail) => Ok(self.look_at_tail(&tail)),
            Source::Kept(execution) => self.look_at_kept(&execution).map(Some),
            Source::Nowhere if self.service.inner().running.is_stopping() => Ok(Some(LogNews::Stopping)),
            Source::Nowhere => Ok(None),
        }
    }

    fn look_at_tail(&mut self, tail: &LogTail) -> Option<LogNews> {
        let run = tail.view(0, 0).run;
        if run == 0 {
            // It has a place, and has not begun.
            return None;
        }
        if self.known_run != Some(run) {
            let lines = tail.view(0, self.seen.lines).lines;
            self.known_run = Some(run);
            if !self.seen.is_in(&lines) {
                self.seen = LogMark::default();
                return Some(LogNews::Anew);
            }
        }
        let view = tail.view(self.seen.lines, LINES_AT_ONCE);
        // Another run may have begun just now: then these are not the lines that come next.
        if view.run != run { None } else { self.tell(view.lines) }
    }

    fn look_at_kept(&mut self, execution: &Execution) -> Result<LogNews, AppError> {
        let lines = Sealed::of(self.service.inner(), self.principal.tenant)?.logs_of(self.execution)?;
        self.known_run = None;
        if !self.seen.is_in(&lines) {
            self.seen = LogMark::default();
            return Ok(LogNews::Anew);
        }
        let rest = lines.into_iter().skip(self.seen.lines).take(LINES_AT_ONCE).collect();
        let (status, error_kind, truncated) = (execution.status, execution.error_kind, execution.logs_truncated);
        Ok(self.tell(rest).unwrap_or(LogNews::Ended { status, error_kind, truncated }))
    }

    fn tell(&mut self, lines: Vec<LogLine>) -> Option<LogNews> {
        let told: Vec<(LogMark, LogLine)> = lines
            .into_iter()
            .map(|line| {
                self.seen = self.seen.after(&line);
                (self.seen, line)
            })
            .collect();
        if told.is_empty() { None } else { Some(LogNews::Lines(told)) }
    }

    fn source(&self) -> Result<Source, AppError> {
        let inner = self.service.inner();
        // The tail before the row: it is gone only once the row says how it ended.
        let tail = inner.running.tail(self.execution);
        if let (Some(tail), true) = (&tail, self.is_found) {
            return Ok(Source::Tail(tail.clone()));
        }
        let detail = inner.database.get_execution(self.principal.tenant, self.execution);
        let execution = detail.map_err(|error| AppError::missing("execution", error))?.execution;
        Ok(match tail {
            _ if execution.status.is_terminal() => Source::Kept(Box::new(execution)),
            Some(tail) => Source::Tail(tail),
            None => Source::Nowhere,
        })
    }

    /// Whether whoever follows may see what the source has now (RULES 19).
    fn may_see(&self, source: &Source) -> Result<bool, AppError> {
        let held = self.principal.permissions;
        if !held.contains(Permission::ExecutionsRead) {
            return Ok(false);
        }
        match source {
            _ if held.contains(Permission::ExecutionsInspect) => Ok(true),
            Source::Tail(tail) => Ok(held.contains_all(tail.view(0, 0).rights_used)),
            Source::Kept(_) => {
                let sealed = Sealed::of(self.service.inner(), self.principal.tenant)?;
                sealed.may_inspect(&self.principal, self.execution)
            }
            Source::Nowhere => Ok(held != Permissions::NONE),
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime::LogLevel;

    use super::*;

    fn line(message: &str) -> LogLine {
        LogLine { level: LogLevel::Info, message: message.to_owned(), arguments: None, offset_ms: 0 }
    }

    #[test]
    fn a_place_reads_back_and_is_known_in_its_own_log_alone() {
        let lines = [line("a"), line("b"), line("c")];
        let mark = LogMark::default().after(&lines[0]).after(&lines[1]);
        assert_eq!(LogMark::parse(&mark.to_string()), mark);
        assert!(mark.is_in(&lines) && mark.is_in(&lines[..2]) && !mark.is_in(&lines[..1]));
        assert!(!mark.is_in(&[line("a"), line("x"), line("c")]));
        assert!(LogMark::default().is_in(&[]));
    }

    #[test]
    fn a_place_that_nobody_was_given_is_in_no_log() {
        let lines = [line("a")];
        for text in
            ["", "1", "1-", "-1", "1-00", "x-0000000000000000", "1-000000000000000g", "99999999999-0000000000000000"]
        {
            assert!(!LogMark::parse(text).is_in(&lines), "{text}");
        }
        assert!(!LogMark::parse("1-0000000000000000").is_in(&lines));
        assert!(LogMark::parse("0-0000000000000000").is_in(&lines));
    }

    #[test]
    fn a_tenant_has_so_many_streams_and_gets_its_places_back() {
        let streams = Streams::default();
        let tenant = TenantId::generate();
        let places: Vec<StreamPlace> = (0..OF_TENANT_MAX).map(|_| streams.enter(tenant).expect("a place")).collect();
        assert!(matches!(streams.enter(tenant), Err(AppError::Quota { quota: "streams", .. })));
        assert!(streams.enter(TenantId::generate()).is_ok());
        drop(places);
        assert!(streams.enter(tenant).is_ok());
        assert!(streams.0.lock().expect("whole").is_empty());
    }
}
