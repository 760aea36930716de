//! Skerry's own events: what happened to scripts and executions, told in the same write as it happens. Nobody else
//! publishes such types (RULES 15).

use database::{Doomed, OutboxEvent};
use domain::{
    ErrorKind, EventId, ExecutionId, Lineage, ScriptId, ScriptName, TenantId, Trigger, UnixMillis, events::OWN_SOURCE,
};
use serde_json::{Value, json};

use super::first_cause;
use crate::{AppError, Inner, executions::Order, sealing::Purpose};

/// An execution failed for good.
const EXECUTION_FAILED: &str = "skerry.execution.failed";
/// A script's breaker opened.
const BREAKER_OPENED: &str = "skerry.script.breaker_opened";

/// What happened to a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Created,
    Updated,
    Deployed,
    Deleted,
    Paused,
    Resumed,
}

impl Told {
    fn event_type(self) -> &'static str {
        match self {
            Self::Created => "skerry.script.created",
            Self::Updated => "skerry.script.updated",
            Self::Deployed => "skerry.script.deployed",
            Self::Deleted => "skerry.script.deleted",
            Self::Paused => "skerry.script.paused",
            Self::Resumed => "skerry.script.resumed",
        }
    }
}

impl Inner {
    /// The event of a change of a script.
    pub(crate) fn told_of_script(
        &self,
        tenant: TenantId,
        told: Told,
        (script, name): (ScriptId, &ScriptName),
    ) -> Result<Option<OutboxEvent>, AppError> {
        let data = json!({ "script": { "id": script.to_string(), "name": name.as_str() } });
        self.own_event(first_cause(tenant), tenant, (told.event_type(), script), &data).map(Some)
    }

    /// The event of an execution that failed for good; `None` where nobody asks for it.
    pub(crate) fn told_of_failure(&self, order: &Order, kind: ErrorKind) -> Result<Option<OutboxEvent>, AppError> {
        // Who cancels something knows.
        if kind == ErrorKind::Cancelled { Ok(None) } else { self.told_of_execution(EXECUTION_FAILED, order, kind) }
    }

    /// The event of a breaker that opens with this failure; `None` where nobody asks for it.
    pub(crate) fn told_of_breaker(&self, order: &Order, kind: ErrorKind) -> Result<Option<OutboxEvent>, AppError> {
        self.told_of_execution(BREAKER_OPENED, order, kind)
    }

    /// The event of an execution that a process left and that has no other attempt; `None` where nobody asks for it.
    pub(crate) fn told_of_doomed(&self, doomed: &Doomed) -> Result<Option<OutboxEvent>, AppError> {
        let Doomed { tenant, execution, script, trigger, lineage, kind } = *doomed;
        if kind == ErrorKind::Cancelled || !self.is_asked_for(tenant, EXECUTION_FAILED)? {
            return Ok(None);
        }
        let name = self.database.script(tenant, script)?.summary.name;
        let data = failure_data(execution, (script, &name), trigger, kind);
        let lineage = lineage.unwrap_or_else(|| Lineage::begun_by(tenant, execution));
        self.own_event(lineage, tenant, (EXECUTION_FAILED, script), &data).map(Some)
    }

    fn told_of_execution(
        &self,
        event_type: &'static str,
        order: &Order,
        kind: ErrorKind,
    ) -> Result<Option<OutboxEvent>, AppError> {
        let (tenant, script) = (order.target.tenant.id, &order.target.script);
        if !self.is_asked_for(tenant, event_type)? {
            return Ok(None);
        }
        // The error's text may hold what not everybody may see, so it is not told (RULES 19).
        let data = failure_data(order.execution, (script.id, &script.name), order.trigger, kind);
        self.own_event(order.lineage, tenant, (event_type, script.id), &data).map(Some)
    }

    fn own_event(
        &self,
        lineage: Lineage,
        tenant: TenantId,
        (event_type, about): (&'static str, ScriptId),
        data: &Value,
    ) -> Result<OutboxEvent, AppError> {
        let id = EventId::generate().to_string();
        let key = self.keyring.tenant(&self.database, tenant)?;
        Ok(OutboxEvent {
            data: key.seal(Purpose::Event, id.as_bytes(), data.to_string().as_bytes()),
            id,
            event_type: event_type.to_owned(),
            source: OWN_SOURCE.to_owned(),
            subject: Some(about.to_string()),
            time: UnixMillis::now(),
            hop: lineage.hop,
            root: lineage.root.to_string(),
            root_tenant: Some(lineage.tenant).filter(|root| *root != tenant),
            published_by: None,
        })
    }
}

fn failure_data(
    execution: ExecutionId,
    (script, name): (ScriptId, &ScriptName),
    trigger: Trigger,
    kind: ErrorKind,
) -> Value {
    json!({
        "script": { "id": script.to_string(), "name": name.as_str() },
        "execution": { "id": execution.to_string(), "trigger": trigger.as_str(), "error_kind": kind.as_str() },
    })
}
