//! Making, changing and deleting scripts.

use domain::{ScriptId, TenantId, UnixMillis};
use rusqlite::{OptionalExtension, params};

use super::{DraftEdit, NewScript, ScriptSettings};
use crate::{
    Database, DatabaseError, NewEndpoint, OutboxEvent, endpoints, events,
    json::{capabilities_to_json, limits_to_json},
    policies::policy_to_json,
    queue, subscriptions,
    writer::Work,
};

const INSERT: &str = "
    INSERT INTO scripts (tenant_id, id, name, description, kind, language, limits, capabilities, capabilities_set_by,
                         record, created_at, updated_at, created_by, draft_source, policy)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $9, $12, $13)";
const DRAFT_REVISION: &str = "SELECT draft_revision FROM scripts WHERE tenant_id = $1 AND id = $2";
const EDIT_DRAFT: &str = "
    UPDATE scripts
    SET draft_source = $1, language = $2, draft_revision = draft_revision + 1, updated_at = $3
    WHERE tenant_id = $4 AND id = $5
    RETURNING draft_revision";
const UPDATE_SETTINGS: &str = "
    UPDATE scripts
    SET description = $1, limits = $2, capabilities = $3, capabilities_set_by = $4, record = $5, updated_at = $6,
        policy = $7
    WHERE tenant_id = $8 AND id = $9";
const SET_ACTIVE: &str = "UPDATE scripts SET is_active = $1, updated_at = $2 WHERE tenant_id = $3 AND id = $4";
const DELETE: &str = "DELETE FROM scripts WHERE tenant_id = $1 AND id = $2";

impl Database {
    /// Make a script, with its endpoint where it is one.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`], [`DatabaseError::RouteTaken`]; [`DatabaseError::NotFound`] for an unknown tenant,
    /// or a user who was never its member.
    pub async fn create_script(&self, tenant: TenantId, script: NewScript) -> Result<(), DatabaseError> {
        self.write(move |work| {
            insert(work, tenant, &script)?;
            events::tell(work, tenant, script.told.as_ref())?;
            match &script.endpoint {
                Some(endpoint) => endpoints::put(work.connection, tenant, script.id, endpoint),
                None => Ok(()),
            }
        })
        .await
    }

    /// Change a draft; answers its new revision.
    ///
    /// # Errors
    /// [`DatabaseError::Stale`] with the revision there is, when it is not the one that the author saw.
    pub async fn edit_draft(&self, tenant: TenantId, edit: DraftEdit) -> Result<i64, DatabaseError> {
        self.write(move |work| write_draft(work, tenant, &edit)).await
    }

    /// Change a draft and what is set beside it, both or neither; answers the draft's new revision.
    ///
    /// # Errors
    /// [`DatabaseError::Stale`] as of [`Self::edit_draft`], [`DatabaseError::RouteTaken`].
    pub async fn edit_script(
        &self,
        tenant: TenantId,
        edit: DraftEdit,
        settings: ScriptSettings,
        endpoint: Option<NewEndpoint>,
    ) -> Result<i64, DatabaseError> {
        self.write(move |work| {
            let revision = write_draft(work, tenant, &edit)?;
            write_settings(work, tenant, edit.script, &settings)?;
            if let Some(endpoint) = &endpoint {
                endpoints::put(work.connection, tenant, edit.script, endpoint)?;
            }
            Ok(revision)
        })
        .await
    }

    /// Replace what is set beside the source.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn update_settings(
        &self,
        tenant: TenantId,
        script: ScriptId,
        settings: ScriptSettings,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| write_settings(work, tenant, script, &settings)).await
    }

    /// Let a script run, or pause it.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn set_active(
        &self,
        tenant: TenantId,
        script: ScriptId,
        active: bool,
        (now, told): (UnixMillis, Option<OutboxEvent>),
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(SET_ACTIVE)?;
            found(statement.execute(params![active, now.0, tenant.to_string(), script.to_string()])?)?;
            events::tell(work, tenant, told.as_ref())
        })
        .await
    }

    /// Delete a script with its versions, endpoint, executions and records. What it published and used stays.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn delete_script(
        &self,
        tenant: TenantId,
        script: ScriptId,
        told: Option<OutboxEvent>,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            queue::forget_script(work, tenant, script)?;
            subscriptions::forget_script(work, tenant, script)?;
            let mut statement = work.connection.prepare_cached(DELETE)?;
            found(statement.execute([tenant.to_string(), script.to_string()])?)?;
            events::tell(work, tenant, told.as_ref())
        })
        .await
    }
}

fn write_draft(work: &Work<'_>, tenant: TenantId, edit: &DraftEdit) -> Result<i64, DatabaseError> {
    expect_draft(work, tenant, edit.script, edit.expected_revision)?;
    events::tell(work, tenant, edit.told.as_ref())?;
    let mut statement = work.connection.prepare_cached(EDIT_DRAFT)?;
    let parameters =
        params![edit.source, edit.language.as_str(), edit.updated_at.0, tenant.to_string(), edit.script.to_string(),];
    Ok(statement.query_row(parameters, |row| row.get(0))?)
}

fn write_settings(
    work: &Work<'_>,
    tenant: TenantId,
    script: ScriptId,
    settings: &ScriptSettings,
) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(UPDATE_SETTINGS)?;
    let changed = statement.execute(params![
        settings.description,
        limits_to_json(settings.limits.as_ref())?,
        capabilities_to_json(&settings.capabilities)?,
        settings.capabilities_set_by.map(|user| user.to_string()),
        settings.record.as_str(),
        settings.updated_at.0,
        policy_to_json(settings.policy.as_ref())?,
        tenant.to_string(),
        script.to_string(),
    ])?;
    found(changed)?;
    events::tell(work, tenant, settings.told.as_ref())
}

/// See that the draft is the one that the caller saw.
pub(crate) fn expect_draft(
    work: &Work<'_>,
    tenant: TenantId,
    script: ScriptId,
    expected: i64,
) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(DRAFT_REVISION)?;
    let current: Option<i64> =
        statement.query_row([tenant.to_string(), script.to_string()], |row| row.get(0)).optional()?;
    match current {
        None => Err(DatabaseError::NotFound),
        Some(current) if current != expected => Err(DatabaseError::Stale { current }),
        Some(_) => Ok(()),
    }
}

fn insert(work: &Work<'_>, tenant: TenantId, script: &NewScript) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(INSERT)?.execute(params![
        tenant.to_string(),
        script.id.to_string(),
        script.name.as_str(),
        script.description,
        script.kind.as_str(),
        script.language.as_str(),
        limits_to_json(script.limits.as_ref())?,
        capabilities_to_json(&script.capabilities)?,
        script.created_by.map(|user| user.to_string()),
        script.record.as_str(),
        script.created_at.0,
        script.draft_source,
        policy_to_json(script.policy.as_ref())?,
    ])?;
    Ok(())
}

fn found(changed: usize) -> Result<(), DatabaseError> {
    if changed == 0 { Err(DatabaseError::NotFound) } else { Ok(()) }
}
