//! Tenants, as whoever runs the deployment makes, suspends and deletes them.

use database::{DatabaseError, NewTenant, TenantAccount, TenantChange};
use domain::{
    AuditAction, BuiltInRole, DisplayName, EmailAddress, Limits, Operator, Permissions, PlanQuotas, Quotas, RoleName,
    TenantId, TenantSlug, UnixMillis,
};
use serde_json::json;

use super::{OperatorService, PAGE_MAX, plans::check_quotas};
use crate::{
    AppError, IssuedInvitation, UsageView,
    invitations::{Inviting, invitation},
    scripts::check_limits,
};

/// A tenant to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenantInput {
    /// Its name in addresses, never used before.
    pub slug: TenantSlug,
    /// Its name for people.
    pub name: DisplayName,
    /// Its plan.
    pub plan: Option<RoleName>,
    /// Who is invited as its first admin.
    pub admin_email: EmailAddress,
}

/// A change of a tenant; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantPatch {
    /// Its name for people.
    pub name: Option<DisplayName>,
    /// Its plan.
    pub plan: Option<Option<RoleName>>,
    /// Limits of its own, above its plan's.
    pub limits: Option<Option<Limits>>,
    /// Quotas of its own, above its plan's; whole.
    pub quotas: Option<PlanQuotas>,
}

/// A tenant, as operators see one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantView {
    /// The tenant.
    pub account: TenantAccount,
    /// The quotas that hold: its own, its plan's, the deployment's.
    pub quotas: Quotas,
}

impl OperatorService {
    /// A page of tenants by slug, behind `after`; deleted ones too.
    ///
    /// # Errors
    /// Only what a read can always fail by.
    pub fn tenants(
        &self,
        _operator: &Operator,
        after: Option<&TenantSlug>,
        limit: u32,
    ) -> Result<Vec<TenantView>, AppError> {
        let accounts = self.inner.database.list_tenant_accounts(after, limit.min(PAGE_MAX))?;
        Ok(accounts.into_iter().map(|account| self.view(account)).collect())
    }

    /// One tenant.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn tenant(&self, _operator: &Operator, id: TenantId) -> Result<TenantView, AppError> {
        Ok(self.view(self.inner.database.tenant_account(id).map_err(of_tenant)?))
    }

    /// What a tenant has and uses, in numbers.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn usage(&self, _operator: &Operator, id: TenantId) -> Result<UsageView, AppError> {
        self.inner.usage(&self.inner.database.tenant(id).map_err(of_tenant)?)
    }

    /// Make a tenant with a key of its own, and invite its first admin. The invitation's secret is answered this one time.
    ///
    /// # Errors
    /// [`AppError::NameTaken`] where the slug is or was another tenant's; [`AppError::Invalid`] for an unknown plan.
    pub async fn create_tenant(
        &self,
        operator: &Operator,
        input: NewTenantInput,
    ) -> Result<(TenantView, IssuedInvitation), AppError> {
        let (id, now) = (TenantId::generate(), UnixMillis::now());
        let tenant = NewTenant {
            id,
            slug: input.slug.clone(),
            name: input.name.to_string(),
            sealed_key: self.inner.keyring.wrap_new(id).map_err(AppError::internal)?,
            limits: None,
            created_at: now,
        };
        let from = Inviting { invited_by: None, operator: operator.actor.user(), within: Permissions::all() };
        let (presented, invited) = invitation(input.admin_email, BuiltInRole::Admin.into(), from, now)?;
        let (invited_id, plan) = (invited.id, input.plan.map(|plan| plan.to_string()));
        let detail = json!({ "slug": input.slug.as_str(), "plan": plan });
        let database = self.inner.audited_with(operator, AuditAction::TenantsCreate, id, &detail);
        match database.found_tenant(tenant, plan, invited).await {
            Err(DatabaseError::NameTaken) => Err(AppError::NameTaken { name: input.slug.to_string() }),
            Err(DatabaseError::NotFound) => Err(unknown_plan()),
            made => {
                made?;
                self.inner.ensure_collections(id).await?;
                let made = self.inner.database.invitation_by_id(invited_id)?;
                let invitation = made.ok_or(AppError::NotFound { what: "invitation" })?;
                Ok((self.tenant(operator, id)?, IssuedInvitation { invitation, secret: presented.to_text() }))
            }
        }
    }

    /// Invite somebody as an admin of a tenant, as where its last one is gone.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn invite_admin(
        &self,
        operator: &Operator,
        tenant: TenantId,
        email: EmailAddress,
    ) -> Result<IssuedInvitation, AppError> {
        self.invitations.create_for(operator, tenant, email, BuiltInRole::Admin.into()).await
    }

    /// Change a tenant. Limits and quotas hold for whatever begins from now on.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Invalid`]; [`AppError::Stale`]; [`AppError::Refused`] for one that was deleted.
    pub async fn change_tenant(
        &self,
        operator: &Operator,
        id: TenantId,
        expected_revision: Option<i64>,
        patch: TenantPatch,
    ) -> Result<TenantView, AppError> {
        if let Some(limits) = patch.limits.as_ref().and_then(Option::as_ref) {
            check_limits(limits, &self.inner.config.limits)?;
        }
        patch.quotas.as_ref().map_or(Ok(()), check_quotas)?;
        let plan = patch.plan.map(|plan| plan.map(|plan| plan.to_string()));
        if let Some(Some(plan)) = &plan
            && matches!(self.inner.database.plan(plan), Err(DatabaseError::NotFound))
        {
            return Err(unknown_plan());
        }
        let change = TenantChange {
            name: patch.name.map(|name| name.to_string()),
            plan,
            limits: patch.limits,
            quotas: patch.quotas,
            suspended: None,
            expected_revision,
        };
        self.change(operator, id, change, json!({})).await
    }

    /// Let nothing of a tenant run, and tell its members why. What was accepted waits; slots of schedules are noted as
    /// skipped; what runs is cut, and goes on from the queue once it may where that gave it.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Invalid`]; [`AppError::Refused`] for one that was deleted.
    pub async fn suspend_tenant(
        &self,
        operator: &Operator,
        id: TenantId,
        reason: DisplayName,
    ) -> Result<TenantView, AppError> {
        let change = TenantChange { suspended: Some(Some(reason.to_string())), ..TenantChange::default() };
        let view = self.change(operator, id, change, json!({ "suspended": true })).await?;
        self.inner.running.cut_tenant(id);
        Ok(view)
    }

    /// Let a tenant go on that was suspended: what was accepted runs.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Refused`] for one that was deleted.
    pub async fn resume_tenant(&self, operator: &Operator, id: TenantId) -> Result<TenantView, AppError> {
        let change = TenantChange { suspended: Some(None), ..TenantChange::default() };
        let view = self.change(operator, id, change, json!({ "suspended": false })).await?;
        self.executions.wake(id);
        self.inner.events.wake();
        self.inner.webhooks.wake();
        Ok(view)
    }

    /// Delete a tenant for good: its key is destroyed, so that nothing that was sealed can be read, in backups too; what
    /// runs ends, and its rows go. The slug stays taken, and so do what it used and its audit log.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Stale`].
    pub async fn delete_tenant(
        &self,
        operator: &Operator,
        id: TenantId,
        expected_revision: Option<i64>,
    ) -> Result<(), AppError> {
        let database = self.inner.audited(operator, AuditAction::TenantsDelete, id);
        database.delete_tenant(id, expected_revision).await.map_err(of_tenant)?;
        self.inner.keyring.forget(id);
        self.inner.running.cut_tenant(id);
        self.inner.routes.changed(id);
        self.inner.events.changed(id);
        Ok(())
    }

    async fn change(
        &self,
        operator: &Operator,
        id: TenantId,
        change: TenantChange,
        detail: serde_json::Value,
    ) -> Result<TenantView, AppError> {
        let database = self.inner.audited_with(operator, AuditAction::TenantsUpdate, id, &detail);
        database.change_tenant(id, change).await.map_err(of_tenant)?;
        self.inner.routes.changed(id);
        self.tenant(operator, id)
    }

    fn view(&self, account: TenantAccount) -> TenantView {
        TenantView { quotas: self.inner.quotas(&account.tenant), account }
    }
}

fn unknown_plan() -> AppError {
    domain::Invalid::new("plan", "there is no plan of this name").into()
}

fn of_tenant(error: DatabaseError) -> AppError {
    AppError::missing("tenant", error)
}
