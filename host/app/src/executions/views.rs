//! What became of an execution, unsealed for those who may see it (RULES 19, 21).

use std::{borrow::Cow, sync::Arc};

use database::{Attempt, Execution};
use domain::{ExecutionId, Permission, Principal, TenantId, principals::Forbidden};
use runtime::{Failure, Header, Input, Journal, LogLine, Output};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    calls::{CallView, calls_of},
    sent::SentRequests,
};
use crate::{
    AppError, Inner,
    sealing::{Purpose, TenantKey},
};

/// An execution as a principal sees it.
#[derive(Clone, Debug)]
pub struct ExecutionView {
    /// What everybody with `executions.read` sees.
    pub execution: Execution,
    /// The entry's argument, as JSON; absent where the principal may not inspect the execution.
    pub input: Option<String>,
    /// What it answered; absent where the principal may not inspect the execution, and where it failed.
    pub result: Option<ResultView>,
    /// Why it failed; absent where the principal may not inspect the execution, and where it did not.
    pub error: Option<Failure>,
}

/// What an execution answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultView {
    /// A JSON value, as text.
    Json(String),
    /// An HTTP response.
    Response {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Vec<(String, String)>,
        /// Its body.
        body: Vec<u8>,
    },
}

/// An attempt of an execution before its last one.
#[derive(Clone, Debug)]
pub struct AttemptView {
    /// What everybody with `executions.read` sees.
    pub attempt: Attempt,
    /// Why it failed; absent where the principal may not inspect the execution, and where the server ended with it.
    pub error: Option<Failure>,
}

/// The log of an execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogsView {
    /// The lines, in order.
    pub lines: Vec<LogLine>,
    /// Whether lines were dropped past the log's limits.
    pub truncated: bool,
}

/// Seals and opens what belongs to a tenant's executions.
pub(crate) struct Sealed {
    key: Arc<TenantKey>,
    database: database::Database,
    tenant: TenantId,
}

impl Sealed {
    pub(crate) fn of(inner: &Inner, tenant: TenantId) -> Result<Self, AppError> {
        Ok(Self { key: inner.keyring.tenant(&inner.database, tenant)?, database: inner.database.clone(), tenant })
    }

    pub(crate) fn key(&self) -> Arc<TenantKey> {
        Arc::clone(&self.key)
    }

    pub(crate) fn input(&self, execution: ExecutionId, input: &Input) -> Result<Vec<u8>, AppError> {
        self.seal(Purpose::Input, execution, input)
    }

    pub(crate) fn result(&self, execution: ExecutionId, output: &Output) -> Result<Vec<u8>, AppError> {
        self.seal(Purpose::Result, execution, output)
    }

    pub(crate) fn error(&self, execution: ExecutionId, failure: &Failure) -> Result<Vec<u8>, AppError> {
        self.seal(Purpose::Error, execution, failure)
    }

    pub(crate) fn logs(&self, execution: ExecutionId, lines: &[LogLine]) -> Result<Vec<u8>, AppError> {
        if lines.is_empty() { Ok(Vec::new()) } else { self.seal(Purpose::Logs, execution, lines) }
    }

    pub(crate) fn journal(&self, execution: ExecutionId, journal: &[u8]) -> Vec<u8> {
        self.key.seal(Purpose::Journal, execution.as_bytes(), journal)
    }

    /// Whether a principal may see what an execution was given, what it asked and answered: with `executions.inspect`, or
    /// with every right that its recorded calls used (RULES 19).
    pub(crate) fn may_inspect(&self, principal: &Principal, execution: ExecutionId) -> Result<bool, AppError> {
        if principal.permissions.contains(Permission::ExecutionsInspect) {
            return Ok(true);
        }
        Ok(self.inspectable_journal(principal, execution)?.is_some())
    }

    /// The journal, where one was kept that the principal may inspect.
    pub(crate) fn inspectable_journal(
        &self,
        principal: &Principal,
        execution: ExecutionId,
    ) -> Result<Option<Journal>, AppError> {
        let may_inspect_all = principal.permissions.contains(Permission::ExecutionsInspect);
        let may_inspect =
            |journal: &Journal| may_inspect_all || principal.permissions.contains_all(journal.rights_used());
        Ok(self.open_journal(execution)?.filter(may_inspect))
    }

    /// As [`Self::may_inspect`].
    ///
    /// # Errors
    /// [`AppError::Forbidden`] names `executions.inspect`.
    pub(crate) fn require_inspect(&self, principal: &Principal, execution: ExecutionId) -> Result<(), AppError> {
        if self.may_inspect(principal, execution)? {
            return Ok(());
        }
        Err(Forbidden { permission: Permission::ExecutionsInspect }.into())
    }

    /// The host calls of an execution, with their values where the principal may inspect them.
    pub(crate) fn view_calls(&self, principal: &Principal, execution: ExecutionId) -> Result<Vec<CallView>, AppError> {
        self.database.get_execution(self.tenant, execution).map_err(not_found)?;
        let may_inspect = self.may_inspect(principal, execution)?;
        let journal = self.open_journal(execution)?.ok_or(AppError::NotRecorded)?;
        Ok(calls_of(&journal, may_inspect))
    }

    /// The execution, with its contents where the principal may inspect them.
    pub(crate) fn view(&self, principal: &Principal, execution: ExecutionId) -> Result<ExecutionView, AppError> {
        let detail = self.database.get_execution(self.tenant, execution).map_err(not_found)?;
        let may_inspect = self.may_inspect(principal, execution)?;
        let open = |sealed: Option<Vec<u8>>| sealed.filter(|_| may_inspect);
        let input = open(detail.input).map(|sealed| self.open_input(execution, Some(&sealed))).transpose()?;
        let result = open(detail.result).map(|sealed| self.open_result(execution, &sealed)).transpose()?;
        Ok(ExecutionView {
            execution: detail.execution,
            input: input.map(|input| input_json(&input)).transpose()?,
            result: result.map(ResultView::from),
            error: open(detail.error).map(|sealed| self.open_error(execution, &sealed)).transpose()?,
        })
    }

    /// What the attempts before the last one have sent.
    pub(crate) fn sent_before(&self, execution: ExecutionId) -> Result<SentRequests, AppError> {
        let mut sent_before = SentRequests::default();
        for attempt in self.database.execution_attempts(self.tenant, execution)? {
            if let Some(sealed) = attempt.sent {
                sent_before.extend(self.open(Purpose::Sent, execution, &sealed)?);
            }
        }
        Ok(sent_before)
    }

    pub(crate) fn sent(&self, execution: ExecutionId, sent: &SentRequests) -> Result<Vec<u8>, AppError> {
        self.seal(Purpose::Sent, execution, sent)
    }

    pub(crate) fn view_attempts(
        &self,
        principal: &Principal,
        execution: ExecutionId,
    ) -> Result<Vec<AttemptView>, AppError> {
        self.database.get_execution(self.tenant, execution).map_err(not_found)?;
        // What each attempt's own calls needed is not looked at: the last one's say nothing of those before it.
        let may_inspect = principal.permissions.contains(Permission::ExecutionsInspect);
        let attempts = self.database.execution_attempts(self.tenant, execution)?;
        let view = |attempt: Attempt| {
            let sealed = attempt.error.as_deref().filter(|_| may_inspect);
            let error = sealed.map(|sealed| self.open_error(execution, sealed)).transpose()?;
            Ok(AttemptView { attempt, error })
        };
        attempts.into_iter().map(view).collect()
    }

    pub(crate) fn logs_of(&self, execution: ExecutionId) -> Result<Vec<LogLine>, AppError> {
        match self.database.execution_logs(self.tenant, execution)? {
            Some(sealed) if !sealed.is_empty() => self.open(Purpose::Logs, execution, &sealed),
            _ => Ok(Vec::new()),
        }
    }

    pub(crate) fn view_logs(&self, execution: ExecutionId) -> Result<LogsView, AppError> {
        let truncated =
            self.database.get_execution(self.tenant, execution).map_err(not_found)?.execution.logs_truncated;
        Ok(LogsView { lines: self.logs_of(execution)?, truncated })
    }

    /// The journal, where one was kept.
    pub(crate) fn open_journal(&self, execution: ExecutionId) -> Result<Option<Journal>, AppError> {
        let record = self.database.get_execution_record(self.tenant, execution)?;
        let Some(sealed) = record.map(|record| record.journal).filter(|journal| !journal.is_empty()) else {
            return Ok(None);
        };
        let bytes = self.key.open(Purpose::Journal, execution.as_bytes(), &sealed).map_err(AppError::internal)?;
        Journal::decode(&bytes).map(Some).map_err(AppError::internal)
    }

    pub(crate) fn open_input(&self, execution: ExecutionId, sealed: Option<&[u8]>) -> Result<Input, AppError> {
        let sealed = sealed.ok_or(AppError::NotFound { what: "input" })?;
        self.open(Purpose::Input, execution, sealed)
    }

    pub(crate) fn open_result(&self, execution: ExecutionId, sealed: &[u8]) -> Result<Output, AppError> {
        self.open(Purpose::Result, execution, sealed)
    }

    pub(crate) fn open_error(&self, execution: ExecutionId, sealed: &[u8]) -> Result<Failure, AppError> {
        self.open(Purpose::Error, execution, sealed)
    }

    fn seal<T: Serialize + ?Sized>(
        &self,
        purpose: Purpose,
        execution: ExecutionId,
        value: &T,
    ) -> Result<Vec<u8>, AppError> {
        let plain = postcard::to_stdvec(value).map_err(AppError::internal)?;
        Ok(self.key.seal(purpose, execution.as_bytes(), &plain))
    }

    fn open<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        execution: ExecutionId,
        sealed: &[u8],
    ) -> Result<T, AppError> {
        let plain = self.key.open(purpose, execution.as_bytes(), sealed).map_err(AppError::internal)?;
        postcard::from_bytes(&plain).map_err(AppError::internal)
    }
}

impl From<Output> for ResultView {
    fn from(output: Output) -> Self {
        match output {
            Output::Json(json) => Self::Json(json),
            Output::Response(response) => Self::Response {
                status: response.status,
                headers: response
                    .headers
                    .iter()
                    .map(shown_header)
                    .map(|(name, value)| (name.into(), value.into_owned()))
                    .collect(),
                body: response.body,
            },
        }
    }
}

fn not_found(error: database::DatabaseError) -> AppError {
    match error {
        database::DatabaseError::NotFound => AppError::NotFound { what: "execution" },
        other => other.into(),
    }
}

/// What stands for a value that is not shown.
const HIDDEN: &str = "(hidden)";

/// What the names of fields that carry credentials have in them.
const CREDENTIAL_WORDS: [&str; 7] = ["authorization", "cookie", "token", "secret", "key", "signature", "password"];

/// The names of fields that hold addresses.
const ADDRESS_FIELDS: [&str; 5] = ["content-location", "link", "location", "referer", "refresh"];

/// A header field as it is shown: of those that carry credentials the name alone, of addresses what is shown of them
/// elsewhere (RULES 21).
pub(super) fn shown_header(header: &Header) -> (&str, Cow<'_, str>) {
    let name = header.name.to_ascii_lowercase();
    let value = if CREDENTIAL_WORDS.iter().any(|word| name.contains(word)) {
        Cow::Borrowed(HIDDEN)
    } else if ADDRESS_FIELDS.contains(&name.as_str()) {
        Cow::Owned(shown_url(&header.value))
    } else {
        Cow::Borrowed(header.value.as_str())
    };
    (&header.name, value)
}

/// An address as it is shown: the names of its query and of its fragment, and none of the values.
pub(crate) fn shown_url(url: &str) -> String {
    let Some(at) = url.find(['?', '#']) else { return url.to_owned() };
    let (address, query) = url.split_at(at);
    let (delimiter, query) = query.split_at(1);
    let names = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}={HIDDEN}"),
        None => pair.to_owned(),
    });
    format!("{address}{delimiter}{}", names.collect::<Vec<String>>().join("&"))
}

/// An input as JSON: a request as an object with its method, address, headers and body as text.
fn input_json(input: &Input) -> Result<String, AppError> {
    match input {
        Input::Json(json) => Ok(json.clone()),
        Input::Request(request) => {
            let headers: Vec<(&str, Cow<'_, str>)> = request.headers.iter().map(shown_header).collect();
            let body = String::from_utf8_lossy(&request.body);
            let request = serde_json::json!({
                "method": request.method, "url": shown_url(&request.url), "headers": headers, "body": body,
            });
            serde_json::to_string(&request).map_err(AppError::internal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_an_address_shows_no_value_of_its_query() {
        for (name, value, shown) in [
            ("Location", "https://a.example/x?code=1&state=2", "https://a.example/x?code=(hidden)&state=(hidden)"),
            ("location", "/next#access_token=abc", "/next#access_token=(hidden)"),
            ("Referer", "https://a.example/x", "https://a.example/x"),
            ("refresh", "5; url=/x?code=1", "5; url=/x?code=(hidden)"),
            ("link", "</x?cursor=1>; rel=\"next\"", "</x?cursor=(hidden)"),
            ("content-type", "text/html?a=1", "text/html?a=1"),
            ("set-cookie", "a=1", "(hidden)"),
        ] {
            let header = Header { name: name.to_owned(), value: value.to_owned() };
            assert_eq!(shown_header(&header), (name, Cow::Borrowed(shown)));
        }
    }
}
