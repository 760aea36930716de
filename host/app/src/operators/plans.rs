//! Plans: what tenants may have and use, under a name.

use database::{DatabaseError, Plan, PlanSetting};
use domain::{AuditAction, Limits, Operator, PlanQuotas, RoleName, UnixMillis};

use super::{OperatorService, PAGE_MAX};
use crate::{AppError, roles::check_description, scripts::check_limits};

/// A plan to be made. Its name has the form of a role's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanInput {
    /// Its name.
    pub name: RoleName,
    /// What it is for: at most 500 characters.
    pub description: String,
    /// The limits of an execution, each within the system's; `None` where those stand.
    pub limits: Option<Limits>,
    /// The quotas; where one says nothing the deployment's stands.
    pub quotas: PlanQuotas,
}

/// A change of a plan; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanPatch {
    /// What it is for.
    pub description: Option<String>,
    /// The limits of an execution.
    pub limits: Option<Option<Limits>>,
    /// The quotas, whole.
    pub quotas: Option<PlanQuotas>,
}

impl OperatorService {
    /// A page of plans by name, behind `after`.
    ///
    /// # Errors
    /// Only what a read can always fail by.
    pub fn plans(&self, _operator: &Operator, after: Option<&str>, limit: u32) -> Result<Vec<Plan>, AppError> {
        Ok(self.inner.database.list_plans(after, limit.min(PAGE_MAX))?)
    }

    /// One plan.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn plan(&self, _operator: &Operator, name: &str) -> Result<Plan, AppError> {
        self.inner.database.plan(name).map_err(of_plan)
    }

    /// Make a plan.
    ///
    /// # Errors
    /// [`AppError::NameTaken`], [`AppError::Invalid`].
    pub async fn create_plan(&self, operator: &Operator, input: PlanInput) -> Result<Plan, AppError> {
        let name = input.name.to_string();
        let setting = PlanSetting {
            name: name.clone(),
            description: input.description,
            limits: input.limits,
            quotas: input.quotas,
            now: UnixMillis::now(),
        };
        self.check_plan(&setting)?;
        let database = self.inner.audited(operator, AuditAction::PlansCreate, &name);
        match database.create_plan(setting).await {
            Err(DatabaseError::NameTaken) => Err(AppError::NameTaken { name }),
            made => {
                made?;
                self.plan(operator, &name)
            }
        }
    }

    /// Change a plan; it holds for its tenants at once.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Stale`], [`AppError::Invalid`].
    pub async fn change_plan(
        &self,
        operator: &Operator,
        name: &str,
        expected_revision: Option<i64>,
        patch: PlanPatch,
    ) -> Result<Plan, AppError> {
        let before = self.plan(operator, name)?;
        let setting = PlanSetting {
            name: before.name,
            description: patch.description.unwrap_or(before.description),
            limits: patch.limits.unwrap_or(before.limits),
            quotas: patch.quotas.unwrap_or(before.quotas),
            now: UnixMillis::now(),
        };
        self.check_plan(&setting)?;
        let database = self.inner.audited(operator, AuditAction::PlansUpdate, name);
        let expected = Some(expected_revision.unwrap_or(before.revision));
        database.change_plan(setting, expected).await.map_err(of_plan)?;
        self.plan(operator, name)
    }

    /// Delete a plan that no tenant is on.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Stale`]; [`AppError::Refused`] where a tenant is on it.
    pub async fn delete_plan(
        &self,
        operator: &Operator,
        name: &str,
        expected_revision: Option<i64>,
    ) -> Result<(), AppError> {
        let database = self.inner.audited(operator, AuditAction::PlansDelete, name);
        database.delete_plan(name.to_owned(), expected_revision).await.map_err(of_plan)
    }

    fn check_plan(&self, plan: &PlanSetting) -> Result<(), AppError> {
        check_description(&plan.description)?;
        if let Some(limits) = &plan.limits {
            check_limits(limits, &self.inner.config.limits)?;
        }
        Ok(check_quotas(&plan.quotas)?)
    }
}

/// Check quotas: nobody's is so small that nothing can begin, or so large that it cannot be counted.
pub(super) fn check_quotas(quotas: &PlanQuotas) -> Result<(), domain::Invalid> {
    const COUNT_MAX: u64 = 1 << 53;
    let counts = [
        ("quotas.concurrent_executions", quotas.concurrent_executions.map(u64::from)),
        ("quotas.queued_executions", quotas.queued_executions),
        ("quotas.executions_per_minute", quotas.executions_per_minute),
        ("quotas.fuel_per_day", quotas.fuel_per_day),
        ("quotas.storage_bytes", quotas.storage_bytes),
        ("quotas.scripts", quotas.scripts),
        ("quotas.schedules", quotas.schedules),
        ("quotas.requests_per_minute", quotas.requests_per_minute),
    ];
    let wrong = counts.iter().find(|(_, count)| count.is_some_and(|count| !(1..=COUNT_MAX).contains(&count)));
    match wrong {
        Some((field, _)) => Err(domain::Invalid::new(field, format!("a quota is 1 to {COUNT_MAX}"))),
        None => Ok(()),
    }
}

fn of_plan(error: DatabaseError) -> AppError {
    AppError::missing("plan", error)
}
