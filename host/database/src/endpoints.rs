//! Endpoints: where a script answers, and who may call it.

use domain::{EndpointRoute, ScriptId, TenantId, UnixMillis, UserId, VersionId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{millis, optional_word, unreadable, word},
    words::stored_words,
};

const PUT: &str = "
    INSERT INTO endpoints (tenant_id, script_id, method, path, shape, authentication, set_by, set_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (tenant_id, script_id)
    DO UPDATE SET method = excluded.method, path = excluded.path, shape = excluded.shape,
                  authentication = excluded.authentication, set_by = excluded.set_by, set_at = excluded.set_at";
const DELETE: &str = "DELETE FROM endpoints WHERE tenant_id = $1 AND script_id = $2";
const GET: &str = "
    SELECT endpoints.script_id, endpoints.method, endpoints.path, endpoints.authentication, endpoints.set_by,
           endpoints.set_at, scripts.is_active, active_versions.version_id
    FROM endpoints
    JOIN scripts ON scripts.tenant_id = endpoints.tenant_id AND scripts.id = endpoints.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = endpoints.tenant_id AND active_versions.script_id = endpoints.script_id
    WHERE endpoints.tenant_id = $1 AND endpoints.script_id = $2";
const OF_TENANT: &str = "
    SELECT endpoints.script_id, endpoints.method, endpoints.path, endpoints.authentication, endpoints.set_by,
           endpoints.set_at, scripts.is_active, active_versions.version_id
    FROM endpoints
    JOIN scripts ON scripts.tenant_id = endpoints.tenant_id AND scripts.id = endpoints.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = endpoints.tenant_id AND active_versions.script_id = endpoints.script_id
    WHERE endpoints.tenant_id = $1
    ORDER BY endpoints.path, endpoints.method";

stored_words!(
    /// How the caller of an endpoint is known.
    EndpointAuthentication, "authentication", {
        /// Not at all: everybody may call.
        Public = "public",
        /// By an API token with a right to call endpoints.
        Token = "token",
    }
);

/// Where a script is to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Method and path.
    pub route: EndpointRoute,
    /// How its caller is known.
    pub authentication: EndpointAuthentication,
    /// Who sets it, and so whose rights bound every run that it starts.
    pub set_by: Option<UserId>,
    /// When it is set.
    pub set_at: UnixMillis,
}

/// Where a script answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The script.
    pub script: ScriptId,
    /// Method and path.
    pub route: EndpointRoute,
    /// How its caller is known.
    pub authentication: EndpointAuthentication,
    /// Who set it last.
    pub set_by: Option<UserId>,
    /// When it was set.
    pub set_at: UnixMillis,
    /// Whether the script runs at all.
    pub is_active: bool,
    /// The version that answers; `None` before the first deployment.
    pub version: Option<VersionId>,
}

impl Endpoint {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let method: String = row.get("method")?;
        let path: String = row.get("path")?;
        Ok(Self {
            script: word(row, "script_id")?,
            route: EndpointRoute::parse(&method, &path).map_err(unreadable)?,
            authentication: word(row, "authentication")?,
            set_by: optional_word(row, "set_by")?,
            set_at: millis(row, "set_at")?,
            is_active: row.get("is_active")?,
            version: optional_word(row, "version_id")?,
        })
    }
}

impl Database {
    /// Every endpoint of a tenant, also those that do not answer now: for the router.
    pub fn endpoints_of_tenant(&self, tenant: TenantId) -> Result<Vec<Endpoint>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OF_TENANT)?;
            let rows = statement.query_map([tenant.to_string()], Endpoint::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Endpoint>>>()?)
        })
    }

    /// Where a script answers; `None` where it is no endpoint.
    pub fn endpoint(&self, tenant: TenantId, script: ScriptId) -> Result<Option<Endpoint>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string(), script.to_string()], Endpoint::from_row).optional()?)
        })
    }

    /// Set where a script answers, in place of where it did.
    ///
    /// # Errors
    /// [`DatabaseError::RouteTaken`] when another script of the tenant answers the same requests;
    /// [`DatabaseError::NotFound`] when the script is not the tenant's.
    pub async fn put_endpoint(
        &self,
        tenant: TenantId,
        script: ScriptId,
        endpoint: NewEndpoint,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| put(work.connection, tenant, script, &endpoint)).await
    }

    /// Let a script answer nowhere.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when it does not.
    pub async fn delete_endpoint(&self, tenant: TenantId, script: ScriptId) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let deleted = work.connection.prepare_cached(DELETE)?.execute([tenant.to_string(), script.to_string()])?;
            if deleted == 0 { Err(DatabaseError::NotFound) } else { Ok(()) }
        })
        .await
    }
}

pub(crate) fn put(
    connection: &Connection,
    tenant: TenantId,
    script: ScriptId,
    endpoint: &NewEndpoint,
) -> Result<(), DatabaseError> {
    let NewEndpoint { route, authentication, set_by, set_at } = endpoint;
    let written = connection.prepare_cached(PUT)?.execute(params![
        tenant.to_string(),
        script.to_string(),
        route.method(),
        route.path(),
        route.shape(),
        authentication.as_str(),
        set_by.map(|user| user.to_string()),
        set_at.0,
    ]);
    match written {
        Ok(_) => Ok(()),
        Err(error) => Err(match DatabaseError::from(error) {
            DatabaseError::NameTaken => {
                DatabaseError::RouteTaken { method: route.method().to_owned(), path: route.path().to_owned() }
            }
            other => other,
        }),
    }
}
