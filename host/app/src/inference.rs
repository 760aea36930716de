//! Which capabilities a script needs, read from what its executions did.
//!
//! A proposal, never a change: it is applied as any other edit, by somebody who holds what it grants (RULES 18). It comes
//! from calls that succeeded. Of calls that were denied only a run that the asker makes for this purpose tells
//! (`skerry run --infer`), since otherwise whoever can start a script could have anything proposed.

use std::collections::BTreeSet;

use database::{ExecutionCursor, ExecutionFilter};
use domain::{Capabilities, Permission, Principal};
use runtime::{Answer, CallError, HostCall, Journal, JournalEntry, Outcome};
use url::Url;

use crate::{AppError, ExecutionService, ScriptRef, executions::Sealed};

/// The most executions that one proposal reads.
const EXECUTIONS_MAX: u32 = 1_000;
/// The most entries of a list before they are drawn together: a script may have 100 of each.
const ENTRIES_MAX: usize = 50;
/// The most hosts, and the most secrets, of a script's record.
const NAMES_MAX: usize = 100;
/// The most bytes of a prefix in a script's record.
const PREFIX_BYTES_MAX: usize = 200;

/// Capabilities that would have been enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InferredCapabilities {
    /// The least that covers what was seen.
    pub capabilities: Capabilities,
    /// From how many executions.
    pub executions: u32,
    /// How many were left out: not recorded in full, or not for this principal to inspect.
    pub left_out: u32,
}

/// Which calls tell what a script needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    /// Those that were answered with anything but an error.
    Succeeded,
    /// Those, and the ones that were denied.
    Asked,
}

/// What was seen of a script's needs.
#[derive(Default)]
struct Needs {
    prefixes: BTreeSet<String>,
    event_types: BTreeSet<String>,
    services: BTreeSet<String>,
    hosts: BTreeSet<String>,
    secrets: BTreeSet<String>,
}

impl ExecutionService {
    /// Propose capabilities for a script from its latest executions, at most `last` of them.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Forbidden`] without `scripts.read` and `executions.read`.
    pub async fn infer_capabilities(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        last: u32,
    ) -> Result<InferredCapabilities, AppError> {
        principal.require(Permission::ScriptsRead)?;
        principal.require(Permission::ExecutionsRead)?;
        let (service, principal, script) = (self.clone(), principal.clone(), script.clone());
        // Opening journals takes a while, in which a thread of the server's serves nobody else.
        let inferred = tokio::task::spawn_blocking(move || service.infer(&principal, &script, last));
        inferred.await.map_err(AppError::internal)?
    }

    fn infer(&self, principal: &Principal, script: &ScriptRef, last: u32) -> Result<InferredCapabilities, AppError> {
        let database = &self.inner().database;
        let script = script.find(database, principal.tenant)?.summary.id;
        let sealed = Sealed::of(self.inner(), principal.tenant)?;
        let mut needs = Needs::default();
        let mut inferred = InferredCapabilities::default();
        let mut cursor: Option<ExecutionCursor> = None;
        let filter = ExecutionFilter { script: Some(script), ..ExecutionFilter::default() };
        let mut left = last.min(EXECUTIONS_MAX);
        while left > 0 {
            let page = database.list_executions(principal.tenant, &filter, cursor.take(), left.min(100))?;
            left -= u32::try_from(page.executions.len()).unwrap_or(left).min(left);
            for execution in page.executions {
                let journal = sealed.inspectable_journal(principal, execution.id)?;
                match journal.filter(|journal| !journal.has_outlines()) {
                    Some(journal) => {
                        needs.see(&journal, Evidence::Succeeded);
                        inferred.executions += 1;
                    }
                    None => inferred.left_out += 1,
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        inferred.capabilities = needs.capabilities();
        Ok(inferred)
    }
}

/// What a run that the asker made needed, denied calls included; `None` where nothing was recorded of it.
pub fn capabilities_needed(outcome: &Outcome) -> Option<Capabilities> {
    let journal = Journal::decode(outcome.record.as_bytes()).ok()?;
    let mut needs = Needs::default();
    needs.see(&journal, Evidence::Asked);
    Some(needs.capabilities())
}

impl Needs {
    /// Take a run's calls into account.
    fn see(&mut self, journal: &Journal, evidence: Evidence) {
        let mut calls: Vec<&HostCall> = Vec::new();
        for entry in &journal.entries {
            match entry {
                JournalEntry::Call { call, .. } => calls.push(call),
                JournalEntry::Delivery { id, outcome, .. } if tells(outcome, evidence) => {
                    let at = usize::try_from(*id).unwrap_or(0).checked_sub(1);
                    if let Some(call) = at.and_then(|at| calls.get(at)) {
                        self.need(call);
                    }
                    // Where a redirect led has to be named as well.
                    if let Ok(Answer::Response(response)) = outcome {
                        self.hosts.extend(host_of(&response.url));
                    }
                }
                _ => {}
            }
        }
    }

    /// The least capabilities that cover everything seen.
    fn capabilities(self) -> Capabilities {
        // A list of everything needs every key, which is what no list of prefixes says.
        let every_key = self.prefixes.contains("");
        Capabilities {
            storage_prefixes: (!every_key).then(|| uncovered(drawn_together(self.prefixes, shorter_prefix))),
            event_types: Some(drawn_together(self.event_types, shorter_type)),
            services: drawn_together(self.services, every_method),
            hosts: self.hosts.into_iter().take(NAMES_MAX).collect(),
            secrets: self.secrets.into_iter().take(NAMES_MAX).collect(),
        }
    }

    fn need(&mut self, call: &HostCall) {
        self.secrets.extend(call.secrets().map(str::to_owned));
        match call {
            HostCall::StorageGet { key }
            | HostCall::StorageSet { key, .. }
            | HostCall::StorageDelete { key }
            | HostCall::StorageIncrement { key, .. } => self.need_key(key),
            HostCall::StorageGetMany { keys } => keys.iter().for_each(|key| self.need_key(key)),
            HostCall::StorageList { prefix, .. } => {
                self.prefixes.insert(prefix.clone());
            }
            HostCall::ServiceCall { service, method, .. } => {
                self.services.insert(format!("{service}.{method}"));
            }
            HostCall::EventPublish(event) => {
                self.event_types.insert(event.type_.clone());
            }
            HostCall::HttpSend(request) => {
                self.hosts.extend(host_of(&request.url));
            }
            HostCall::SecretCheck { .. }
            | HostCall::SecretHmac { .. }
            | HostCall::SecretHmacVerify { .. }
            | HostCall::StorageCommit
            | HostCall::Timer { .. } => {}
        }
    }

    /// A key stands for its folder, where it has one: the next run has other ids below it.
    fn need_key(&mut self, key: &str) {
        let folder = key.rfind(['/', ':']).map_or(key, |at| &key[..=at]);
        self.prefixes.insert(folder[..folder.floor_char_boundary(PREFIX_BYTES_MAX)].to_owned());
    }
}

/// The host of an address, as capabilities name it.
pub(crate) fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

fn tells(outcome: &Result<Answer, CallError>, evidence: Evidence) -> bool {
    match outcome {
        Ok(_) => true,
        Err(CallError::CapabilityDenied(_) | CallError::EgressDenied(_)) => evidence == Evidence::Asked,
        Err(_) => false,
    }
}

/// Entries; where there are too many, drawn together by `widen`.
fn drawn_together(entries: BTreeSet<String>, widen: fn(&str) -> Option<String>) -> Vec<String> {
    let widened: BTreeSet<String> = match entries.len() {
        0..=ENTRIES_MAX => entries,
        _ => entries.iter().map(|entry| widen(entry).unwrap_or_else(|| entry.clone())).collect(),
    };
    widened.into_iter().collect()
}

/// Prefixes without those that begin with another one. They are in order, so that the other one comes before.
fn uncovered(prefixes: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for prefix in prefixes {
        if !kept.last().is_some_and(|last| prefix.starts_with(last.as_str())) {
            kept.push(prefix);
        }
    }
    kept
}

/// The first folder of a prefix.
fn shorter_prefix(prefix: &str) -> Option<String> {
    prefix.find(['/', ':']).map(|at| prefix[..=at].to_owned())
}

/// Every type with the same first word.
fn shorter_type(event_type: &str) -> Option<String> {
    event_type.split_once('.').map(|(word, _)| format!("{word}.*"))
}

/// Every method of a service.
fn every_method(method: &str) -> Option<String> {
    method.split_once('.').map(|(service, _)| format!("{service}.*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(calls: &[HostCall]) -> Capabilities {
        let mut needs = Needs::default();
        calls.iter().for_each(|call| needs.need(call));
        needs.capabilities()
    }

    fn get(key: &str) -> HostCall {
        HostCall::StorageGet { key: key.to_owned() }
    }

    #[test]
    fn what_was_never_asked_for_is_not_granted() {
        let nothing =
            Capabilities { storage_prefixes: Some(vec![]), event_types: Some(vec![]), ..Capabilities::default() };
        assert_eq!(needs(&[HostCall::Timer { delay_ms: 1 }]), nothing);
    }

    #[test]
    fn keys_stand_for_their_folders_and_a_folder_for_those_below_it() {
        let seen = needs(&[get("orders/1"), get("orders/2"), get("orders/old/3"), get("total"), get("user:7")]);
        let prefixes = ["orders/", "total", "user:"].map(str::to_owned).to_vec();
        assert_eq!(seen.storage_prefixes, Some(prefixes));
    }

    #[test]
    fn a_list_of_everything_needs_every_key() {
        let list = HostCall::StorageList { prefix: String::new(), cursor: None, limit: 10 };
        assert_eq!(needs(&[get("a/1"), list]).storage_prefixes, None);
    }

    #[test]
    fn many_methods_of_one_service_become_the_service() {
        let calls: Vec<HostCall> = (0..80)
            .map(|at| HostCall::ServiceCall {
                service: String::from("billing"),
                method: format!("m{at}"),
                arguments: String::from("[]"),
            })
            .collect();
        assert_eq!(needs(&calls).services, ["billing.*"]);
        assert_eq!(needs(&calls[..2]).services, ["billing.m0", "billing.m1"]);
    }
}
