//! A tenant's own word on outbound HTTP: which hosts its scripts may reach, of those that the operator's list names.

use std::{fmt, sync::Arc};

use domain::{AuditAction, Invalid, Permission, Principal, UnixMillis};
use serde_json::json;

use crate::{AppError, HostPattern, Inner};

/// The most entries of a tenant's list: each is compared at every request.
const HOSTS_MAX: usize = 200;

/// Reads and changes tenants' lists of hosts.
#[derive(Clone)]
pub struct EgressSettingsService {
    inner: Arc<Inner>,
}

/// Which hosts a tenant's scripts may reach, before each script's own capabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressSettings {
    /// What the tenant's list names; `None` where there is none, and the operator's stands.
    pub hosts: Option<Vec<String>>,
    /// What the operator's list names.
    pub operator_hosts: Vec<String>,
}

impl fmt::Debug for EgressSettingsService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EgressSettingsService").finish_non_exhaustive()
    }
}

impl EgressSettingsService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The lists as they stand.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] without `settings.read`.
    pub fn get(&self, principal: &Principal) -> Result<EgressSettings, AppError> {
        principal.require(Permission::SettingsRead)?;
        let config = &self.inner.config.egress;
        let mut operator_hosts: Vec<String> = config.hosts.iter().map(HostPattern::to_string).collect();
        operator_hosts.extend(config.private.iter().map(|private| private.host.clone()));
        Ok(EgressSettings { hosts: self.inner.database.egress_hosts(principal.tenant)?, operator_hosts })
    }

    /// Set the tenant's list; without one, the operator's stands. It holds for requests from now on.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] without `settings.write` and `egress.use`; [`AppError::Invalid`] names the entry.
    pub async fn set(&self, principal: &Principal, hosts: Option<Vec<String>>) -> Result<(), AppError> {
        principal.require(Permission::SettingsWrite)?;
        // Nobody opens to scripts what he may not reach himself (RULES 18).
        principal.require(Permission::EgressUse)?;
        check(hosts.as_deref().unwrap_or_default())?;
        let user = principal.actor.user();
        let detail = json!({ "hosts": hosts });
        let audited = self.inner.audited_with(principal, AuditAction::EgressUpdate, "egress", &detail);
        Ok(audited.set_egress_hosts(principal.tenant, hosts, user, UnixMillis::now()).await?)
    }
}

fn check(hosts: &[String]) -> Result<(), Invalid> {
    if hosts.len() > HOSTS_MAX {
        return Err(Invalid::new("hosts", format!("hosts has at most {HOSTS_MAX} entries, not {}", hosts.len())));
    }
    for host in hosts {
        if let Err(error) = host.parse::<HostPattern>() {
            return Err(Invalid::new("hosts", format!("'{}': {error}", host.escape_debug())));
        }
    }
    Ok(())
}
