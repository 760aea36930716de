//! One run of one file, without a tenant: `skerry run`.
//!
//! The same compiler, sandbox, limits and transaction as in a server, over a database that ends with the process.

use std::{sync::Arc, time::Instant};

use database::{CommitResult, MembershipStatus, NewScript, NewTenant, PartialCommit, PublishBounds, StartRow, User};
use domain::{
    Actor, Capabilities, ErrorKind, ExecutionId, Language, Limits, Lineage, Permissions, Principal, RecordMode,
    ScriptId, ScriptKind, ScriptName, TenantId, TenantSlug, Trigger, UnixMillis, UserId, VersionId,
};
use runtime::{Diagnostic, Failure, Grants, Input, Invocation, LogTail, Mode, Outcome, Ran, Source, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::{
    App, AppError,
    capabilities::{Reach, Scope, http::Ordinals},
    executions::{Acting, Asker, LiveRights, request_of, sent::Sent, start},
    secrets::Placed,
    transaction::{Transaction, events_full, lease, storage_full},
};

/// One run of one file.
#[derive(Clone, Debug)]
pub struct LocalRun {
    /// The name that stacks and messages show.
    pub file_name: String,
    /// What it is written in.
    pub language: Language,
    /// The source.
    pub text: String,
    /// What the script is for.
    pub kind: ScriptKind,
    /// The entry's argument, as JSON text.
    pub input: String,
    /// What it may use.
    pub limits: Limits,
}

/// How such a run ended.
#[derive(Debug)]
pub enum LocalEnd {
    /// The source does not compile.
    NotCompiled(Vec<Diagnostic>),
    /// It was run.
    Ran(Box<Outcome>),
}

impl App {
    /// Run one file. Meant for an application that was opened without data.
    ///
    /// # Errors
    /// Only where the host failed.
    pub async fn run_local(&self, run: LocalRun) -> Result<LocalEnd, AppError> {
        let principal = self.local_tenant().await?;
        let source = Source { file_name: run.file_name.clone(), language: run.language, text: run.text.clone() };
        let compiled = match self.inner.compile(principal.tenant, source).await {
            Ok(compiled) => compiled,
            Err(AppError::Source { diagnostics }) => return Ok(LocalEnd::NotCompiled(diagnostics)),
            Err(error) => return Err(error),
        };
        let execution = ExecutionId::generate();
        let lease = lease(principal.tenant, execution, 1, self.inner.database.epoch());
        let started_at = UnixMillis::now();
        let script = self.announce(&principal, &run, execution, started_at).await?;
        let transaction = Transaction::new();
        let acting = Acting { tenant: principal.tenant, deployer: None, asker: Asker::Actor(principal.actor) };
        let invocation = Invocation {
            script: Arc::new(compiled.script),
            input: match run.kind {
                ScriptKind::Endpoint => Input::Request(request_of(&run.input)),
                _ => Input::Json(run.input.clone()),
            },
            start: start::record(context(&run, execution, started_at), started_at)?,
            limits: run.limits,
            grants: Arc::new(Grants { capabilities: Capabilities::default(), permissions: principal.permissions }),
            interfaces: Box::new(Reach {
                inner: Arc::clone(&self.inner),
                key: self.inner.keyring.tenant(&self.inner.database, principal.tenant)?,
                lease,
                transaction: transaction.clone(),
                scope: Arc::new(Scope {
                    script,
                    script_name: run.file_name.clone(),
                    user: None,
                    capabilities: Capabilities::default(),
                    rights: principal.permissions,
                    live_rights: LiveRights::new(acting, principal.permissions),
                    deadline: Instant::now() + run.limits.wall_time,
                    lineage: Lineage::begun_by(principal.tenant, execution),
                    placed: Placed::default(),
                    bounds: self.local_bounds(),
                    sent: Sent::default(),
                }),
                ordinals: Ordinals::default(),
            }),
            clock: Arc::new(SystemClock),
            cancellation: CancellationToken::new(),
            record: RecordMode::Full,
            mode: Mode::Live,
            tail: LogTail::default(),
        };
        let sandbox = self.inner.sandbox.clone();
        let Ran { mut outcome, .. } = self.inner.guests.run(async move { sandbox.run(invocation).await }).await??;
        if outcome.result.is_ok()
            && let Some(failure) = self.commit_local(&transaction, lease).await?
        {
            outcome.result = Err(failure);
        }
        Ok(LocalEnd::Ran(Box::new(outcome)))
    }

    /// The rows that an execution stands on in a server, so that `storage.commit()` finds them.
    async fn announce(
        &self,
        principal: &Principal,
        run: &LocalRun,
        execution: ExecutionId,
        started_at: UnixMillis,
    ) -> Result<ScriptId, AppError> {
        let script = NewScript {
            id: ScriptId::generate(),
            name: ScriptName::parse("local")?,
            description: String::new(),
            kind: run.kind,
            language: run.language,
            draft_source: String::new(),
            capabilities: Capabilities::default(),
            limits: None,
            record: RecordMode::Off,
            policy: None,
            created_by: None,
            created_at: started_at,
            endpoint: None,
            told: None,
        };
        let start = StartRow {
            tenant: principal.tenant,
            execution,
            script: script.id,
            version: VersionId::generate(),
            trigger: Trigger::Manual,
            actor: principal.actor,
            binding: None,
            retry_of: None,
            attempt: 1,
            owner_epoch: self.inner.database.epoch(),
            input: None,
            accepted_at: started_at,
            started_at,
            reserved_fuel: 0,
        };
        let id = script.id;
        self.inner.database.create_script(principal.tenant, script).await?;
        self.inner.database.announce_execution(start);
        Ok(id)
    }

    /// What a tenant of a server may hold whose plan says nothing.
    fn local_bounds(&self) -> PublishBounds {
        let config = &self.inner.config;
        PublishBounds { storage_bytes: config.storage_limit_bytes, pending_events: config.pending_events }
    }

    /// Commit as a server would, to see whether it would.
    async fn commit_local(
        &self,
        transaction: &Transaction,
        lease: database::Lease,
    ) -> Result<Option<Failure>, AppError> {
        let effects = transaction.lock().take_effects(self.local_bounds());
        let commit = PartialCommit { lease, effects, now: UnixMillis::now() };
        Ok(match self.inner.database.commit_storage(commit).await? {
            CommitResult::Committed { .. } | CommitResult::AlreadyEnded => None,
            CommitResult::Conflict { what } => {
                Some(Failure::new(ErrorKind::Conflict, "Conflict", format!("{what} was changed meanwhile")))
            }
            CommitResult::NotANumber { key } => {
                let message = format!("storage.increment: the value of '{key}' is no number to add to");
                Some(Failure::new(ErrorKind::UserError, "TypeError", message))
            }
            CommitResult::StorageFull { limit_bytes } => {
                Some(Failure::new(ErrorKind::Quota, "Quota", storage_full(limit_bytes)))
            }
            CommitResult::EventsFull { limit } => Some(Failure::new(ErrorKind::Quota, "Quota", events_full(limit))),
        })
    }

    /// The one tenant of a local run.
    async fn local_tenant(&self) -> Result<Principal, AppError> {
        let tenant = TenantId::generate();
        let user = UserId::generate();
        let now = UnixMillis::now();
        let sealed_key = self.inner.keyring.wrap_new(tenant).map_err(AppError::internal)?;
        // Every run has a tenant of its own, also where one process makes several.
        let slug = TenantSlug::parse(&format!("local-{}", tenant.uuid().simple()))?;
        let row =
            NewTenant { id: tenant, slug, name: String::from("Local"), sealed_key, limits: None, created_at: now };
        self.inner.database.create_tenant(row).await?;
        let person = User {
            id: user,
            email: format!("{}@localhost", user.uuid().simple()),
            name: String::from("Local"),
            is_operator: false,
            created_at: now,
        };
        self.inner.database.create_user(person).await?;
        let membership = database::Membership {
            user,
            permissions: Permissions::all(),
            status: MembershipStatus::Active,
            created_at: now,
        };
        self.inner.database.put_membership(tenant, membership).await?;
        self.inner.ensure_collections(tenant).await?;
        Ok(Principal { tenant, actor: Actor::Local, permissions: Permissions::all() })
    }
}

fn context(run: &LocalRun, execution: ExecutionId, started_at: UnixMillis) -> String {
    let deadline = started_at.0.saturating_add(i64::try_from(run.limits.wall_time.as_millis()).unwrap_or(i64::MAX));
    serde_json::json!({
        "tenant": { "id": TenantId::from(uuid::Uuid::nil()).to_string(), "name": "Local" },
        "user": null,
        "script": {
            "id": ScriptId::from(uuid::Uuid::nil()).to_string(),
            "name": run.file_name,
            "kind": run.kind.as_str(),
            "version": 1,
        },
        "execution": { "id": execution.to_string(), "trigger": "manual", "attempt": 1, "deadline": deadline },
    })
    .to_string()
}
