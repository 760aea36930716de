//! `skerry exec cancel` and `skerry exec retry`, where they are about many executions: by ids, or by a filter.

use clap::Args;
use domain::{ErrorKind, ExecutionStatus, Trigger};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    CliError, Done, Session,
    output::{Column, ending},
    session::codes,
};
use crate::{commands::warn, remote::Call};

const COLUMNS: [Column; 4] =
    [("ID", "/id"), ("RUN AGAIN AS", "/execution_id"), ("REFUSED", "/problem/code"), ("WHY", "/problem/detail")];

/// Which executions: by their ids, or by a filter of which every part must hold.
#[derive(Args, Debug)]
pub(crate) struct Chosen {
    /// The executions' ids; or none, and a filter
    #[arg(value_name = "EXECUTION")]
    executions: Vec<String>,
    /// Those of one script, by its name or id
    #[arg(long, value_name = "SCRIPT")]
    script: Option<String>,
    /// Those with one of these statuses
    #[arg(long, value_delimiter = ',')]
    status: Vec<ExecutionStatus>,
    /// Those with this trigger, as cron or api
    #[arg(long)]
    trigger: Option<Trigger>,
    /// Those that ended with this kind of error, as user_error
    #[arg(long, value_name = "KIND")]
    error: Option<ErrorKind>,
    /// Those that the user with this id started
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Those that began at this moment or after it, as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    after: Option<String>,
    /// Those that began before this moment
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
}

/// What the API answers to a request about many.
#[derive(Deserialize)]
struct Answered {
    items: Vec<Box<RawValue>>,
    done: usize,
    refused: usize,
    next_cursor: Option<String>,
}

impl Chosen {
    /// The one execution that is named, where it is one.
    pub(crate) fn only(&self) -> Option<&str> {
        match self.executions.as_slice() {
            [one] if !self.has_filter() => Some(one),
            _ => None,
        }
    }

    fn has_filter(&self) -> bool {
        let Self { executions: _, script, status, trigger, error, user, after, before } = self;
        let texts = [script, user, after, before].iter().any(|text| text.is_some());
        texts || !status.is_empty() || trigger.is_some() || error.is_some()
    }

    /// Whether what is named can be meant: everything is not, unless somebody says so.
    fn check(&self) -> Result<(), CliError> {
        match (self.executions.is_empty(), self.has_filter()) {
            (true, false) => {
                Err(CliError::Usage(String::from("name executions by their ids, or with a filter as --status")))
            }
            (false, true) => {
                Err(CliError::Usage(String::from("name executions by their ids or with a filter, not both")))
            }
            _ => Ok(()),
        }
    }

    fn filter(&self, script: Option<String>) -> Value {
        let statuses: Vec<&str> = self.status.iter().map(|status| status.as_str()).collect();
        let texts = [
            ("script", script),
            ("trigger", self.trigger.map(|trigger| trigger.as_str().to_owned())),
            ("error_kind", self.error.map(|kind| kind.as_str().to_owned())),
            ("user", self.user.clone()),
            ("after", self.after.clone()),
            ("before", self.before.clone()),
        ];
        let mut filter: Map<String, Value> =
            texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))).collect();
        if !statuses.is_empty() {
            filter.insert(String::from("status"), json!(statuses));
        }
        Value::Object(filter)
    }
}

impl Session {
    /// Do `action` to every execution that is meant, and show what became of each.
    pub(crate) async fn many(&self, action: &str, chosen: &Chosen) -> Done {
        chosen.check()?;
        let mut body = if chosen.has_filter() {
            let script = match &chosen.script {
                Some(script) => Some(self.script_id(script).await?),
                None => None,
            };
            json!({ "filter": chosen.filter(script) })
        } else {
            json!({ "ids": chosen.executions })
        };
        let (mut items, mut done, mut refused) = (Vec::new(), 0, 0);
        loop {
            let call = Call::post(&["executions", action]).json(&body);
            let answered: Answered = self.client.send(call).await?.read(&self.client)?;
            items.extend(answered.items);
            done += answered.done;
            refused += answered.refused;
            match answered.next_cursor {
                Some(next) => body["cursor"] = json!(next),
                None => break,
            }
        }
        let shown = self.show_list(&items, &COLUMNS)?;
        warn(&format!("{done} done, {refused} refused\n"));
        Ok(if refused == 0 { shown } else { ending(shown, codes::CONFLICT) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(executions: &[&str], status: &[ExecutionStatus]) -> Chosen {
        Chosen {
            executions: executions.iter().map(|id| (*id).to_owned()).collect(),
            script: None,
            status: status.to_vec(),
            trigger: None,
            error: None,
            user: None,
            after: None,
            before: None,
        }
    }

    #[test]
    fn everything_is_never_meant_by_saying_nothing() {
        assert!(chosen(&[], &[]).check().is_err());
        assert!(chosen(&["a"], &[ExecutionStatus::Failed]).check().is_err());
        assert!(chosen(&["a"], &[]).check().is_ok() && chosen(&[], &[ExecutionStatus::Failed]).check().is_ok());
    }

    #[test]
    fn a_filter_says_what_is_given_alone() {
        let filter = chosen(&[], &[ExecutionStatus::Failed, ExecutionStatus::Timeout]).filter(None);
        assert_eq!(filter, json!({ "status": ["failed", "timeout"] }));
        assert_eq!(chosen(&[], &[]).filter(Some(String::from("s"))), json!({ "script": "s" }));
        assert_eq!(chosen(&["a"], &[]).only(), Some("a"));
        assert_eq!(chosen(&["a", "b"], &[]).only(), None);
    }
}
