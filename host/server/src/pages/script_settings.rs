//! `/scripts/{script}/settings`: limits, retries, how many runs go side by side, and what a script may reach, with what its
//! runs would have needed.

use app::{App, InferredCapabilities};
use askama::Template;
use axum::extract::{Path, State};
use domain::{Capabilities, Limits, OnInterrupt, Permission, RecordMode, RunPolicy, WhenFull};
use serde::Deserialize;
use serde_json::json;

use super::{
    answer::{PageResult, page},
    format,
    frame::Frame,
    script::{self, ScriptHead, Tab},
    visit::Visit,
};
use crate::{views::capabilities::CapabilitiesView, web::extract::Params};

/// The most executions that a proposal is read from.
const INFERRED_MAX: u32 = 1_000;

/// Whether to propose capabilities.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SettingsQuery {
    /// From how many of the latest executions.
    infer: Option<u32>,
}

#[derive(Template)]
#[template(path = "scripts/settings.html")]
struct SettingsPage {
    frame: Frame,
    head: ScriptHead,
    limits: Vec<LimitField>,
    proposal: Option<Proposal>,
}

/// One limit in the form.
struct LimitField {
    /// Its name in the API, below `limits`.
    name: &'static str,
    label: &'static str,
    /// How the form reads it.
    kind: &'static str,
    /// What the script has of its own, in the form's unit; empty where it has none.
    value: String,
    /// What holds where it says nothing, and the most that it can say.
    system: String,
    help: &'static str,
}

/// Capabilities that would have been enough, beside those that there are.
struct Proposal {
    executions: u32,
    left_out: u32,
    groups: Vec<ProposedGroup>,
    /// What to send to apply it.
    body: String,
}

/// One kind of capabilities, with what would come and go.
struct ProposedGroup {
    label: &'static str,
    added: Vec<String>,
    kept: Vec<String>,
    removed: Vec<String>,
}

/// The settings' page.
pub(crate) async fn script_settings_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Path(script): Path<String>,
    Params(query): Params<SettingsQuery>,
) -> PageResult {
    let head = ScriptHead::of(&app, &principal, &script, Tab::Settings)?;
    let proposal = match query.infer {
        None => None,
        Some(executions) => {
            let executions = executions.clamp(1, INFERRED_MAX);
            let inferred = app.executions().infer_capabilities(&principal, &head.reference(), executions).await?;
            Some(Proposal::new(&head.summary().capabilities, &inferred)?)
        }
    };
    let limits = limit_fields(head.summary().limits.as_ref(), app.limits());
    page(&SettingsPage { frame, head, limits, proposal })
}

impl SettingsPage {
    /// Why nothing can be changed but the description; nothing where all can.
    fn no_deploy(&self) -> Option<&'static str> {
        let may = self.frame.may(Permission::ScriptsDeploy);
        (!may).then_some("Changing this needs the permission scripts.deploy.")
    }

    fn policy(&self) -> RunPolicy {
        self.head.summary().policy.clone().unwrap_or_default()
    }

    fn backoff_s(&self) -> String {
        seconds(self.policy().backoff.initial)
    }

    fn backoff_max_s(&self) -> String {
        seconds(self.policy().backoff.max)
    }

    fn on_interrupt(&self) -> &'static str {
        self.policy().on_interrupt.map_or("", OnInterrupt::as_str)
    }

    fn breaker_failures(&self) -> u32 {
        self.policy().breaker_failures.unwrap_or(0)
    }

    fn concurrency_max(&self) -> String {
        self.policy().concurrency.map(|concurrency| concurrency.max.to_string()).unwrap_or_default()
    }

    fn concurrency_key(&self) -> String {
        self.policy().concurrency.and_then(|concurrency| concurrency.key).unwrap_or_default()
    }

    fn skips_when_full(&self) -> bool {
        self.policy().concurrency.is_some_and(|concurrency| concurrency.when_full == WhenFull::Skip)
    }

    fn records_all(&self) -> bool {
        self.head.summary().record == RecordMode::Full
    }

    fn capabilities(&self) -> &Capabilities {
        &self.head.summary().capabilities
    }

    /// Names, one a line.
    fn lines(&self, names: &[String]) -> String {
        names.join("\n")
    }

    /// Names, one a line; nothing where everything is allowed.
    fn lines_of(&self, names: &Option<Vec<String>>) -> String {
        names.as_ref().map(|names| names.join("\n")).unwrap_or_default()
    }

    /// Whether everything is refused: an empty list is something else than none.
    fn is_nothing(&self, names: &Option<Vec<String>>) -> bool {
        names.as_ref().is_some_and(Vec::is_empty)
    }
}

fn seconds(duration: std::time::Duration) -> String {
    duration.as_secs_f64().to_string()
}

/// Each limit, with the script's own value in the unit that people use.
fn limit_fields(own: Option<&Limits>, system: &Limits) -> Vec<LimitField> {
    let field = |name, label, kind, help, read: fn(&Limits) -> f64, words: String| LimitField {
        name,
        label,
        kind,
        value: own.map(|own| read(own).to_string()).unwrap_or_default(),
        system: words,
        help,
    };
    let mebibyte = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    vec![
        field(
            "wall_time_ms",
            "Time, in seconds",
            "seconds",
            "From the start to the result.",
            |limits| limits.wall_time.as_secs_f64(),
            format::duration(system.wall_time),
        ),
        field(
            "fuel",
            "Fuel",
            "number",
            "About one unit for each step of the engine.",
            |limits| limits.fuel as f64,
            format::count(system.fuel),
        ),
        field(
            "memory_bytes",
            "Memory, in MiB",
            "mebibytes",
            "",
            |limits| limits.memory_bytes as f64 / f64::from(1 << 20),
            format!("{} MiB", mebibyte(system.memory_bytes)),
        ),
        field(
            "host_calls",
            "Host calls",
            "number",
            "Calls of storage, services, events, hosts and secrets.",
            |limits| f64::from(limits.host_calls),
            format::count(system.host_calls),
        ),
        field(
            "outbound_requests",
            "Outbound requests",
            "number",
            "Host calls that leave the machine.",
            |limits| f64::from(limits.outbound_requests),
            format::count(system.outbound_requests),
        ),
        field(
            "log_lines",
            "Log lines",
            "number",
            "Further lines are dropped.",
            |limits| f64::from(limits.log_lines),
            format::count(system.log_lines),
        ),
    ]
}

impl Proposal {
    fn new(present: &Capabilities, inferred: &InferredCapabilities) -> Result<Self, crate::web::problem::Problem> {
        let proposed = &inferred.capabilities;
        let everything =
            |names: &Option<Vec<String>>| names.clone().unwrap_or_else(|| vec![String::from("everything")]);
        let groups = vec![
            ProposedGroup::new("Service methods", &present.services, &proposed.services),
            ProposedGroup::new("Hosts", &present.hosts, &proposed.hosts),
            ProposedGroup::new("Secrets", &present.secrets, &proposed.secrets),
            ProposedGroup::new(
                "Storage keys that begin with",
                &everything(&present.storage_prefixes),
                &everything(&proposed.storage_prefixes),
            ),
            ProposedGroup::new(
                "Types of events",
                &everything(&present.event_types),
                &everything(&proposed.event_types),
            ),
        ];
        let body = serde_json::to_value(CapabilitiesView::from(proposed));
        let body = body.map_err(|error| crate::web::error::internal(&error))?;
        Ok(Self {
            executions: inferred.executions,
            left_out: inferred.left_out,
            groups,
            body: json!({ "capabilities": body }).to_string(),
        })
    }

    fn changes_nothing(&self) -> bool {
        self.groups.iter().all(|group| group.added.is_empty() && group.removed.is_empty())
    }
}

impl ProposedGroup {
    fn new(label: &'static str, present: &[String], proposed: &[String]) -> Self {
        let those = |of: &[String], are_in: &[String], wanted: bool| -> Vec<String> {
            of.iter().filter(|name| are_in.contains(name) == wanted).cloned().collect()
        };
        Self {
            label,
            added: those(proposed, present, false),
            kept: those(proposed, present, true),
            removed: those(present, proposed, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_says_what_comes_what_stays_and_what_goes() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let present = Capabilities { services: names(&["products.*", "orders.get"]), ..Capabilities::default() };
        let capabilities = Capabilities {
            services: names(&["orders.get", "products.get"]),
            storage_prefixes: Some(names(&["orders/"])),
            ..Capabilities::default()
        };
        let inferred = InferredCapabilities { capabilities, executions: 12, left_out: 1 };
        let proposal = Proposal::new(&present, &inferred).expect("a proposal");
        let services = &proposal.groups[0];
        assert_eq!((&services.added, &services.removed), (&names(&["products.get"]), &names(&["products.*"])));
        assert_eq!(services.kept, names(&["orders.get"]));
        assert_eq!(proposal.groups[3].removed, names(&["everything"]));
        assert!(!proposal.changes_nothing() && proposal.body.contains("\"storage_prefixes\":[\"orders/\"]"));
    }
}
