//! Hooks: the host application's extension points, which scripts of a tenant run at each, and running them (SPEC 4.4).
//!
//! The points are the operator's, in the configuration; which scripts run at them is the tenant's.

mod config;
mod report;
mod runs;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use database::{Binding, DatabaseError, HookBound, NewHookBinding};
use domain::{AuditAction, HookPoint, Invalid, Permission, Principal, ScriptKind, UnixMillis};
use serde_json::json;

pub use config::{HookConfig, OnFailure};
pub use database::HookBinding;
pub use report::{HookEnd, HookNotRun, HookOutcome, HookReport, HookResult, HookScript, NotRunReason};

use crate::{AppError, Inner, chains::Chain, executions::ExecutionService, scripts::ScriptRef};

/// The most scripts of a tenant at one point: they share its deadline.
const SCRIPTS_OF_A_POINT_MAX: u32 = 20;

/// Runs hooks, and says which scripts run at them.
#[derive(Clone)]
pub struct HookService {
    inner: Arc<Inner>,
    executions: ExecutionService,
}

/// An extension point that the configuration declares.
#[derive(Clone, Debug)]
pub struct DeclaredHook {
    /// Its name.
    pub point: HookPoint,
    /// What the configuration says of it.
    pub config: HookConfig,
}

impl fmt::Debug for HookService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookService").finish_non_exhaustive()
    }
}

impl HookService {
    pub(crate) fn new(inner: Arc<Inner>, executions: ExecutionService) -> Self {
        Self { inner, executions }
    }

    /// The same for a request that an execution of this deployment sent: what it starts goes on with that one's chain.
    #[must_use]
    pub fn continuing(&self, chain: Option<&Chain>) -> Self {
        Self { inner: Arc::clone(&self.inner), executions: self.executions.continuing(chain) }
    }

    /// Every declared point, by name. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn points(&self, principal: &Principal) -> Result<Vec<DeclaredHook>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let declared = self.inner.config.hooks.iter();
        Ok(declared.map(|(point, config)| DeclaredHook { point: point.clone(), config: config.clone() }).collect())
    }

    /// The tenant's scripts that run at a point, in their order; also those that do not run now. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`] for a point that is not declared.
    pub fn bindings(&self, principal: &Principal, point: &HookPoint) -> Result<Vec<HookBinding>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        self.config(point)?;
        Ok(self.inner.database.hook_bindings(principal.tenant, point)?)
    }

    /// Let an embedded script run at a point, at this place among the others; without one it stays where it is, and a
    /// new one comes last. Whoever sets it bounds the rights of what runs there (RULES 13). Needs `scripts.deploy`,
    /// `executions.run` and every right that the script's capabilities grant. Answers whether the script did not run there
    /// before.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`]; [`AppError::Invalid`] for a script of another kind, and where the
    /// point has as many as it may have.
    pub async fn bind(
        &self,
        principal: &Principal,
        point: &HookPoint,
        script: &ScriptRef,
        position: Option<u32>,
    ) -> Result<bool, AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        // Nobody lets others start what he may not start himself (RULES 18).
        principal.require(Permission::ExecutionsRun)?;
        self.config(point)?;
        let script = script.find(&self.inner.database, principal.tenant)?.summary;
        self.inner.require_binding(principal, script.id, &Binding::Hook(point.clone()))?;
        if script.kind != ScriptKind::Embedded {
            let message =
                format!("the script is of the kind '{}': an extension point runs 'embedded' ones", script.kind);
            return Err(Invalid::new("script", message).into());
        }
        let (set_by, set_at) = (principal.user(), UnixMillis::now());
        let binding = NewHookBinding { point: point.clone(), script: script.id, position, set_by, set_at };
        let detail = json!({ "point": point.as_str(), "position": position });
        let audited = self.inner.audited_with(principal, AuditAction::HooksBind, script.id, &detail);
        match audited.put_hook_binding(principal.tenant, binding, SCRIPTS_OF_A_POINT_MAX).await {
            Ok(HookBound::New) => Ok(true),
            Ok(HookBound::Changed) => Ok(false),
            Ok(HookBound::TooMany) => {
                let message = format!("an extension point runs at most {SCRIPTS_OF_A_POINT_MAX} scripts of a tenant");
                Err(Invalid::new("script", message).into())
            }
            Err(DatabaseError::NotFound) => Err(AppError::NotFound { what: "script" }),
            Err(error) => Err(error.into()),
        }
    }

    /// Let a script not run at a point any more. Needs `scripts.deploy`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`] where it does not run there.
    pub async fn unbind(&self, principal: &Principal, point: &HookPoint, script: &ScriptRef) -> Result<(), AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        self.config(point)?;
        let script = script.find(&self.inner.database, principal.tenant)?.summary.id;
        let detail = json!({ "point": point.as_str() });
        let audited = self.inner.audited_with(principal, AuditAction::HooksUnbind, script, &detail);
        match audited.delete_hook_binding(principal.tenant, point.clone(), script).await {
            Err(DatabaseError::NotFound) => Err(AppError::NotFound { what: "binding" }),
            deleted => Ok(deleted?),
        }
    }

    /// Check that a tenant which a request names by id or slug is the principal's own.
    ///
    /// # Errors
    /// [`AppError::NotFound`], for a tenant of somebody else as for one that is not there.
    pub fn require_tenant(&self, principal: &Principal, tenant: &str) -> Result<(), AppError> {
        let own = self.inner.database.tenant(principal.tenant)?;
        let is_own = tenant == own.slug.as_str() || tenant == own.id.to_string();
        if is_own { Ok(()) } else { Err(AppError::NotFound { what: "tenant" }) }
    }

    /// Points that the configuration declares no more while scripts are bound to them, with how many there are. None of
    /// them runs; a point that is declared again has them again.
    pub(crate) fn undeclared(&self) -> Result<Vec<(HookPoint, u64)>, DatabaseError> {
        let mut bound = self.inner.database.bound_hook_points()?;
        bound.retain(|(point, _)| !self.inner.config.hooks.contains_key(point));
        Ok(bound)
    }

    fn config(&self, point: &HookPoint) -> Result<&HookConfig, AppError> {
        self.inner.config.hooks.get(point).ok_or(AppError::NotFound { what: "extension point" })
    }
}
