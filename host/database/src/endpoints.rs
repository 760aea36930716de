//! Endpoints: where a script answers, and who may call it.

mod answers;
mod secrets;

use domain::{EndpointRoute, ScriptId, TenantId, UnixMillis, UserId, VersionId};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub use answers::{AnswerClaim, AnswerState, ClaimedAnswer, KnownAnswer};
pub use secrets::{EndpointSecret, SecretSlot};

use crate::{
    Database, DatabaseError,
    rows::{millis, optional_word, readable, unreadable, word},
    words::stored_words,
};

const PUT: &str = "
    INSERT INTO endpoints (tenant_id, script_id, method, path, authentication, options, set_by, set_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (tenant_id, script_id)
    DO UPDATE SET method = excluded.method, path = excluded.path, authentication = excluded.authentication,
                  options = excluded.options, set_by = excluded.set_by, set_at = excluded.set_at";
const DELETE_METHODS: &str = "DELETE FROM endpoint_methods WHERE tenant_id = $1 AND script_id = $2";
const PUT_METHOD: &str = "INSERT INTO endpoint_methods (tenant_id, script_id, method, shape) VALUES ($1, $2, $3, $4)";
const DELETE: &str = "DELETE FROM endpoints WHERE tenant_id = $1 AND script_id = $2";
const GET: &str = "
    SELECT endpoints.script_id, endpoints.method, endpoints.path, endpoints.authentication, endpoints.options,
           endpoints.set_by, endpoints.set_at, scripts.name, scripts.is_active, active_versions.version_id
    FROM endpoints
    JOIN scripts ON scripts.tenant_id = endpoints.tenant_id AND scripts.id = endpoints.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = endpoints.tenant_id AND active_versions.script_id = endpoints.script_id
    WHERE endpoints.tenant_id = $1 AND endpoints.script_id = $2";
const OF_TENANT: &str = "
    SELECT endpoints.script_id, endpoints.method, endpoints.path, endpoints.authentication, endpoints.options,
           endpoints.set_by, endpoints.set_at, scripts.name, scripts.is_active, active_versions.version_id
    FROM endpoints
    JOIN scripts ON scripts.tenant_id = endpoints.tenant_id AND scripts.id = endpoints.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = endpoints.tenant_id AND active_versions.script_id = endpoints.script_id
    WHERE endpoints.tenant_id = $1
    ORDER BY endpoints.path, endpoints.script_id";

stored_words!(
    /// How the caller of an endpoint is known.
    EndpointAuthentication, "authentication", {
        /// Not at all: everybody may call.
        Public = "public",
        /// By an API token with a right to call endpoints.
        Token = "token",
        /// By a signature over the request, with a secret of the endpoint.
        Hmac = "hmac",
    }
);

/// Where a script is to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Methods and path.
    pub route: EndpointRoute,
    /// How its caller is known.
    pub authentication: EndpointAuthentication,
    /// How requests are taken beside that, as the application's JSON; `None` where the defaults stand.
    pub options: Option<String>,
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
    /// The script's name.
    pub script_name: String,
    /// Methods and path.
    pub route: EndpointRoute,
    /// How its caller is known.
    pub authentication: EndpointAuthentication,
    /// How requests are taken beside that, as the application's JSON; `None` where the defaults stand.
    pub options: Option<String>,
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
            script_name: row.get("name")?,
            route: EndpointRoute::parse(&method, &path).map_err(unreadable)?,
            authentication: word(row, "authentication")?,
            options: row.get("options")?,
            set_by: optional_word(row, "set_by")?,
            set_at: millis(row, "set_at")?,
            is_active: row.get("is_active")?,
            version: optional_word(row, "version_id")?,
        })
    }
}

impl Database {
    /// Every endpoint of a tenant by its path, also those that do not answer now. One whose row cannot be read is left out.
    pub fn endpoints_of_tenant(&self, tenant: TenantId) -> Result<Vec<Endpoint>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OF_TENANT)?;
            let rows = statement.query_map([tenant.to_string()], Endpoint::from_row)?;
            readable(rows, "endpoint")
        })
    }

    /// Where a script answers; `None` where it is no endpoint.
    pub fn endpoint(&self, tenant: TenantId, script: ScriptId) -> Result<Option<Endpoint>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string(), script.to_string()], Endpoint::from_row).optional()?)
        })
    }

    /// Set where a script answers, in place of where it did. Its secrets stay.
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
    let NewEndpoint { route, authentication, options, set_by, set_at } = endpoint;
    let (tenant, script) = (tenant.to_string(), script.to_string());
    connection.prepare_cached(PUT)?.execute(params![
        tenant,
        script,
        route.method(),
        route.path(),
        authentication.as_str(),
        options,
        set_by.map(|user| user.to_string()),
        set_at.0,
    ])?;
    connection.prepare_cached(DELETE_METHODS)?.execute([&tenant, &script])?;
    let mut put_method = connection.prepare_cached(PUT_METHOD)?;
    for method in route.methods() {
        put_method.execute([&tenant, &script, method, &route.shape()]).map_err(|error| match error.into() {
            DatabaseError::NameTaken => {
                DatabaseError::RouteTaken { method: method.to_owned(), path: route.path().to_owned() }
            }
            other => other,
        })?;
    }
    Ok(())
}
