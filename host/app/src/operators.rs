//! What whoever runs the deployment does: tokens of the deployment's own, users, tenants and plans.
//!
//! An operator reaches no row of any tenant: what a tenant has is told in numbers, and its first admin is invited.

mod plans;
mod tenants;
#[cfg(test)]
mod tests;
mod tokens;
mod users;

use std::{fmt, sync::Arc, time::Duration};

use database::OperatorGrant;
use domain::TokenId;
use moka::sync::Cache;

pub use plans::{PlanInput, PlanPatch};
pub use tenants::{NewTenantInput, TenantPatch, TenantView};
pub use users::{NewUserInput, UserPatch, UserView};

use crate::{ExecutionService, Inner, InvitationService};

/// How old the rights behind a token may be (RULES 14).
const STALE_MAX: Duration = Duration::from_millis(500);

/// How many tokens' rights are kept at once.
const GRANTS_MAX: u64 = 1_000;

/// The most items of one page.
const PAGE_MAX: u32 = 1_000;

/// Whoever runs the deployment, and what they do.
#[derive(Clone)]
pub struct OperatorService {
    inner: Arc<Inner>,
    invitations: InvitationService,
    executions: ExecutionService,
    grants: Cache<TokenId, Arc<OperatorGrant>>,
}

impl OperatorService {
    pub(crate) fn new(inner: Arc<Inner>, invitations: InvitationService, executions: ExecutionService) -> Self {
        let grants = Cache::builder().max_capacity(GRANTS_MAX).time_to_live(STALE_MAX).build();
        Self { inner, invitations, executions, grants }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}

impl fmt::Debug for OperatorService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorService").finish_non_exhaustive()
    }
}
