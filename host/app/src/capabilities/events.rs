//! `events`: publishing into the tenant's outbox, in the execution's transaction.

use database::OutboxEvent;
use domain::UnixMillis;
use runtime::Event;

use super::{Reach, require_json};
use crate::{sealing::Purpose, transaction::CallOutcome};

impl Reach {
    /// The script says type, data, subject and id; everything else is the host's (RULES 15). An event without an id of
    /// its own is named by its execution and its place in it, so that a repeat publishes the same one.
    pub(super) fn publish(&self, event: Event, now: UnixMillis) -> CallOutcome {
        require_json("events.publish: the data", &event.data)?;
        let execution = self.lease.execution;
        self.transaction.lock().publish(|number| {
            let id = event.id.unwrap_or_else(|| format!("{execution}-{number}"));
            OutboxEvent {
                data: self.key.seal(Purpose::Event, id.as_bytes(), event.data.as_bytes()),
                id,
                event_type: event.type_,
                source: format!("/scripts/{}", self.scope.script_name),
                subject: event.subject,
                time: now,
                hop: self.scope.lineage.hop,
                root: self.scope.lineage.root.to_string(),
                root_tenant: Some(self.scope.lineage.tenant).filter(|tenant| *tenant != self.lease.tenant),
                published_by: None,
            }
        })
    }
}
