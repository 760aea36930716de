//! Services as whoever writes scripts sees them: the tenant's collections and the operator's services in one list.

use domain::{Permission, Principal};

use super::ServiceMethod;
use crate::{App, AppError};

/// A service that a tenant's scripts can call.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedService {
    /// Its name.
    pub name: String,
    /// Whether it is a collection of documents that are kept here.
    pub is_collection: bool,
    /// What there is to call.
    pub methods: Vec<ServiceMethod>,
}

impl App {
    /// Every service that the tenant's scripts can call, by name. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn described_services(&self, principal: &Principal) -> Result<Vec<DescribedService>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let collections = self.collections(principal)?.into_iter();
        let collections = collections.map(|(name, methods)| DescribedService { name, is_collection: true, methods });
        let connected = self.inner.services.iter().map(|(name, service)| {
            let methods = service.methods().to_vec();
            DescribedService { name: name.to_owned(), is_collection: false, methods }
        });
        let mut services: Vec<DescribedService> = collections.chain(connected).collect();
        services.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(services)
    }

    /// One service. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn described_service(&self, principal: &Principal, name: &str) -> Result<DescribedService, AppError> {
        let services = self.described_services(principal)?;
        services.into_iter().find(|service| service.name == name).ok_or(AppError::NotFound { what: "service" })
    }
}
