//! What is left of a tenant that was deleted: its rows go, some hundred at a time, so that other writes get in between.
//! The tenant itself, its members as ids, what it used and what was audited stay.

use domain::TenantId;
use rusqlite::params;

use crate::{Database, DatabaseError};

/// Rows that go in one write: some milliseconds.
const AT_ONCE: u32 = 500;

/// Each table whose rows go, with what tells them apart within the tenant; those that others refer to come later.
const TABLES: &[(&str, &str)] = &[
    ("execution_queue", "execution_id"),
    ("execution_attempts", "execution_id, attempt"),
    ("execution_records", "execution_id, attempt"),
    ("execution_lineages", "execution_id"),
    ("executions", "id"),
    ("script_breakers", "script_id"),
    ("dead_letters", "id"),
    ("webhook_attempts", "delivery_id, attempt"),
    ("webhook_deliveries", "id"),
    ("webhooks", "id"),
    ("event_deliveries", "event_source, event_id, subscription_id"),
    ("pending_events", "revision, ordinal"),
    ("subscriptions", "id"),
    ("outbox_events", "source, id"),
    ("schedule_backlogs", "schedule_id, from_at"),
    ("schedule_slots", "schedule_id, slot_at"),
    ("schedules", "id"),
    ("hook_bindings", "point, script_id"),
    ("endpoint_answers", "request"),
    ("endpoint_secrets", "script_id, slot"),
    ("endpoint_methods", "script_id, method"),
    ("endpoints", "script_id"),
    ("artifacts", "version_id"),
    ("active_versions", "script_id"),
    ("script_versions", "id"),
    ("scripts", "id"),
    ("storage_entries", "key"),
    ("document_fields", "collection, id, field, value"),
    ("documents", "collection, id"),
    ("collections", "name"),
    ("secrets", "name"),
    ("egress_hosts", "tenant_id"),
    ("lineage_roots", "root"),
    ("openid_attempts", "id"),
    ("platform_tokens", "id"),
    ("identities", "issuer, subject"),
    ("identity_providers", "id"),
    ("api_requests", "request"),
    ("api_tokens", "id"),
    ("invitations", "id"),
    ("roles", "name"),
];

impl Database {
    /// The tables whose rows [`Self::purge_deleted`] removes: every one of a tenant's is among them, or is kept.
    pub fn purged_tables() -> impl Iterator<Item = &'static str> {
        TABLES.iter().map(|(table, _)| *table)
    }

    /// Remove some of the rows of a tenant that was deleted. Answers whether there may be more.
    ///
    /// # Errors
    /// Only what a write can always fail by.
    pub async fn purge_deleted(&self, tenant: TenantId) -> Result<bool, DatabaseError> {
        for (table, key) in TABLES {
            let statement = format!(
                "DELETE FROM {table} WHERE tenant_id = $1 AND ({key}) IN
                 (SELECT {key} FROM {table} WHERE tenant_id = $1 LIMIT $2)"
            );
            let tenant = tenant.to_string();
            let gone = self
                .write(move |work| {
                    let mut statement = work.connection.prepare_cached(&statement)?;
                    Ok(statement.execute(params![tenant, AT_ONCE])?)
                })
                .await?;
            if gone == AT_ONCE as usize {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
