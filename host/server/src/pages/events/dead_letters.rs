//! `/events/dead-letters`: what was given up, to be looked at, sent again as it was or with other data, or removed.

use app::{App, DeadLetter, DeadLetterFilter, DeadLetterKind, DeadReason, NamesAsked};
use askama::Template;
use axum::extract::State;
use domain::{DeadLetterId, Permission};
use serde::Deserialize;

use super::{
    super::{
        answer::{PageResult, page},
        format::{self, Moment},
        frame::Frame,
        people_of::person,
        values::{self, Body, Value},
        visit::Visit,
        words,
    },
    Link, PAGE, id_of, name_of,
};
use crate::web::{
    cursor,
    extract::{DeadLetterPath, Params},
};

/// Which dead letters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DeadLettersFilter {
    reason: String,
    subscription: String,
    script: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "events/dead_letters.html")]
struct DeadLettersPage {
    frame: Frame,
    filter: DeadLettersFilter,
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "events/dead_letter.html")]
struct DeadLetterPage {
    frame: Frame,
    row: Row,
    event_source: Option<String>,
    event_id: Option<String>,
    position: Option<String>,
    subject: Option<String>,
    redriven_by: Option<String>,
    data: Value,
    /// The data as it can be edited; `None` where nobody sees it, or nothing can be sent in its place.
    editable: Option<String>,
    error: Option<String>,
    chain: Vec<Link>,
    is_own: bool,
}

/// A dead letter.
struct Row {
    id: String,
    what: &'static str,
    event_type: Option<String>,
    reason: &'static str,
    script_id: Option<String>,
    script: Option<String>,
    execution: Option<String>,
    subscription: Option<String>,
    events: u64,
    at: Moment,
    redriven: Option<Moment>,
    can_be_sent: bool,
}

/// The list of dead letters.
pub(crate) async fn dead_letters_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(filter): Params<DeadLettersFilter>,
) -> PageResult {
    let after = Some(filter.cursor.as_str()).filter(|cursor| !cursor.is_empty()).map(cursor::decode_moment);
    let after = after.transpose()?.map(|(at, id)| (at, DeadLetterId::from(id)));
    let letters = app.dead_letters().list(&principal, filter.wanted()?, after, PAGE)?;
    let scripts = letters.iter().filter_map(|letter| letter.script).collect();
    let names = app.names().of(&principal, NamesAsked { scripts, ..NamesAsked::default() })?;
    let last = letters.last().filter(|_| letters.len() >= PAGE as usize);
    page(&DeadLettersPage {
        next: last.map(|last| filter.page_from(&cursor::encode_moment(last.created_at, last.id.uuid()))),
        rows: letters.iter().map(|letter| Row::of(letter, name_of(&names, letter.script), &frame)).collect(),
        filter,
        frame,
    })
}

/// One dead letter.
pub(crate) async fn dead_letter_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    DeadLetterPath(id): DeadLetterPath,
) -> PageResult {
    let view = app.dead_letters().get(&principal, id)?;
    let letter = &view.letter;
    let mut asked = NamesAsked { people: letter.redriven_by.into_iter().collect(), ..NamesAsked::default() };
    asked.scripts = letter.script.into_iter().chain(view.chain.iter().filter_map(|link| link.script)).collect();
    let names = app.names().of(&principal, asked)?;
    let stored = view.event.as_ref().map(|event| &event.stored);
    let data = view.event.as_ref().and_then(|event| event.data.as_deref());
    let failure = view.execution.as_ref().and_then(|execution| execution.error.as_ref());
    page(&DeadLetterPage {
        row: Row::of(letter, name_of(&names, letter.script), &frame),
        event_source: letter.source.as_deref().map(format::shown),
        event_id: letter.event.as_deref().map(format::shown),
        position: stored.map(|stored| stored.position.to_string()),
        subject: stored.and_then(|stored| stored.event.subject.as_deref()).map(format::shown),
        redriven_by: letter.redriven_by.map(|user| person(&names, &principal, user)),
        editable: data.filter(|_| letter.kind == DeadLetterKind::Event).map(pretty),
        data: data.map_or(Value::Absent, values::json),
        error: failure.map(|failure| format::shown(&format!("{}: {}", failure.name, failure.message))),
        is_own: letter.source.as_deref() == Some("skerry"),
        chain: view.chain.iter().map(|link| Link::of(link, &names)).collect(),
        frame,
    })
}

/// JSON as one edits it. What cannot be written otherwise without changing it stays as it is.
fn pretty(json: &str) -> String {
    let pretty = serde_json::from_str::<serde_json::Value>(json).and_then(|value| serde_json::to_string_pretty(&value));
    format::shown(&pretty.unwrap_or_else(|_| json.to_owned()))
}

impl DeadLettersFilter {
    fn is_empty(&self) -> bool {
        self.reason.is_empty() && self.subscription.is_empty() && self.script.is_empty()
    }

    fn wanted(&self) -> Result<DeadLetterFilter, domain::Invalid> {
        let reason = words::chosen(Some(&self.reason));
        Ok(DeadLetterFilter {
            reason: reason.map_err(|_| domain::Invalid::new("reason", "that is no reason of a dead letter"))?,
            subscription: id_of("subscription", &self.subscription)?,
            script: id_of("script", &self.script)?,
        })
    }

    fn page_from(&self, cursor: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::from("/events/dead-letters?"));
        for (name, value) in [("reason", &self.reason), ("subscription", &self.subscription), ("script", &self.script)]
        {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair("cursor", cursor);
        query.finish()
    }
}

impl Row {
    fn of(letter: &DeadLetter, script: Option<String>, frame: &Frame) -> Self {
        Self {
            id: letter.id.to_string(),
            what: match letter.kind {
                DeadLetterKind::Event => "Event",
                DeadLetterKind::Webhook => "Webhook",
                DeadLetterKind::Execution => "Execution",
            },
            event_type: letter.event_type.clone(),
            reason: reason_word(&letter.reason),
            script_id: letter.script.map(|script| script.to_string()),
            script,
            execution: letter.execution.map(|execution| execution.to_string()),
            subscription: letter.subscription.map(|subscription| subscription.to_string()),
            events: letter.events,
            at: frame.moment(&letter.created_at),
            redriven: letter.redriven_at.map(|at| frame.moment(&at)),
            can_be_sent: letter.redriven_at.is_none() && letter.reason != DeadReason::Hops,
        }
    }
}

/// Why something was given up, in a few words.
fn reason_word(reason: &DeadReason) -> &'static str {
    match reason {
        DeadReason::Attempts => "Every attempt failed",
        DeadReason::Rescues => "The server ended again and again meanwhile",
        DeadReason::Refused => "No other attempt would change it",
        DeadReason::Hops => "Its chain of events is too long",
        DeadReason::Budget => "Its first cause led to too much",
        DeadReason::Unreadable => "What is stored of it cannot be read",
    }
}
