//! What the pages of one script share: its head, and its tabs.

use std::borrow::Borrow;

use app::{
    App, AppError, Attention, AttentionReason, SavedScript, ScriptOverview, ScriptRef, ScriptSummary, StartedBy,
};
use domain::{Permission, Principal, ScriptKind, UserId};

use super::words::{self, Badge};

/// A page of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Code,
    Triggers,
    Settings,
    Versions,
    Runs,
    Docs,
}

impl Tab {
    /// The pages, in their order.
    pub(crate) const ALL: [Self; 6] =
        [Self::Code, Self::Triggers, Self::Settings, Self::Versions, Self::Runs, Self::Docs];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Code => "Code",
            Self::Triggers => "Triggers",
            Self::Settings => "Settings",
            Self::Versions => "Versions",
            Self::Runs => "Runs",
            Self::Docs => "Docs",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Code => "",
            Self::Triggers => "/triggers",
            Self::Settings => "/settings",
            Self::Versions => "/versions",
            Self::Runs => "/runs",
            Self::Docs => "/docs",
        }
    }
}

/// The head of a script's pages.
#[derive(Clone, Debug)]
pub(crate) struct ScriptHead {
    pub(crate) saved: SavedScript,
    pub(crate) overview: ScriptOverview,
    pub(crate) tab: Tab,
}

impl ScriptHead {
    /// The head above `tab`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`] where there is no such script.
    pub(crate) fn of(app: &App, principal: &Principal, script: &str, tab: Tab) -> Result<Self, AppError> {
        // What cannot name a script is answered like one that is not there.
        let script = ScriptRef::parse(script).map_err(|_| AppError::NotFound { what: "script" })?;
        let saved = app.scripts().get(principal, &script)?;
        let overviews = app.scripts().overviews(principal, std::slice::from_ref(&saved.script.summary))?;
        Ok(Self { overview: overviews.into_iter().next().unwrap_or_default(), saved, tab })
    }

    /// The script without its draft.
    pub(crate) fn summary(&self) -> &ScriptSummary {
        &self.saved.script.summary
    }

    /// The script, to be named in another use case.
    pub(crate) fn reference(&self) -> ScriptRef {
        ScriptRef::Id(self.summary().id)
    }

    pub(crate) fn name(&self) -> &str {
        self.summary().name.as_str()
    }

    /// The page of another tab. Templates name it both by value and by reference.
    pub(crate) fn address(&self, tab: impl Borrow<Tab>) -> String {
        format!("/scripts/{}{}", self.summary().id, tab.borrow().path())
    }

    /// The script in the API.
    pub(crate) fn api(&self) -> String {
        format!("/api/v1/scripts/{}", self.summary().id)
    }

    pub(crate) fn state(&self) -> Badge {
        state(self.summary())
    }

    /// What makes it run, in words.
    pub(crate) fn triggers(&self) -> Vec<String> {
        self.overview.started_by.iter().map(trigger).collect()
    }

    /// The endings of the source's languages, as people call them.
    pub(crate) fn language(&self) -> &'static str {
        match self.summary().language {
            domain::Language::JavaScript => "JavaScript",
            domain::Language::TypeScript => "TypeScript",
        }
    }

    /// What has to be known of whoever deployed it; nothing where nothing is wrong.
    pub(crate) fn attention(&self) -> Option<String> {
        self.saved.attention.as_ref().map(attention)
    }
}

/// Whether a script runs, and why not.
pub(crate) fn state(script: &ScriptSummary) -> Badge {
    let (class, icon, word) = match (script.is_active, &script.deployed) {
        (false, _) => ("neutral", "circle-pause", "Paused"),
        (true, None) => ("neutral", "pencil", "Draft"),
        (true, Some(_)) => ("success", "circle-check", "Active"),
    };
    Badge { class, icon, word }
}

/// What makes a script run, in words.
pub(crate) fn trigger(started: &StartedBy) -> String {
    let paused = |text: String, is_paused: bool| if is_paused { format!("{text} (paused)") } else { text };
    match started {
        StartedBy::Schedule { words, timezone, is_paused } => paused(format!("{words}, {timezone}"), *is_paused),
        StartedBy::Endpoint { method, path } => format!("{method} {path}"),
        StartedBy::Event { patterns, is_paused } => paused(format!("On {patterns}"), *is_paused),
        StartedBy::Hook { point } => format!("At {point}"),
    }
}

/// What a script's kind lacks until something starts it.
pub(crate) fn nothing_starts(kind: &ScriptKind) -> &'static str {
    match kind {
        ScriptKind::OneOff => "Runs when asked to",
        _ => "Nothing starts it yet",
    }
}

fn attention(attention: &Attention) -> String {
    match attention.reason {
        AttentionReason::DeployerLeft => {
            String::from("Whoever deployed it is no member any more. It pauses until somebody takes it over.")
        }
        AttentionReason::DeployerLacksRights => {
            let missing: Vec<&str> = attention.missing.iter().map(Permission::as_str).collect();
            format!("Whoever deployed it lacks rights that it names: {}. It runs without them.", missing.join(", "))
        }
    }
}

/// Who somebody is, as far as the visitor may know.
pub(crate) fn person(app: &App, principal: &Principal, user: Option<UserId>) -> String {
    match user {
        None => String::from("Skerry"),
        Some(user) if Some(user) == principal.user() => String::from("you"),
        Some(user) => match app.members().get(principal, user) {
            Ok(member) => member.name,
            Err(_) => String::from("somebody else"),
        },
    }
}

/// The badge of a script's kind.
pub(crate) fn kind(head: &ScriptHead) -> Badge {
    words::kind(&head.summary().kind)
}
