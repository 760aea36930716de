//! Who may use a secret: resolved anew at each use, because a handle is a name and no right (RULES 6).

use domain::{HmacHash, Permission, SecretName, SecretPlacement};
use runtime::{CallError, HmacAlgorithm};
use zeroize::Zeroizing;

use super::record;
use crate::capabilities::Reach;

/// A secret that the execution may use, open.
pub(crate) struct Usable {
    name: SecretName,
    origins: Vec<String>,
    placements: Vec<SecretPlacement>,
    value: Zeroizing<Vec<u8>>,
}

impl Usable {
    /// The secret `name`, as it stands now, for the execution's script. `what` is the call, for messages.
    ///
    /// # Errors
    /// [`CallError::CapabilityDenied`] in the same words where there is no such secret and where its record does not
    /// name the script; whether an undeclared one exists is not even looked up.
    pub(crate) fn resolve(reach: &Reach, what: &str, name: &str) -> Result<Self, CallError> {
        let scope = &reach.scope;
        if !scope.capabilities.allows_secret(name) {
            let message = format!("{what}: the script's capabilities do not name the secret '{name}'");
            return Err(CallError::CapabilityDenied(message));
        }
        if !scope.rights.contains(Permission::SecretsUse) {
            let permission = Permission::SecretsUse;
            let message = format!("{what}: those the script acts for lack the permission '{permission}'");
            return Err(CallError::CapabilityDenied(message));
        }
        let denied = || {
            let message = format!("{what}: there is no secret '{name}' whose record names this script");
            CallError::CapabilityDenied(message)
        };
        let parsed = SecretName::parse(name).map_err(|_| denied())?;
        let tenant = reach.lease.tenant;
        let found = reach.inner.database.secret(tenant, &parsed).map_err(|error| unreadable(reach, &error))?;
        let secret = found.filter(|found| found.record.scripts.contains(&scope.script)).ok_or_else(denied)?;
        let value = record::open(&reach.key, tenant, &secret).map_err(|error| unreadable(reach, &error))?;
        Ok(Self { name: parsed, origins: secret.record.origins, placements: secret.record.placements, value })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The value and the secret's name, for whoever looks for it in answers.
    pub(super) fn into_value(self) -> (SecretName, Zeroizing<Vec<u8>>) {
        (self.name, self.value)
    }

    /// The value, for the header `header` (in lower case) of a request to `origin`.
    ///
    /// # Errors
    /// [`CallError::CapabilityDenied`] where the record does not allow it.
    pub(super) fn for_header(&self, origin: Option<&str>, header: &str) -> Result<&str, CallError> {
        self.placed_at(origin, &SecretPlacement::Header(header.to_owned()))
    }

    /// The value, for the field `field` of a request's body to `origin`.
    ///
    /// # Errors
    /// [`CallError::CapabilityDenied`] where the record does not allow it.
    pub(super) fn for_field(&self, origin: Option<&str>, field: &str) -> Result<&str, CallError> {
        self.placed_at(origin, &SecretPlacement::Body(field.to_owned()))
    }

    fn placed_at(&self, origin: Option<&str>, placement: &SecretPlacement) -> Result<&str, CallError> {
        let denied = |what: String| {
            CallError::CapabilityDenied(format!("http: the record of the secret '{}' {what}", self.name))
        };
        let origin = origin.ok_or_else(|| denied(String::from("allows no address that is not plain https")))?;
        if !self.origins.iter().any(|allowed| allowed == origin) {
            return Err(denied(format!("has no origin '{origin}'")));
        }
        if !self.placements.contains(placement) {
            return Err(denied(format!("has no placement '{placement}'")));
        }
        std::str::from_utf8(&self.value).map_err(|_| denied(String::from("is of a value that is no text")))
    }

    /// The key of an HMAC, where the record allows this one.
    ///
    /// # Errors
    /// [`CallError::CapabilityDenied`] where it does not.
    pub(crate) fn hmac_key(&self, what: &str, algorithm: HmacAlgorithm) -> Result<&[u8], CallError> {
        let hash = match algorithm {
            HmacAlgorithm::Sha256 => HmacHash::Sha256,
            HmacAlgorithm::Sha384 => HmacHash::Sha384,
            HmacAlgorithm::Sha512 => HmacHash::Sha512,
        };
        let is_allowed = self.placements.contains(&SecretPlacement::Hmac(hash));
        if is_allowed && self.value.len() >= record::HMAC_KEY_BYTES_MIN {
            return Ok(&self.value);
        }
        let message = format!("{what}: the record of the secret '{}' has no placement 'hmac {hash}'", self.name);
        Err(CallError::CapabilityDenied(message))
    }
}

fn unreadable(reach: &Reach, error: &dyn std::error::Error) -> CallError {
    let lease = reach.lease;
    tracing::error!(tenant.id = %lease.tenant, execution.id = %lease.execution, %error, "a secret cannot be opened");
    CallError::Unavailable(String::from("the secret cannot be read at the moment"))
}
