//! What lives by somebody's rights: deployed versions, triggers, webhooks, roles; and how it goes over to somebody else
//! (RULES 14).

use domain::{
    Capabilities, HookPoint, IdentityProviderId, Permissions, RoleName, ScheduleId, ScriptId, ScriptName,
    SubscriptionId, TenantId, Trigger, UserId, WebhookId,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, EndpointAuthentication, IdentityProvider, SecretSlot,
    json::capabilities_from_json,
    roles::Roles,
    rows::{optional_word, small_count, unreadable, word},
    users::permissions,
    writer::Work,
};

const CAPABILITIES: &str = "
    SELECT COALESCE(script_versions.capabilities, scripts.capabilities) AS capabilities
    FROM scripts
    LEFT JOIN active_versions
        ON active_versions.tenant_id = scripts.tenant_id AND active_versions.script_id = scripts.id
    LEFT JOIN script_versions
        ON script_versions.tenant_id = active_versions.tenant_id AND script_versions.id = active_versions.version_id
    WHERE scripts.tenant_id = $1 AND scripts.id = $2";
const DEPLOYMENTS: &str = "
    SELECT active_versions.script_id, active_versions.deployed_by AS set_by, scripts.name AS script_name,
           script_versions.capabilities
    FROM active_versions
    JOIN scripts ON scripts.tenant_id = active_versions.tenant_id AND scripts.id = active_versions.script_id
    JOIN script_versions
        ON script_versions.tenant_id = active_versions.tenant_id AND script_versions.id = active_versions.version_id
    WHERE active_versions.tenant_id = $1";
const ENDPOINTS: &str = "
    SELECT endpoints.script_id, endpoints.authentication, endpoints.set_by, scripts.name AS script_name,
           COALESCE(script_versions.capabilities, scripts.capabilities) AS capabilities
    FROM endpoints
    JOIN scripts ON scripts.tenant_id = endpoints.tenant_id AND scripts.id = endpoints.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = endpoints.tenant_id AND active_versions.script_id = endpoints.script_id
    LEFT JOIN script_versions
        ON script_versions.tenant_id = active_versions.tenant_id AND script_versions.id = active_versions.version_id
    WHERE endpoints.tenant_id = $1";
const SCHEDULES: &str = "
    SELECT schedules.id, schedules.script_id, schedules.set_by, scripts.name AS script_name,
           COALESCE(script_versions.capabilities, scripts.capabilities) AS capabilities
    FROM schedules
    JOIN scripts ON scripts.tenant_id = schedules.tenant_id AND scripts.id = schedules.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = schedules.tenant_id AND active_versions.script_id = schedules.script_id
    LEFT JOIN script_versions
        ON script_versions.tenant_id = active_versions.tenant_id AND script_versions.id = active_versions.version_id
    WHERE schedules.tenant_id = $1";
const SUBSCRIPTIONS: &str = "
    SELECT subscriptions.id, subscriptions.script_id, subscriptions.set_by, scripts.name AS script_name,
           COALESCE(script_versions.capabilities, scripts.capabilities) AS capabilities
    FROM subscriptions
    JOIN scripts ON scripts.tenant_id = subscriptions.tenant_id AND scripts.id = subscriptions.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = subscriptions.tenant_id AND active_versions.script_id = subscriptions.script_id
    LEFT JOIN script_versions
        ON script_versions.tenant_id = active_versions.tenant_id AND script_versions.id = active_versions.version_id
    WHERE subscriptions.tenant_id = $1";
const HOOKS: &str = "
    SELECT hook_bindings.point, hook_bindings.script_id, hook_bindings.set_by, scripts.name AS script_name,
           COALESCE(script_versions.capabilities, scripts.capabilities) AS capabilities
    FROM hook_bindings
    JOIN scripts ON scripts.tenant_id = hook_bindings.tenant_id AND scripts.id = hook_bindings.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = hook_bindings.tenant_id AND active_versions.script_id = hook_bindings.script_id
    LEFT JOIN script_versions
        ON script_versions.tenant_id = active_versions.tenant_id AND script_versions.id = active_versions.version_id
    WHERE hook_bindings.tenant_id = $1";
// Versions that run no more, and that something was accepted for before.
const ACCEPTED: &str = "
    SELECT DISTINCT script_versions.script_id, script_versions.number,
           COALESCE(script_versions.adopted_by, script_versions.author) AS set_by, scripts.name AS script_name,
           script_versions.capabilities
    FROM execution_queue
    JOIN executions
        ON executions.tenant_id = execution_queue.tenant_id AND executions.id = execution_queue.execution_id
    JOIN script_versions
        ON script_versions.tenant_id = executions.tenant_id AND script_versions.id = executions.version_id
    JOIN scripts ON scripts.tenant_id = executions.tenant_id AND scripts.id = executions.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = executions.tenant_id AND active_versions.version_id = executions.version_id
    WHERE execution_queue.tenant_id = $1 AND active_versions.version_id IS NULL";
const ENDPOINT_SECRETS: &str = "
    SELECT endpoint_secrets.script_id, endpoint_secrets.slot, endpoint_secrets.set_by, scripts.name AS script_name,
           COALESCE(script_versions.capabilities, scripts.capabilities) AS capabilities
    FROM endpoint_secrets
    JOIN scripts ON scripts.tenant_id = endpoint_secrets.tenant_id AND scripts.id = endpoint_secrets.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = endpoint_secrets.tenant_id
        AND active_versions.script_id = endpoint_secrets.script_id
    LEFT JOIN script_versions
        ON script_versions.tenant_id = active_versions.tenant_id AND script_versions.id = active_versions.version_id
    WHERE endpoint_secrets.tenant_id = $1";
const WEBHOOKS: &str = "SELECT id, set_by FROM webhooks WHERE tenant_id = $1 AND set_by = $2 ORDER BY id";
const ROLES: &str = "SELECT name, permissions, set_by FROM roles WHERE tenant_id = $1 AND set_by = $2 ORDER BY name";

const ADOPT_DEPLOYMENT: &str = "
    UPDATE active_versions SET deployed_by = $1 WHERE tenant_id = $2 AND script_id = $3 AND deployed_by = $4";
const ADOPT_VERSIONS: &str = "
    UPDATE script_versions SET adopted_by = $1
    WHERE tenant_id = $2 AND script_id = $3 AND COALESCE(adopted_by, author) = $4";
// What was accepted under a binding goes over with it. A retry has the binding of what it runs again.
const ADOPT_ACCEPTED: &str = "
    UPDATE executions SET binding_user_id = $1
    WHERE tenant_id = $2 AND binding_user_id = $3 AND triggered_by IN ($4, 'retry') AND id IN (
        SELECT execution_id FROM execution_queue WHERE tenant_id = $2 AND script_id = $5)";
const ADOPT_SECRET: &str = "
    UPDATE endpoint_secrets SET set_by = $1
    WHERE tenant_id = $2 AND script_id = $3 AND slot = $4 AND set_by = $5";
const ADOPT_PROVIDER: &str = "
    UPDATE identity_providers SET set_by = $1, revision = $2 WHERE tenant_id = $3 AND id = $4 AND set_by = $5";
const ADOPT_ENDPOINT: &str = "
    UPDATE endpoints SET set_by = $1 WHERE tenant_id = $2 AND script_id = $3 AND set_by = $4";
const ADOPT_SCHEDULE: &str = "
    UPDATE schedules SET set_by = $1, revision = $2 WHERE tenant_id = $3 AND id = $4 AND set_by = $5";
const ADOPT_SUBSCRIPTION: &str = "
    UPDATE subscriptions SET set_by = $1 WHERE tenant_id = $2 AND id = $3 AND set_by = $4";
const ADOPT_HOOK: &str = "
    UPDATE hook_bindings SET set_by = $1
    WHERE tenant_id = $2 AND point = $3 AND script_id = $4 AND set_by = $5";
const ADOPT_WEBHOOK: &str = "
    UPDATE webhooks SET set_by = $1, revision = $2 WHERE tenant_id = $3 AND id = $4 AND set_by = $5";
const ADOPT_ROLE: &str = "
    UPDATE roles SET set_by = $1, revision = $2 WHERE tenant_id = $3 AND name = $4 AND set_by = $5";

/// Something that has nobody's rights but those of whoever set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The version of a script that runs.
    Deployment,
    /// A version of a script that runs no more, and that something was accepted for before.
    Version(u32),
    /// Where a script answers.
    Endpoint(EndpointAuthentication),
    /// What requests to a script are signed with.
    EndpointSecret(SecretSlot),
    /// When a script runs by itself.
    Schedule(ScheduleId),
    /// Which events a script runs on.
    Subscription(SubscriptionId),
    /// A script at an extension point.
    Hook(HookPoint),
    /// Where events are sent.
    Webhook(WebhookId),
    /// A role, with what it was given.
    Role(RoleName, Permissions),
    /// By what people sign in, with all that its roles give.
    Provider(IdentityProviderId, Permissions),
}

/// Such a thing, and whose rights it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What it is.
    pub binding: Binding,
    /// Whose rights it has.
    pub set_by: Option<UserId>,
    /// The script, where it is one's.
    pub script: Option<BoundScript>,
}

/// The script of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundScript {
    /// The script.
    pub id: ScriptId,
    /// Its name.
    pub name: ScriptName,
    /// What its deployed version may reach, or would if the draft were deployed now.
    pub capabilities: Capabilities,
}

/// Things that are to live by somebody else's rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// Whose rights they have from now on.
    pub by: UserId,
    /// The things, as they were read: one that was set anew meanwhile stays as it is.
    pub things: Vec<Bound>,
}

impl BoundScript {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let name: String = row.get("script_name")?;
        Ok(Self {
            id: word(row, "script_id")?,
            name: ScriptName::parse(&name).map_err(unreadable)?,
            capabilities: capabilities_from_json(row.get_ref("capabilities")?.as_str()?)?,
        })
    }
}

/// Of whom, or of what, bindings are asked for.
enum Of {
    Member(UserId),
    Script(ScriptId),
}

impl Of {
    /// The end of a statement whose first parameter is the tenant, with the second one in it. `setter` is the column of
    /// whoever set the thing.
    fn condition(&self, setter: &str) -> (String, String) {
        match self {
            Self::Member(user) => (format!(" AND {setter} = $2 ORDER BY scripts.name"), user.to_string()),
            Self::Script(script) => (String::from(" AND scripts.id = $2 ORDER BY scripts.name"), script.to_string()),
        }
    }
}

impl Database {
    /// Everything that lives by a member's rights, scripts first.
    pub fn bindings_of_member(&self, tenant: TenantId, user: UserId) -> Result<Vec<Bound>, DatabaseError> {
        self.read(|connection| {
            let mut bound = of_scripts(connection, tenant, &Of::Member(user))?;
            let key = [tenant.to_string(), user.to_string()];
            let mut statement = connection.prepare_cached(WEBHOOKS)?;
            let webhooks = statement.query_map(key.clone(), |row| {
                Ok(Bound { binding: Binding::Webhook(word(row, "id")?), set_by: Some(user), script: None })
            })?;
            bound.extend(webhooks.collect::<rusqlite::Result<Vec<Bound>>>()?);
            let mut statement = connection.prepare_cached(ROLES)?;
            let roles = statement.query_map(key.clone(), |row| {
                let name = RoleName::parse(row.get_ref("name")?.as_str()?).map_err(unreadable)?;
                let binding = Binding::Role(name, permissions(row, "permissions")?);
                Ok(Bound { binding, set_by: Some(user), script: None })
            })?;
            bound.extend(roles.collect::<rusqlite::Result<Vec<Bound>>>()?);
            bound.extend(providers(connection, tenant, user)?);
            Ok(bound)
        })
    }

    /// What of a script lives by somebody's rights, whoever's: its deployment first.
    pub fn bindings_of_script(&self, tenant: TenantId, script: ScriptId) -> Result<Vec<Bound>, DatabaseError> {
        self.read(|connection| of_scripts(connection, tenant, &Of::Script(script)))
    }

    /// What a script may reach: its deployed version, or what that would be if the draft were deployed now. `None` where
    /// there is no such script.
    pub fn capabilities_of(&self, tenant: TenantId, script: ScriptId) -> Result<Option<Capabilities>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(CAPABILITIES)?;
            let found = statement.query_row([tenant.to_string(), script.to_string()], |row| {
                capabilities_from_json(row.get_ref("capabilities")?.as_str()?)
            });
            Ok(found.optional()?)
        })
    }

    /// Let things live by somebody else's rights.
    ///
    /// # Errors
    /// Only what a write can always fail by.
    pub async fn adopt(&self, tenant: TenantId, adoption: Adoption) -> Result<(), DatabaseError> {
        self.write(move |work| {
            adopt(work, tenant, Some(&adoption))?;
            crate::roles::refresh(work, tenant)
        })
        .await
    }
}

/// Let things live by somebody else's rights, in a write of the caller's.
pub(crate) fn adopt(work: &Work<'_>, tenant: TenantId, adoption: Option<&Adoption>) -> Result<(), DatabaseError> {
    let Some(Adoption { by, things }) = adoption else { return Ok(()) };
    for bound in things {
        if let Some(before) = bound.set_by {
            adopt_one(work, tenant, bound, (*by, before))?;
        }
    }
    Ok(())
}

fn adopt_one(
    work: &Work<'_>,
    tenant: TenantId,
    bound: &Bound,
    (by, before): (UserId, UserId),
) -> Result<(), DatabaseError> {
    let (tenant, by, before) = (tenant.to_string(), by.to_string(), before.to_string());
    let script = bound.script.as_ref().map(|script| script.id.to_string()).unwrap_or_default();
    let run = |statement: &str, parameters: &[&dyn rusqlite::ToSql]| {
        work.connection.prepare_cached(statement)?.execute(parameters)
    };
    match &bound.binding {
        Binding::Deployment => run(ADOPT_DEPLOYMENT, params![by, tenant, script, before])?,
        Binding::Version(_) => 0,
        Binding::Endpoint(_) => run(ADOPT_ENDPOINT, params![by, tenant, script, before])?,
        Binding::EndpointSecret(slot) => run(ADOPT_SECRET, params![by, tenant, script, slot.as_str(), before])?,
        Binding::Schedule(id) => run(ADOPT_SCHEDULE, params![by, work.revision, tenant, id.to_string(), before])?,
        Binding::Subscription(id) => run(ADOPT_SUBSCRIPTION, params![by, tenant, id.to_string(), before])?,
        Binding::Hook(point) => run(ADOPT_HOOK, params![by, tenant, point.as_str(), script, before])?,
        Binding::Webhook(id) => run(ADOPT_WEBHOOK, params![by, work.revision, tenant, id.to_string(), before])?,
        Binding::Role(name, _) => run(ADOPT_ROLE, params![by, work.revision, tenant, name.as_str(), before])?,
        Binding::Provider(id, _) => run(ADOPT_PROVIDER, params![by, work.revision, tenant, id.to_string(), before])?,
    };
    if matches!(bound.binding, Binding::Deployment | Binding::Version(_)) {
        run(ADOPT_VERSIONS, params![by, tenant, script, before])?;
    }
    if let Some(trigger) = trigger_of(&bound.binding) {
        run(ADOPT_ACCEPTED, params![by, tenant, before, trigger.as_str(), script])?;
    }
    Ok(())
}

/// What the executions say that a binding has accepted.
fn trigger_of(binding: &Binding) -> Option<Trigger> {
    match binding {
        Binding::Endpoint(_) => Some(Trigger::Endpoint),
        Binding::Schedule(_) => Some(Trigger::Cron),
        Binding::Subscription(_) => Some(Trigger::Event),
        Binding::Hook(_) => Some(Trigger::Embedded),
        Binding::Deployment
        | Binding::Version(_)
        | Binding::EndpointSecret(_)
        | Binding::Webhook(_)
        | Binding::Role(..)
        | Binding::Provider(..) => None,
    }
}

/// The providers that a member set, each with all that its roles give now.
fn providers(connection: &Connection, tenant: TenantId, user: UserId) -> Result<Vec<Bound>, DatabaseError> {
    let set = crate::providers::list(connection, tenant)?.into_iter().filter(|provider| provider.set_by == Some(user));
    let set: Vec<IdentityProvider> = set.collect();
    if set.is_empty() {
        return Ok(Vec::new());
    }
    let roles = Roles::read(connection, tenant)?;
    let bound = set.into_iter().map(|provider| {
        let given = provider.rules.iter().map(|rule| &rule.role).chain(&provider.default_role);
        let rights = given.map(|role| roles.rights(role).unwrap_or(Permissions::NONE));
        let rights = rights.fold(Permissions::NONE, Permissions::union);
        Bound { binding: Binding::Provider(provider.id, rights), set_by: Some(user), script: None }
    });
    Ok(bound.collect())
}

fn of_scripts(connection: &Connection, tenant: TenantId, of: &Of) -> Result<Vec<Bound>, DatabaseError> {
    let list = |(statement, setter): (&str, &str), binding: fn(&Row<'_>) -> rusqlite::Result<Binding>| {
        let (condition, key) = of.condition(setter);
        let mut statement = connection.prepare_cached(&format!("{statement}{condition}"))?;
        let rows = statement.query_map([tenant.to_string(), key], |row| {
            let (set_by, script) = (optional_word(row, "set_by")?, Some(BoundScript::from_row(row)?));
            Ok(Bound { binding: binding(row)?, set_by, script })
        })?;
        rows.collect::<rusqlite::Result<Vec<Bound>>>()
    };
    let version_setter = "COALESCE(script_versions.adopted_by, script_versions.author)";
    let mut bound = list((DEPLOYMENTS, "active_versions.deployed_by"), |_| Ok(Binding::Deployment))?;
    bound.extend(list((ACCEPTED, version_setter), |row| Ok(Binding::Version(small_count(row, "number")?)))?);
    bound.extend(list((ENDPOINTS, "endpoints.set_by"), |row| Ok(Binding::Endpoint(word(row, "authentication")?)))?);
    bound.extend(list((ENDPOINT_SECRETS, "endpoint_secrets.set_by"), |row| {
        Ok(Binding::EndpointSecret(word(row, "slot")?))
    })?);
    bound.extend(list((SCHEDULES, "schedules.set_by"), |row| Ok(Binding::Schedule(word(row, "id")?)))?);
    bound.extend(list((SUBSCRIPTIONS, "subscriptions.set_by"), |row| Ok(Binding::Subscription(word(row, "id")?)))?);
    bound.extend(list((HOOKS, "hook_bindings.set_by"), |row| {
        Ok(Binding::Hook(HookPoint::parse(row.get_ref("point")?.as_str()?).map_err(unreadable)?))
    })?);
    Ok(bound)
}
