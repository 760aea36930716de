//! What is to be run: which version of which script, for whom, with what.

use std::sync::Arc;

use database::{ScriptSummary, StartRow, Tenant, TenantStatus};
use domain::{
    Actor, ExecutionId, Lineage, OnInterrupt, Permissions, ScriptId, ScriptKind, TenantId, Trigger, UnixMillis, UserId,
    VersionId,
};
use runtime::{Header, Input, Request};

use super::{
    acting::{Acting, Asker},
    sent::SentRequests,
    terms::Terms,
};
use crate::{AppError, Inner, admission::Lane, scripts::ScriptRef};

/// A script as far as running it goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) tenant: Tenant,
    pub(crate) script: ScriptSummary,
    pub(crate) version: VersionId,
}

/// One execution that is to be.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) execution: ExecutionId,
    pub(crate) target: Target,
    pub(crate) trigger: Trigger,
    pub(crate) actor: Actor,
    pub(crate) acting: Acting,
    /// The intersection of the rights of everybody it acts for (RULES 13), as they were when it was asked for.
    pub(crate) rights: Permissions,
    pub(crate) input: Input,
    pub(crate) accepted_at: UnixMillis,
    /// Which chain of executions it belongs to: one of its own, unless a request of another's led to it (RULES 35).
    pub(crate) lineage: Lineage,
    /// Which attempt this is, from 1.
    pub(crate) attempt: u32,
    /// The execution that a person has run again as this one.
    pub(crate) retry_of: Option<ExecutionId>,
    /// What its attempts before this one have sent.
    pub(crate) sent_before: SentRequests,
    /// How the queue has it; `None` for one that never waited there.
    pub(crate) held: Option<Held>,
    /// What whoever waits for it asks of it beside its limits.
    pub(crate) terms: Terms,
}

/// How the queue has an execution that it gave to this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// The fencing token.
    pub(crate) fence: i64,
    /// Attempts that failed by themselves before this one.
    pub(crate) failures: u32,
    /// How often the server ended with it, or failed at it.
    pub(crate) rescues: u32,
    /// Attempts in all.
    pub(crate) max_attempts: u32,
    /// What becomes of it when this process ends first.
    pub(crate) on_interrupt: OnInterrupt,
}

impl Target {
    /// The deployed version of an active script.
    pub(crate) fn of_script(inner: &Arc<Inner>, tenant: TenantId, script: &ScriptRef) -> Result<Self, AppError> {
        let script = script.find(&inner.database, tenant)?.summary;
        if !script.is_active {
            return Err(AppError::Paused);
        }
        let deployed = script.deployed.ok_or(AppError::NotDeployed)?;
        if inner.has_left(tenant, deployed.deployed_by)? {
            return Err(AppError::Orphaned);
        }
        let version = deployed.id;
        Ok(Self { tenant: active_tenant(inner, tenant)?, script, version })
    }

    /// A given version, as an execution keeps it through all its attempts.
    pub(crate) fn of_version(
        inner: &Arc<Inner>,
        tenant: TenantId,
        script: ScriptId,
        version: VersionId,
    ) -> Result<Self, AppError> {
        let script = inner.database.script(tenant, script)?.summary;
        Ok(Self { tenant: active_tenant(inner, tenant)?, script, version })
    }

    /// Whom a run acts for that `asker` made happen. Work that was accepted before another version was activated does
    /// not get that one's rights: it has those of its own version's author, or of whoever adopted that version.
    pub(crate) fn acting(&self, inner: &Inner, asker: Asker) -> Result<Acting, AppError> {
        let deployer = match self.script.deployed.filter(|deployed| deployed.id == self.version) {
            Some(deployed) => deployed.deployed_by,
            None => {
                let version = inner.database.version(self.tenant.id, self.version)?.summary;
                version.adopted_by.or(version.author)
            }
        };
        Ok(Acting { tenant: self.tenant.id, deployer, asker })
    }

    /// The entry's argument from a caller's JSON. An endpoint script takes a request, also when it is run by hand: an
    /// object with `method`, `url`, `headers` and `body` describes one, anything else is the body of a `POST`.
    pub(crate) fn input(&self, json: String) -> Input {
        match self.script.kind {
            ScriptKind::Endpoint => Input::Request(request_of(&json)),
            _ => Input::Json(json),
        }
    }
}

impl Order {
    /// A new execution.
    pub(crate) fn new(
        target: Target,
        (trigger, actor): (Trigger, Actor),
        (acting, rights): (Acting, Permissions),
        input: Input,
    ) -> Self {
        let execution = ExecutionId::generate();
        let lineage = Lineage::begun_by(target.tenant.id, execution);
        Self {
            execution,
            target,
            trigger,
            actor,
            acting,
            rights,
            input,
            accepted_at: UnixMillis::now(),
            lineage,
            attempt: 1,
            retry_of: None,
            sent_before: SentRequests::default(),
            held: None,
            terms: Terms::default(),
        }
    }

    /// The chain that it goes on with; `None` where it began its own.
    pub(crate) fn continued(&self) -> Option<Lineage> {
        (self.lineage.hop > 0).then_some(self.lineage)
    }

    /// Whether somebody waits for it.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.held.is_none()
    }

    /// The way on which it comes to its slot.
    pub(crate) fn lane(&self) -> Lane {
        match (self.trigger, self.actor) {
            _ if self.held.is_some() => Lane::Background,
            (Trigger::Embedded, _) => Lane::Hook,
            (Trigger::Endpoint, Actor::PublicCaller) => Lane::Public,
            _ => Lane::Direct,
        }
    }

    /// The same as a part of a chain that another execution began.
    pub(crate) fn continuing(self, lineage: Option<Lineage>) -> Self {
        Self { lineage: lineage.unwrap_or(self.lineage), ..self }
    }

    /// The same for somebody who waits for it on these terms.
    pub(crate) fn on(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    pub(crate) fn start_row(&self, epoch: i64, input: Option<Vec<u8>>) -> StartRow {
        StartRow {
            tenant: self.target.tenant.id,
            execution: self.execution,
            script: self.target.script.id,
            version: self.target.version,
            trigger: self.trigger,
            actor: self.actor,
            binding: self.acting.asker.binding(),
            retry_of: self.retry_of,
            attempt: self.attempt,
            owner_epoch: epoch,
            input,
            accepted_at: self.accepted_at,
            started_at: self.accepted_at,
            reserved_fuel: 0,
        }
    }
}

/// The rights of a member as they are now; none for somebody who is none any more.
pub(crate) fn member_rights(inner: &Inner, tenant: TenantId, user: Option<UserId>) -> Result<Permissions, AppError> {
    let Some(user) = user else { return Ok(Permissions::NONE) };
    let membership = inner.database.membership(tenant, user)?;
    Ok(membership.map_or(Permissions::NONE, |membership| membership.rights()))
}

fn active_tenant(inner: &Inner, tenant: TenantId) -> Result<Tenant, AppError> {
    let tenant = inner.database.tenant(tenant)?;
    if tenant.status == TenantStatus::Active { Ok(tenant) } else { Err(AppError::NotFound { what: "tenant" }) }
}

/// A request from a caller's JSON, for an endpoint script that is run by hand.
pub(crate) fn request_of(json: &str) -> Request {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Described {
        #[serde(default)]
        method: Option<String>,
        url: String,
        #[serde(default)]
        headers: std::collections::BTreeMap<String, String>,
        #[serde(default)]
        body: Option<serde_json::Value>,
    }
    let mut request = Request {
        method: String::from("POST"),
        url: String::from("http://localhost/"),
        headers: vec![Header { name: String::from("content-type"), value: String::from("application/json") }],
        body: json.as_bytes().to_vec(),
        params: Vec::new(),
        auth: String::from(r#"{"kind":"public","id":null}"#),
    };
    if let Ok(described) = serde_json::from_str::<Described>(json) {
        let has_body = described.body.is_some();
        request.method = described.method.unwrap_or_else(|| String::from(if has_body { "POST" } else { "GET" }));
        request.url = described.url;
        request.body = match described.body {
            None => Vec::new(),
            Some(serde_json::Value::String(text)) => text.into_bytes(),
            Some(value) => value.to_string().into_bytes(),
        };
        let headers = described.headers.into_iter().map(|(name, value)| Header { name, value });
        request.headers = headers.collect();
    }
    request
}
