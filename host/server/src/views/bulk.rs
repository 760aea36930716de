//! Many things at once: which are meant, and what became of each.

use app::{AppError, ChosenExecutions, ExecutionCursor, ExecutionFilter, MANY_MAX, ScriptRef, ScriptsChange};
use domain::{ExecutionId, ScriptId, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::{ErrorKindWord, StatusWord, TriggerWord};
use crate::web::problem::Problem;

/// Which executions are meant: those with these ids, or those that a filter finds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecutionsChoice {
    ids: Option<Vec<Uuid>>,
    filter: Option<FilterBody>,
    pub(crate) cursor: Option<String>,
    limit: Option<u32>,
}

/// Which executions are meant.
#[derive(Debug, ToSchema)]
#[schema(as = ExecutionsChoice)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum ExecutionsChoiceSchema {
    /// Those with these ids.
    Named(NamedExecutions),
    /// Those that a filter finds.
    Found(FoundExecutions),
}

/// Executions by their ids.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct NamedExecutions {
    /// Each counts once.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Vec<Uuid>,
}

/// Executions that a filter finds, the latest first.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct FoundExecutions {
    /// What their rows say; every part that is given must hold.
    filter: FilterBody,
    /// The `next_cursor` of the answer before, to the same filter.
    #[schema(min_length = 1)]
    cursor: Option<String>,
    /// The most of them; 1 000 where nothing is said.
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// What the rows of executions say; every part that is given must hold.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = ExecutionsFilter)]
pub(crate) struct FilterBody {
    /// Those of the script with this id.
    script: Option<Uuid>,
    /// Those of the version with this id.
    version: Option<Uuid>,
    /// Those with one of these statuses. Where none is named: of what is cancelled those that wait and run, of what is run
    /// again those that failed or took too long.
    status: Vec<StatusWord>,
    /// Those with this trigger.
    trigger: Option<TriggerWord>,
    /// Those that the person with this id started.
    user: Option<Uuid>,
    /// Those that ended with this kind of error.
    error_kind: Option<ErrorKindWord>,
    /// Those that began before this moment (RFC 3339).
    #[schema(format = DateTime)]
    before: Option<String>,
    /// Those that began at this moment or after it (RFC 3339).
    #[schema(format = DateTime)]
    after: Option<String>,
}

impl ExecutionsChoice {
    /// The filter as one text, which a cursor belongs to.
    pub(crate) fn filter_text(&self) -> String {
        serde_json::to_string(&self.filter).unwrap_or_default()
    }

    /// The executions, from `cursor` on.
    ///
    /// # Errors
    /// Both ids and a filter are there, or neither; a moment that is none.
    pub(crate) fn chosen(self, cursor: Option<ExecutionCursor>) -> Result<ChosenExecutions, Problem> {
        let ids_alone = self.cursor.is_none() && self.limit.is_none();
        match (self.ids, self.filter) {
            (Some(ids), None) if ids_alone => Ok(ChosenExecutions::Named(ids.into_iter().map(Into::into).collect())),
            (Some(_), None) => Err(Problem::field("ids", "cursor and limit belong to a filter: leave them out")),
            (None, Some(filter)) => {
                let limit = self.limit.unwrap_or(MANY_MAX);
                Ok(ChosenExecutions::Found { filter: filter.read()?, cursor, limit })
            }
            _ => Err(Problem::field("ids", "name executions by ids or by a filter, and not by both")),
        }
    }
}

impl FilterBody {
    fn read(self) -> Result<ExecutionFilter, Problem> {
        Ok(ExecutionFilter {
            script: self.script.map(Into::into),
            version: self.version.map(Into::into),
            statuses: self.status.iter().map(|status| status.0).collect(),
            trigger: self.trigger.map(|trigger| trigger.0),
            user: self.user.map(Into::into),
            error_kind: self.error_kind.map(|kind| kind.0),
            before: moment("filter.before", self.before)?,
            after: moment("filter.after", self.after)?,
            ..ExecutionFilter::default()
        })
    }
}

fn moment(field: &'static str, text: Option<String>) -> Result<Option<UnixMillis>, Problem> {
    let moment = text.as_deref().map(UnixMillis::from_rfc3339).transpose();
    moment.map_err(|_| Problem::field(field, format!("{field} is a moment, as 2026-01-31T12:00:00Z")))
}

/// Why one of many was refused: the members of its problem that do not repeat what the answer says anyway.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkProblem {
    /// The stable word to decide by.
    #[schema(example = "already_ended")]
    code: &'static str,
    /// The status that it would have been answered with alone.
    status: u16,
    /// What happened.
    detail: String,
}

/// What became of each execution.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ManyExecutionsBody {
    /// In the order in which they were named, or found.
    items: Vec<ManyExecutionsItem>,
    /// How many it was done to.
    done: usize,
    /// How many were refused.
    refused: usize,
    /// Send it as `cursor` with the same filter to go on; null where there is nothing more.
    next_cursor: Option<String>,
}

/// What became of one execution.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ManyExecutionsItem {
    id: Uuid,
    /// The execution that runs it again; null where it was not.
    execution_id: Option<Uuid>,
    /// Why it was refused; null where it was done.
    problem: Option<BulkProblem>,
}

/// A change of many scripts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptsChangeBody {
    /// The scripts, by their ids or names.
    #[schema(min_items = 1, max_items = 200)]
    pub(crate) scripts: Vec<String>,
    pub(crate) action: ScriptsAction,
}

/// What is done to each script.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScriptsAction {
    /// It runs.
    Enable,
    /// It is paused.
    Disable,
    /// It is gone, with its versions and executions.
    Delete,
}

/// What became of each script.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ManyScriptsBody {
    /// In the order in which they were named.
    items: Vec<ManyScriptsItem>,
    /// How many it was done to.
    done: usize,
    /// How many were refused.
    refused: usize,
}

/// What became of one script.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ManyScriptsItem {
    /// As it was named.
    script: String,
    /// Its id; null where it was refused.
    id: Option<Uuid>,
    /// Why it was refused; null where it was done.
    problem: Option<BulkProblem>,
}

impl ManyExecutionsBody {
    /// What became of `items`; `made` is the execution that came of one.
    pub(crate) fn new<T>(items: Vec<(ExecutionId, Result<T, AppError>)>, made: impl Fn(&T) -> Option<Uuid>) -> Self {
        let items = items.into_iter().map(|(id, outcome)| {
            let execution_id = outcome.as_ref().ok().and_then(&made);
            ManyExecutionsItem { id: id.uuid(), execution_id, problem: outcome.err().map(BulkProblem::from) }
        });
        let items: Vec<ManyExecutionsItem> = items.collect();
        let refused = items.iter().filter(|item| item.problem.is_some()).count();
        Self { done: items.len() - refused, refused, items, next_cursor: None }
    }

    /// The same with more behind it.
    pub(crate) fn before(self, next_cursor: Option<String>) -> Self {
        Self { next_cursor, ..self }
    }
}

impl ManyScriptsBody {
    pub(crate) fn new(named: Vec<String>, changed: Vec<Result<ScriptId, Problem>>) -> Self {
        let items = named.into_iter().zip(changed).map(|(script, outcome)| ManyScriptsItem {
            script,
            id: outcome.as_ref().ok().map(|id| id.uuid()),
            problem: outcome.err().map(BulkProblem::from),
        });
        let items: Vec<ManyScriptsItem> = items.collect();
        let refused = items.iter().filter(|item| item.problem.is_some()).count();
        Self { done: items.len() - refused, refused, items }
    }
}

impl From<AppError> for BulkProblem {
    fn from(error: AppError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Problem> for BulkProblem {
    fn from(problem: Problem) -> Self {
        let kind = problem.kind();
        Self { code: kind.code, status: kind.status.as_u16(), detail: problem.detail().to_owned() }
    }
}

impl From<ScriptsAction> for ScriptsChange {
    fn from(action: ScriptsAction) -> Self {
        match action {
            ScriptsAction::Enable => Self::Enable,
            ScriptsAction::Disable => Self::Disable,
            ScriptsAction::Delete => Self::Delete,
        }
    }
}

/// The script that a text names; what can name none is answered like what is not there.
pub(crate) fn script(text: &str) -> Result<ScriptRef, Problem> {
    ScriptRef::parse(text).map_err(|_| AppError::NotFound { what: "script" }.into())
}
