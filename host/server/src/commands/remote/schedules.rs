//! `skerry schedule`: when scripts run by themselves.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{Done, Noun, Session, lists::ListArgs, output::Column, with_session};
use crate::remote::Call;

const COLUMNS: [Column; 6] = [
    ("ID", "/id"),
    ("SCRIPT", "/script"),
    ("EXPRESSION", "/expression"),
    ("TIMEZONE", "/timezone"),
    ("PAUSED", "/is_paused"),
    ("NEXT", "/next_run_at"),
];

const SLOT_COLUMNS: [Column; 5] = [
    ("TIME", "/scheduled_time"),
    ("SLOTS", "/slots"),
    ("OUTCOME", "/outcome"),
    ("REASON", "/reason"),
    ("EXECUTION", "/execution_id"),
];

/// `skerry schedule …`
#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// List schedules
    List {
        /// Those of one script, by its name or id
        #[arg(long, value_name = "SCRIPT")]
        script: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a schedule
    Get {
        /// The schedule's id
        schedule: String,
    },
    /// Make a schedule
    Add {
        /// The script, by its name or id; its kind is cron
        script: String,
        /// Minute, hour, day of the month, month, day of the week
        expression: String,
        /// The IANA name of the time zone that the expression is read in
        #[arg(long, value_name = "ZONE", default_value = "UTC")]
        timezone: String,
        /// What happens with a run that is due while an earlier one goes on: skip, queue, parallel or cancel_previous
        #[arg(long, value_name = "WORD")]
        overlap: Option<String>,
        /// What happens with runs that were missed: skip, run_latest or run_all
        #[arg(long, value_name = "WORD")]
        catch_up: Option<String>,
    },
    /// Skip a schedule's runs until it is resumed
    Pause {
        /// The schedule's id
        schedule: String,
    },
    /// Let a schedule go on
    Resume {
        /// The schedule's id
        schedule: String,
    },
    /// Run a schedule's script now
    Run {
        /// The schedule's id
        schedule: String,
    },
    /// Remove a schedule
    Remove {
        /// The schedule's id
        schedule: String,
    },
    /// Show the next ten runs of an expression, without making a schedule
    Next {
        /// The cron expression
        expression: String,
        /// The IANA name of the time zone
        #[arg(long, value_name = "ZONE", default_value = "UTC")]
        timezone: String,
    },
    /// Show what became of a schedule's runs
    Slots {
        /// The schedule's id
        schedule: String,
        #[command(flatten)]
        list: ListArgs,
    },
}

pub(crate) fn schedule(noun: &Noun<ScheduleCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.schedule(&noun.command).await)
}

impl Session {
    async fn schedule(&self, command: &ScheduleCommand) -> Done {
        match command {
            ScheduleCommand::List { script, list } => {
                self.list(Call::get(&["schedules"]).query("script", script.as_ref()), *list, &COLUMNS).await
            }
            ScheduleCommand::Get { schedule } => self.show(Call::get(&["schedules", schedule])).await,
            ScheduleCommand::Add { script, expression, timezone, overlap, catch_up } => {
                let mut body = Map::new();
                body.insert(String::from("script"), json!(script));
                body.insert(String::from("expression"), json!(expression));
                body.insert(String::from("timezone"), json!(timezone));
                for (key, word) in [("overlap", overlap), ("catch_up", catch_up)] {
                    body.extend(word.as_ref().map(|word| (key.to_owned(), json!(word))));
                }
                self.show(Call::post(&["schedules"]).json(&Value::Object(body))).await
            }
            ScheduleCommand::Pause { schedule } => self.show(Call::post(&["schedules", schedule, "pause"])).await,
            ScheduleCommand::Resume { schedule } => self.show(Call::post(&["schedules", schedule, "resume"])).await,
            ScheduleCommand::Run { schedule } => self.accepted(Call::post(&["schedules", schedule, "run"])).await,
            ScheduleCommand::Remove { schedule } => {
                self.act(Call::delete(&["schedules", schedule]), &format!("{schedule} is removed")).await
            }
            ScheduleCommand::Next { expression, timezone } => {
                let body = json!({ "expression": expression, "timezone": timezone });
                self.show(Call::post(&["schedules", "preview"]).json(&body)).await
            }
            ScheduleCommand::Slots { schedule, list } => {
                self.list(Call::get(&["schedules", schedule, "slots"]), *list, &SLOT_COLUMNS).await
            }
        }
    }
}
