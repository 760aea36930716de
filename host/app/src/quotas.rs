//! The quotas of tenants: executions at once and in a minute, fuel of a day, what waits.
//!
//! What bounds a tenant is its plan's, or the deployment's where the plan says nothing. Nothing is granted from memory
//! alone (RULES 44): fuel is reserved in the database before it is used, and a minute's count begins with what the
//! database knows of that minute.

mod fuel;
mod minute;

use std::{sync::Arc, time::Duration};

use database::Tenant;
use domain::{Quotas, TenantId, UnixMillis};
use runtime::MAPPING_FUEL;

pub(crate) use fuel::{FuelBudgets, Reservation};
pub(crate) use minute::Minutes;

use crate::{
    AppError, Inner,
    admission::{Lane, Permit},
};

/// What a run needs of its tenant's quotas before it begins.
pub(crate) struct Allowed {
    /// Its slot.
    pub(crate) permit: Permit,
    /// Its fuel.
    pub(crate) fuel: Reservation,
}

impl Inner {
    /// The quotas of a tenant.
    pub(crate) fn quotas(&self, tenant: &Tenant) -> Quotas {
        self.config.quotas().with(&tenant.quotas)
    }

    /// See that something of the tenant's may begin that uses at most `fuel`, and wait for a slot for it.
    ///
    /// # Errors
    /// [`AppError::Quota`] names the quota that is used up, its size and when to come back; [`AppError::Overloaded`].
    pub(crate) async fn allow(self: &Arc<Self>, tenant: &Tenant, lane: Lane, fuel: u64) -> Result<Allowed, AppError> {
        let quotas = self.quotas(tenant);
        // The slot first: what waits for one holds nothing of the tenant's fuel.
        let permit = self.admission.admit(tenant.id, lane, quotas.concurrent_executions).await?;
        let fuel = self.fuel.reserve(&self.database, (tenant.id, quotas.fuel_per_day), set_aside(fuel)).await?;
        Ok(Allowed { permit, fuel })
    }

    /// The same for an execution, which counts in its minute.
    ///
    /// # Errors
    /// As [`Self::allow`].
    pub(crate) async fn allow_execution(
        self: &Arc<Self>,
        tenant: &Tenant,
        lane: Lane,
        fuel: u64,
    ) -> Result<Allowed, AppError> {
        let allowed = self.allow(tenant, lane, fuel).await?;
        if let Some(limit) = self.quotas(tenant).executions_per_minute {
            self.minutes.count(&self.database, tenant.id, limit, UnixMillis::now())?;
        }
        Ok(allowed)
    }

    /// As [`Self::allow`], for work of a tenant of which only the id is at hand.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn allow_work(self: &Arc<Self>, tenant: TenantId, fuel: u64) -> Result<Allowed, AppError> {
        let tenant = self.database.tenant(tenant)?;
        self.allow(&tenant, Lane::Direct, fuel).await
    }
}

/// Fuel that is set aside for a run that uses at most `fuel`: what reading the stack of its failure takes is the tenant's
/// too.
pub(crate) fn set_aside(fuel: u64) -> u64 {
    fuel.saturating_add(MAPPING_FUEL)
}

/// The quota `name` of size `limit` is used up until `retry_after` is over.
fn used_up(quota: &'static str, limit: u64, retry_after: Duration) -> AppError {
    AppError::Quota { quota, limit, retry_after }
}
