//! Secrets: sealed values, and the records that say where each may go.

use domain::{ScriptId, SecretName, SecretPlacement, TenantId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{bigint, count, millis, optional_word, unreadable, word},
};

const INSERT: &str = "
    INSERT INTO secrets (tenant_id, name, revision, value_version, origins, placements, scripts, created_at, created_by,
                         updated_at, updated_by, value_set_at, mac, value)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $9, $10, $11, $12)";
const UPDATE: &str = "
    UPDATE secrets
    SET revision = $1, value_version = $2, origins = $3, placements = $4, scripts = $5, updated_at = $6,
        updated_by = $7, value_set_at = $8, mac = $9, value = $10
    WHERE tenant_id = $11 AND name = $12 AND revision = $13";
const GET: &str = "
    SELECT name, revision, value_version, origins, placements, scripts, created_at, created_by, updated_at, updated_by,
           value_set_at, mac, value
    FROM secrets
    WHERE tenant_id = $1 AND name = $2";
const LIST: &str = "
    SELECT name, revision, value_version, origins, placements, scripts, created_at, created_by, updated_at, updated_by,
           value_set_at
    FROM secrets
    WHERE tenant_id = $1 AND name > $2
    ORDER BY name
    LIMIT $3";
const COUNT: &str = "SELECT COUNT(*) FROM secrets WHERE tenant_id = $1";
const REVISION: &str = "SELECT revision FROM secrets WHERE tenant_id = $1 AND name = $2";
const DELETE: &str = "DELETE FROM secrets WHERE tenant_id = $1 AND name = $2";

/// A secret's record: everything but the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub name: SecretName,
    /// Goes up with every change.
    pub revision: i64,
    /// Which of its values it has, counted from 1.
    pub value_version: u64,
    /// The origins that its value may be sent to, as `https://api.example.com:8443`.
    pub origins: Vec<String>,
    /// The places where its value may be put.
    pub placements: Vec<SecretPlacement>,
    /// The scripts that may use it.
    pub scripts: Vec<ScriptId>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When its record or value was last changed.
    pub updated_at: UnixMillis,
    /// Who changed it last.
    pub updated_by: Option<UserId>,
    /// When its value was last set.
    pub value_set_at: UnixMillis,
}

/// A secret with its sealed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// The record.
    pub record: Secret,
    /// The MAC over record and sealed value, to be verified before either counts.
    pub mac: Vec<u8>,
    /// The value, sealed.
    pub value: Vec<u8>,
}

/// A secret as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretChange {
    /// Its name.
    pub name: SecretName,
    /// The revision that is changed; `None` makes a secret that is not there yet.
    pub expected_revision: Option<i64>,
    /// Which of its values it has, counted from 1.
    pub value_version: u64,
    /// The origins that its value may be sent to.
    pub origins: Vec<String>,
    /// The places where its value may be put.
    pub placements: Vec<SecretPlacement>,
    /// The scripts that may use it.
    pub scripts: Vec<ScriptId>,
    /// Who changes it.
    pub changed_by: Option<UserId>,
    /// When.
    pub changed_at: UnixMillis,
    /// When its value was last set.
    pub value_set_at: UnixMillis,
    /// The MAC over all that decides where the value goes.
    pub mac: Vec<u8>,
    /// The value, sealed.
    pub value: Vec<u8>,
}

impl Secret {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: word(row, "name")?,
            revision: row.get("revision")?,
            value_version: count(row, "value_version")?,
            origins: list(row, "origins")?,
            placements: list(row, "placements")?,
            scripts: list(row, "scripts")?,
            created_at: millis(row, "created_at")?,
            created_by: optional_word(row, "created_by")?,
            updated_at: millis(row, "updated_at")?,
            updated_by: optional_word(row, "updated_by")?,
            value_set_at: millis(row, "value_set_at")?,
        })
    }
}

impl SealedSecret {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { record: Secret::from_row(row)?, mac: row.get("mac")?, value: row.get("value")? })
    }
}

impl Database {
    /// One secret with its sealed value; `None` where the tenant has none of that name.
    pub fn secret(&self, tenant: TenantId, name: &SecretName) -> Result<Option<SealedSecret>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            let found = statement.query_row([tenant.to_string().as_str(), name.as_str()], SealedSecret::from_row);
            Ok(found.optional()?)
        })
    }

    /// A page of the tenant's secrets by name, behind `after`.
    pub fn list_secrets(
        &self,
        tenant: TenantId,
        after: Option<&SecretName>,
        limit: u32,
    ) -> Result<Vec<Secret>, DatabaseError> {
        self.read(|connection| {
            let after = after.map_or("", SecretName::as_str);
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map(params![tenant.to_string(), after, limit], Secret::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Secret>>>()?)
        })
    }

    /// How many secrets the tenant has.
    pub fn count_secrets(&self, tenant: TenantId) -> Result<u64, DatabaseError> {
        self.read(|connection| {
            let counted =
                connection.prepare_cached(COUNT)?.query_row([tenant.to_string()], |row| row.get::<_, i64>(0))?;
            Ok(u64::try_from(counted).unwrap_or(0))
        })
    }

    /// Make a secret, or change it; answers its revision.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`] when one that is to be made is there; [`DatabaseError::Stale`] when one that is to
    /// be changed has another revision, [`DatabaseError::NotFound`] when it is gone.
    pub async fn put_secret(&self, tenant: TenantId, change: SecretChange) -> Result<i64, DatabaseError> {
        self.write(move |work| {
            match change.expected_revision {
                None => insert(work.connection, tenant, &change, work.revision)?,
                Some(expected) => update(work.connection, tenant, &change, expected, work.revision)?,
            }
            Ok(work.revision)
        })
        .await
    }

    /// Remove a secret, its value and its record.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`]; [`DatabaseError::Stale`] where `expected_revision` is another one.
    pub async fn delete_secret(
        &self,
        tenant: TenantId,
        name: SecretName,
        expected_revision: Option<i64>,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let current = revision(work.connection, tenant, &name)?;
            if expected_revision.is_some_and(|expected| expected != current) {
                return Err(DatabaseError::Stale { current });
            }
            work.connection.prepare_cached(DELETE)?.execute([tenant.to_string().as_str(), name.as_str()])?;
            Ok(())
        })
        .await
    }
}

fn insert(
    connection: &Connection,
    tenant: TenantId,
    change: &SecretChange,
    revision: i64,
) -> Result<(), DatabaseError> {
    connection.prepare_cached(INSERT)?.execute(params![
        tenant.to_string(),
        change.name.as_str(),
        revision,
        bigint(change.value_version),
        json(&change.origins)?,
        json(&change.placements)?,
        json(&change.scripts)?,
        change.changed_at.0,
        change.changed_by.map(|user| user.to_string()),
        change.value_set_at.0,
        change.mac,
        change.value,
    ])?;
    Ok(())
}

fn update(
    connection: &Connection,
    tenant: TenantId,
    change: &SecretChange,
    expected: i64,
    revision: i64,
) -> Result<(), DatabaseError> {
    let changed = connection.prepare_cached(UPDATE)?.execute(params![
        revision,
        bigint(change.value_version),
        json(&change.origins)?,
        json(&change.placements)?,
        json(&change.scripts)?,
        change.changed_at.0,
        change.changed_by.map(|user| user.to_string()),
        change.value_set_at.0,
        change.mac,
        change.value,
        tenant.to_string(),
        change.name.as_str(),
        expected,
    ])?;
    if changed == 0 {
        return Err(DatabaseError::Stale { current: self::revision(connection, tenant, &change.name)? });
    }
    Ok(())
}

fn revision(connection: &Connection, tenant: TenantId, name: &SecretName) -> Result<i64, DatabaseError> {
    let mut statement = connection.prepare_cached(REVISION)?;
    Ok(statement.query_row([tenant.to_string().as_str(), name.as_str()], |row| row.get(0))?)
}

/// A list as its column keeps it.
fn json<T: ToString>(items: &[T]) -> rusqlite::Result<String> {
    let texts: Vec<String> = items.iter().map(T::to_string).collect();
    serde_json::to_string(&texts).map_err(unreadable)
}

fn list<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<T>>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let texts: Vec<String> = serde_json::from_str(&row.get::<_, String>(column)?).map_err(unreadable)?;
    texts.iter().map(|text| text.parse().map_err(unreadable)).collect()
}
