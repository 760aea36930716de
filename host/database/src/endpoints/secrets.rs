//! What requests to an endpoint are signed with: sealed values in two slots.

use domain::{ScriptId, TenantId, UnixMillis, UserId};
use rusqlite::{Row, params};

use crate::{
    Database, DatabaseError,
    rows::{millis, optional_word, word},
    words::stored_words,
};

const PUT: &str = "
    INSERT INTO endpoint_secrets (tenant_id, script_id, slot, set_by, set_at, value)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant_id, script_id, slot)
    DO UPDATE SET set_by = excluded.set_by, set_at = excluded.set_at, value = excluded.value";
const TOUCH: &str = "UPDATE endpoints SET set_by = $1, set_at = $2 WHERE tenant_id = $3 AND script_id = $4";
const DELETE: &str = "DELETE FROM endpoint_secrets WHERE tenant_id = $1 AND script_id = $2 AND slot = $3";
const OF_ENDPOINT: &str = "
    SELECT script_id, slot, set_by, set_at, value
    FROM endpoint_secrets
    WHERE tenant_id = $1 AND script_id = $2
    ORDER BY slot";
const OF_TENANT: &str = "
    SELECT script_id, slot, set_by, set_at, value
    FROM endpoint_secrets
    WHERE tenant_id = $1
    ORDER BY script_id, slot";

stored_words!(
    /// One of the two places for an endpoint's secrets.
    SecretSlot, "slot", {
        /// The one that senders use.
        Primary = "primary",
        /// The one that they used before, or will use next.
        Secondary = "secondary",
    }
);

/// A secret of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSecret {
    /// Whose endpoint it belongs to.
    pub script: ScriptId,
    /// Where it is kept.
    pub slot: SecretSlot,
    /// Who set it.
    pub set_by: Option<UserId>,
    /// When it was set.
    pub set_at: UnixMillis,
    /// The value, sealed.
    pub value: Vec<u8>,
}

impl EndpointSecret {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            script: word(row, "script_id")?,
            slot: word(row, "slot")?,
            set_by: optional_word(row, "set_by")?,
            set_at: millis(row, "set_at")?,
            value: row.get("value")?,
        })
    }
}

impl Database {
    /// The secrets of one endpoint.
    pub fn endpoint_secrets(&self, tenant: TenantId, script: ScriptId) -> Result<Vec<EndpointSecret>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OF_ENDPOINT)?;
            let rows = statement.query_map([tenant.to_string(), script.to_string()], EndpointSecret::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<EndpointSecret>>>()?)
        })
    }

    /// The secrets of every endpoint of a tenant: for the router.
    pub fn endpoint_secrets_of_tenant(&self, tenant: TenantId) -> Result<Vec<EndpointSecret>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OF_TENANT)?;
            let rows = statement.query_map([tenant.to_string()], EndpointSecret::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<EndpointSecret>>>()?)
        })
    }

    /// Keep secrets, all or none, each in place of the one in its slot. Who sets one sets the endpoint (RULES 13).
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] where the script has no endpoint.
    pub async fn put_endpoint_secrets(
        &self,
        tenant: TenantId,
        secrets: Vec<EndpointSecret>,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let mut put = work.connection.prepare_cached(PUT)?;
            let mut touch = work.connection.prepare_cached(TOUCH)?;
            for EndpointSecret { script, slot, set_by, set_at, value } in &secrets {
                let (tenant, script) = (tenant.to_string(), script.to_string());
                let set_by = set_by.map(|user| user.to_string());
                put.execute(params![tenant, script, slot.as_str(), set_by, set_at.0, value])?;
                touch.execute(params![set_by, set_at.0, tenant, script])?;
            }
            Ok(())
        })
        .await
    }

    /// Remove a secret: nothing that is signed with it is taken any more.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] where there is none in this slot.
    pub async fn delete_endpoint_secret(
        &self,
        tenant: TenantId,
        script: ScriptId,
        slot: SecretSlot,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let (tenant, script) = (tenant.to_string(), script.to_string());
            let deleted = work.connection.prepare_cached(DELETE)?.execute([&tenant, &script, slot.as_str()])?;
            if deleted == 0 { Err(DatabaseError::NotFound) } else { Ok(()) }
        })
        .await
    }
}
