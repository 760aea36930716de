//! Test runs: a draft, or a source that nobody saved, run as the person who asks (RULES 12).
//!
//! A test run acts with the tester's own rights within the script's capabilities. What it writes and publishes is its own
//! and goes nowhere; requests that change something outside are not sent unless the tester says so. It takes a slot and
//! fuel as any run of the tenant, and is no execution: nothing of it is kept, no statistic counts it, and no breaker,
//! schedule or subscription hears of it.

mod reach;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Instant};

use database::VersionSummary;
use domain::{
    Capabilities, ExecutionId, Language, Limits, Permission, Permissions, Principal, RecordMode, Trigger, UnixMillis,
    VersionId,
};
use runtime::{Compiled, Diagnostic, Grants, Invocation, Journal, LogTail, Mode, Outcome, Ran, Source, SystemClock};

pub use reach::TestEffects;
use reach::TestReach;

use crate::{
    AppError, CallView, ExecutionService, Inner,
    admission::Lane,
    artifacts::Runnable,
    capabilities::{Reach, Scope, http::Ordinals},
    executions::{Acting, Asker, LiveRights, Order, Target, calls_of, sent::Sent, start},
    scripts::{ScriptRef, check_capabilities},
    secrets::Placed,
    transaction::{Transaction, lease},
};

/// What is to be tested.
#[derive(Clone, Debug)]
pub struct TestRequest {
    /// The script whose settings it runs with.
    pub script: ScriptRef,
    /// A source in place of the draft.
    pub source: Option<String>,
    /// What that source is written in; the draft's language where nothing is said.
    pub language: Option<Language>,
    /// Capabilities in place of the script's.
    pub capabilities: Option<Capabilities>,
    /// The entry's argument, as JSON text.
    pub input: String,
    /// Whether it may change something outside.
    pub effects: TestEffects,
}

/// What a test run came to.
#[derive(Debug)]
pub struct TestRun {
    /// How it ended, with its log.
    pub outcome: Outcome,
    /// What it asked for, and what it was answered.
    pub calls: Vec<CallView>,
    /// What the compiler has to say of the source.
    pub warnings: Vec<Diagnostic>,
    /// The least capabilities with which everything that it asked for would be allowed.
    pub needed: Option<Capabilities>,
}

impl ExecutionService {
    /// Run a draft, or another source, as a test. Needs `scripts.write` and `executions.run`; with effects outside, with
    /// secrets, and for services that change something also `scripts.deploy`.
    ///
    /// # Errors
    /// A failing script is no error. [`AppError::Source`] where it does not compile; [`AppError::Forbidden`];
    /// [`AppError::NotFound`]; [`AppError::Quota`]; [`AppError::Overloaded`].
    pub async fn test(&self, principal: &Principal, request: TestRequest) -> Result<TestRun, AppError> {
        principal.require(Permission::ScriptsWrite)?;
        principal.require(Permission::ExecutionsRun)?;
        if request.effects == TestEffects::Sent {
            principal.require(Permission::ScriptsDeploy)?;
        }
        request.capabilities.as_ref().map_or(Ok(()), check_capabilities)?;
        let inner = self.inner();
        let script = request.script.find(&inner.database, principal.tenant)?;
        let language = request.language.unwrap_or(script.summary.language);
        let file_name = format!("{}{}", script.summary.name, language.extension());
        let text = request.source.unwrap_or(script.draft_source);
        let compiled = inner.compile(principal.tenant, Source { file_name, language, text }).await?;
        let tenant = inner.database.tenant(principal.tenant)?;
        let target = Target { tenant, script: script.summary, version: VersionId::generate() };
        let capabilities = request.capabilities.unwrap_or_else(|| target.script.capabilities.clone());
        let input = target.input(request.input);
        // The tester stands for everybody: nobody deployed this, and nobody bound it.
        let asker = Asker::Actor(principal.actor);
        let acting = Acting { tenant: principal.tenant, deployer: principal.user(), asker };
        let rights = tester_rights(principal);
        let order = Order::new(target, (Trigger::Manual, principal.actor), (acting, rights), input);
        let trial = Trial { order: self.continued(order), capabilities, effects: request.effects };
        trial.run(inner, principal, compiled).await
    }
}

/// What a tester's run may do: secrets are for those who may deploy.
fn tester_rights(principal: &Principal) -> Permissions {
    if principal.permissions.contains(Permission::ScriptsDeploy) {
        return principal.permissions;
    }
    principal.permissions.without([Permission::SecretsUse].into_iter().collect())
}

/// One test run.
struct Trial {
    order: Order,
    capabilities: Capabilities,
    effects: TestEffects,
}

impl Trial {
    async fn run(self, inner: &Arc<Inner>, principal: &Principal, compiled: Compiled) -> Result<TestRun, AppError> {
        let runnable = Runnable { script: Arc::new(compiled.script), version: Arc::new(self.version()) };
        let limits = start::limits(inner, &self.order, &runnable);
        // Known as running, so that a stop of the server waits for it, and ends it like any other.
        let (tenant, script) = (&self.order.target.tenant, self.order.target.script.id);
        let running = inner.running.begin_test(tenant.id, script)?;
        let mut allowed = inner.allow_execution(tenant, Lane::Direct, limits.fuel).await?;
        let invocation = self.invocation(inner, principal, &runnable, limits)?;
        let invocation = Invocation { cancellation: running.cancellation(), tail: running.tail(), ..invocation };
        let sandbox = inner.sandbox.clone();
        let Ran { outcome, overhead_fuel, .. } =
            inner.guests.run(async move { sandbox.run(invocation).await }).await??;
        inner.charge(tenant.id, &mut allowed, outcome.fuel + overhead_fuel).await?;
        let journal = Journal::decode(outcome.record.as_bytes()).ok();
        Ok(TestRun {
            calls: journal.map(|journal| calls_of(&journal, true)).unwrap_or_default(),
            needed: crate::capabilities_needed(&outcome),
            warnings: compiled.warnings,
            outcome,
        })
    }

    /// The version that the draft would be.
    fn version(&self) -> VersionSummary {
        let script = &self.order.target.script;
        VersionSummary {
            id: self.order.target.version,
            script: script.id,
            number: script.deployed.map_or(0, |deployed| deployed.number) + 1,
            language: script.language,
            capabilities: self.capabilities.clone(),
            limits: script.limits,
            author: self.order.actor.user(),
            adopted_by: None,
            change_summary: String::new(),
            created_at: self.order.accepted_at,
        }
    }

    fn invocation(
        &self,
        inner: &Arc<Inner>,
        principal: &Principal,
        runnable: &Runnable,
        limits: Limits,
    ) -> Result<Invocation, AppError> {
        let (order, started_at) = (&self.order, UnixMillis::now());
        let tenant = order.target.tenant.id;
        let context = start::context(inner, order, runnable, started_at, &limits)?;
        let scope = Scope {
            script: order.target.script.id,
            script_name: order.target.script.name.to_string(),
            user: order.actor.user(),
            capabilities: self.capabilities.clone(),
            rights: order.rights,
            live_rights: LiveRights::new(order.acting, order.rights),
            deadline: Instant::now() + limits.wall_time,
            lineage: order.lineage,
            placed: Placed::default(),
            bounds: inner.bounds_of(&order.target.tenant),
            sent: Sent::default(),
        };
        let reach = Reach {
            inner: Arc::clone(inner),
            key: inner.keyring.tenant(&inner.database, tenant)?,
            lease: lease(tenant, ExecutionId::generate(), 1, inner.database.epoch()),
            transaction: Transaction::new(),
            scope: Arc::new(scope),
            ordinals: Ordinals::default(),
        };
        let may_deploy = principal.permissions.contains(Permission::ScriptsDeploy);
        Ok(Invocation {
            script: Arc::clone(&runnable.script),
            input: order.input.clone(),
            start: start::record(context, started_at)?,
            limits,
            grants: Arc::new(Grants { capabilities: self.capabilities.clone(), permissions: order.rights }),
            interfaces: Box::new(TestReach::new(reach, self.effects, may_deploy)),
            clock: Arc::new(SystemClock),
            cancellation: tokio_util::sync::CancellationToken::new(),
            record: RecordMode::Full,
            mode: Mode::Live,
            tail: LogTail::default(),
        })
    }
}
