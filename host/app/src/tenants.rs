//! Tenants, as whoever runs the deployment makes them.

use domain::{PlanQuotas, TenantId, TenantSlug};

use crate::{App, AppError, IssuedToken};

impl App {
    /// Make a tenant with the operator as its first member, and the collections that each tenant has. Whoever can call
    /// this holds the data and its key already.
    ///
    /// # Errors
    /// [`AppError::NameTaken`] where the slug is or was another tenant's.
    pub async fn create_tenant(&self, slug: &TenantSlug, name: &str) -> Result<(TenantId, IssuedToken), AppError> {
        if self.inner.database.tenant_by_slug(slug)?.is_some() {
            return Err(AppError::NameTaken { name: slug.to_string() });
        }
        let operator = self.operator().await?;
        let tenant = self.tenant_with_member(slug, name, operator).await?;
        Ok((tenant, self.operator_token(slug).await?))
    }

    /// The tenant of a slug, for whoever holds the data and its key.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn tenant_id(&self, slug: &TenantSlug) -> Result<TenantId, AppError> {
        let tenant = self.inner.database.tenant_by_slug(slug)?.ok_or(AppError::NotFound { what: "tenant" })?;
        Ok(tenant.id)
    }

    /// Give a tenant the quotas of a plan; where it says nothing the deployment's stand.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn set_quotas(&self, tenant: TenantId, quotas: PlanQuotas) -> Result<(), AppError> {
        Ok(self.inner.database.set_tenant_quotas(tenant, quotas).await?)
    }
}
