//! Finding executions: by what their rows say, and by what their logs say.
//!
//! Logs are sealed and have no index, so that looking for a text in them is to open those of the executions that the other
//! filters find, the latest first, as long as a page may take. Whoever may not inspect an execution does not find it so
//! (RULES 19).

use std::time::{Duration, Instant};

use database::{Execution, ExecutionCursor, ExecutionFilter, ExecutionPage};
use domain::{Invalid, Permission, Principal, UnixMillis};
use runtime::LogLine;

use super::{ExecutionService, Sealed};
use crate::AppError;

/// The most characters of a text that is looked for.
const TEXT_CHARS_MAX: usize = 200;

/// Executions of which the logs are opened, between two looks at the next rows.
const OPENED_AT_ONCE: u32 = 50;

/// After this time the page is answered as it is. One execution is always looked at, so that each page is further on.
const SEARCH_TIME: Duration = Duration::from_millis(25);

/// Which executions to find; every part that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct ExecutionQuery {
    /// What their rows say.
    pub filter: ExecutionFilter,
    /// What a line of their logs says.
    pub logs: Option<LogText>,
    /// Where the page before ended.
    pub cursor: Option<ExecutionCursor>,
    /// The most executions of the page.
    pub limit: u32,
}

/// A page of executions, and how far it was looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionsFound {
    /// The executions, the latest first; may be fewer than asked for, or none, where there is a next page.
    pub executions: Vec<Execution>,
    /// Where the next page goes on; `None` where there is nothing more.
    pub next: Option<ExecutionCursor>,
}

/// A text that is looked for in logs, whatever the case of its letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogText(String);

impl LogText {
    /// Read a text.
    ///
    /// # Errors
    /// Says how long it may be.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if (1..=TEXT_CHARS_MAX).contains(&text.chars().count()) {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(Invalid::new("logs", format!("a text to look for in logs has 1 to {TEXT_CHARS_MAX} characters")))
        }
    }

    fn is_in(&self, line: &LogLine) -> bool {
        let has = |text: &str| text.to_lowercase().contains(&self.0);
        has(&line.message) || line.arguments.as_deref().is_some_and(has)
    }
}

impl ExecutionsFound {
    /// Everything from this moment on was looked at, in this page and those before it; `None` where all was.
    pub fn searched_until(&self) -> Option<UnixMillis> {
        self.next.map(|next| next.started_at)
    }
}

impl ExecutionService {
    /// A page of executions, the latest first, by what their rows say alone.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] without `executions.read`.
    pub fn list(
        &self,
        principal: &Principal,
        filter: &ExecutionFilter,
        cursor: Option<ExecutionCursor>,
        limit: u32,
    ) -> Result<ExecutionPage, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        Ok(self.inner().database.list_executions(principal.tenant, filter, cursor, limit)?)
    }

    /// A page of executions, the latest first. Takes some 25 ms at most, however little there is to find.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] without `executions.read`; [`AppError::Invalid`] for a range that ends before it begins.
    pub async fn find(&self, principal: &Principal, query: ExecutionQuery) -> Result<ExecutionsFound, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        require_ranges(&query.filter)?;
        let (service, principal) = (self.clone(), principal.clone());
        // A walk takes a while, in which a thread of the server's serves nobody else.
        let found = tokio::task::spawn_blocking(move || match &query.logs {
            None => {
                let page = service.list(&principal, &query.filter, query.cursor, query.limit)?;
                Ok(ExecutionsFound { executions: page.executions, next: page.next })
            }
            Some(text) => service.search(&principal, &query, text),
        });
        found.await.map_err(AppError::internal)?
    }

    fn search(
        &self,
        principal: &Principal,
        query: &ExecutionQuery,
        text: &LogText,
    ) -> Result<ExecutionsFound, AppError> {
        let began = Instant::now();
        let sealed = Sealed::of(self.inner(), principal.tenant)?;
        let mut found = ExecutionsFound { executions: Vec::new(), next: query.cursor };
        loop {
            let page = self.list(principal, &query.filter, found.next, OPENED_AT_ONCE)?;
            for execution in page.executions {
                found.next = Some(execution.cursor());
                if is_told(&sealed, principal, &execution, text)? {
                    found.executions.push(execution);
                }
                if found.executions.len() >= query.limit as usize || began.elapsed() >= SEARCH_TIME {
                    return Ok(found);
                }
            }
            found.next = page.next;
            if found.next.is_none() || began.elapsed() >= SEARCH_TIME {
                return Ok(found);
            }
        }
    }
}

/// Whether a line of an execution's log has the text, and the principal may see that.
fn is_told(sealed: &Sealed, principal: &Principal, execution: &Execution, text: &LogText) -> Result<bool, AppError> {
    let lines = sealed.logs_of(execution.id)?;
    Ok(lines.iter().any(|line| text.is_in(line)) && sealed.may_inspect(principal, execution.id)?)
}

fn require_ranges(filter: &ExecutionFilter) -> Result<(), Invalid> {
    let inverted = |field: &'static str, other: &str| {
        Err(Invalid::new(field, format!("{field} lies before {other}: a range ends after it begins")))
    };
    let is_inverted =
        |from: Option<UnixMillis>, to: Option<UnixMillis>| from.zip(to).is_some_and(|(from, to)| to <= from);
    match () {
        () if is_inverted(filter.after, filter.before) => inverted("before", "after"),
        () if is_inverted(filter.accepted_after, filter.accepted_before) => {
            inverted("accepted_before", "accepted_after")
        }
        () if filter.duration_min.zip(filter.duration_max).is_some_and(|(min, max)| max < min) => {
            Err(Invalid::new("duration_max_ms", "duration_max_ms is not less than duration_min_ms"))
        }
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use runtime::LogLevel;

    use super::*;

    #[test]
    fn a_text_is_found_in_messages_and_arguments_whatever_its_case() {
        let line = |message: &str, arguments: Option<&str>| LogLine {
            level: LogLevel::Info,
            message: message.to_owned(),
            arguments: arguments.map(str::to_owned),
            offset_ms: 0,
        };
        let text = LogText::parse("Größe").expect("a text");
        assert!(text.is_in(&line("die GRÖßE ist", None)));
        assert!(text.is_in(&line("", Some("[\"größe\"]"))));
        assert!(!text.is_in(&line("grosse", Some("[]"))));
        assert!(LogText::parse("").is_err() && LogText::parse(&"a".repeat(201)).is_err());
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_refused_by_name() {
        let at = |at: i64| Some(UnixMillis(at));
        let none = ExecutionFilter::default;
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (filter, field) in [
            (ExecutionFilter { after: at(2), before: at(2), ..none() }, "before"),
            (ExecutionFilter { accepted_after: at(2), accepted_before: at(1), ..none() }, "accepted_before"),
            (ExecutionFilter { duration_min: seconds(2), duration_max: seconds(1), ..none() }, "duration_max_ms"),
        ] {
            assert_eq!(require_ranges(&filter).map_err(|invalid| invalid.field), Err(field));
        }
        let equal = ExecutionFilter { duration_min: seconds(1), duration_max: seconds(1), ..none() };
        assert!(require_ranges(&equal).is_ok() && require_ranges(&none()).is_ok());
    }
}
