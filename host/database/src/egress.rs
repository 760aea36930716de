//! The hosts that a tenant lets its scripts reach.

use domain::{TenantId, UnixMillis, UserId};
use rusqlite::{OptionalExtension, params};

use crate::{Database, DatabaseError, rows::unreadable};

const GET: &str = "SELECT hosts FROM egress_hosts WHERE tenant_id = $1";
const PUT: &str = "
    INSERT INTO egress_hosts (tenant_id, hosts, set_by, set_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id) DO UPDATE SET hosts = EXCLUDED.hosts, set_by = EXCLUDED.set_by, set_at = EXCLUDED.set_at";
const DELETE: &str = "DELETE FROM egress_hosts WHERE tenant_id = $1";

impl Database {
    /// The hosts that the tenant's list names; `None` where it has no list, and the operator's stands.
    pub fn egress_hosts(&self, tenant: TenantId) -> Result<Option<Vec<String>>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            let hosts: Option<String> = statement.query_row([tenant.to_string()], |row| row.get("hosts")).optional()?;
            Ok(hosts.map(|hosts| serde_json::from_str(&hosts).map_err(unreadable)).transpose()?)
        })
    }

    /// Set the tenant's list, or remove it.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown tenant.
    pub async fn set_egress_hosts(
        &self,
        tenant: TenantId,
        hosts: Option<Vec<String>>,
        set_by: Option<UserId>,
        set_at: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let tenant = tenant.to_string();
            let Some(hosts) = &hosts else {
                work.connection.prepare_cached(DELETE)?.execute([tenant])?;
                return Ok(());
            };
            let hosts = serde_json::to_string(hosts).map_err(unreadable)?;
            let set_by = set_by.map(|user| user.to_string());
            work.connection.prepare_cached(PUT)?.execute(params![tenant, hosts, set_by, set_at.0])?;
            Ok(())
        })
        .await
    }
}
