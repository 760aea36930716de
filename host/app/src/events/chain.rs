//! How an event came to be: the events and executions before it, from the first cause on, as far as their rows are there.

use database::StoredEvent;
use domain::{ExecutionId, ScriptId, TenantId, lineage::HOPS_MAX};

use crate::{AppError, Inner};

/// One step of a chain: an event, and the execution that published it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainLink {
    /// The event's type.
    pub event_type: String,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// How far it is from the first cause.
    pub hop: u32,
    /// The execution that published it; `None` where none did.
    pub execution: Option<ExecutionId>,
    /// That execution's script, where it is still there.
    pub script: Option<ScriptId>,
}

/// The chain that ends with `event`, from its first cause on.
pub(crate) fn chain_to(inner: &Inner, tenant: TenantId, event: &StoredEvent) -> Result<Vec<ChainLink>, AppError> {
    let mut links = Vec::new();
    let mut next = Some(event.clone());
    // An event that a person sent again begins a chain of its own, so that none is longer.
    while let Some(event) = next.take()
        && links.len() <= HOPS_MAX as usize
    {
        let (mut script, mut before) = (None, None);
        if let Some(execution) = event.execution {
            script = inner.database.get_execution(tenant, execution).ok().map(|detail| detail.execution.script);
            before = inner.database.delivery_of_execution(tenant, execution)?;
        }
        if let Some(delivery) = before {
            next = inner.database.event(tenant, &delivery.source, &delivery.event)?;
        }
        links.push(ChainLink {
            event_type: event.event.event_type,
            source: event.event.source,
            event: event.event.id,
            hop: event.event.hop,
            execution: event.execution,
            script,
        });
    }
    links.reverse();
    Ok(links)
}
