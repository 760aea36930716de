//! Types for whoever writes scripts: the script API's, and a tenant's own.
//!
//! The script API is described once, in `wit/script-api/` beside the contract. The declarations, the package
//! `@skerry/types` and the reference in `docs/script-api.md` are made from it; a tenant's types name its services and
//! secrets in place of "any".

mod declarations;
mod description;
mod hooks;
mod reference;
mod schema;
mod services;
mod text;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use domain::{Permission, Principal};

pub use declarations::declarations;
pub use description::{Example, Global, GlobalKind, Member, Page, Place, TypeAlias, script_api};
pub use reference::{REFERENCE_BEGIN, REFERENCE_END, reference};

use self::{
    hooks::{HOOKS, hooks_interface},
    services::{ServiceTypes, services_interface},
};
use crate::{AppError, Inner, collections::collection_methods};

/// How many secrets are named.
const SECRETS_MAX: u32 = 1_000;

/// How much of the hash says that a text is another one.
const DIGEST_CHARS: usize = 32;

/// What a tenant's scripts can reach, as TypeScript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantTypes {
    /// The declarations.
    pub text: String,
    /// Of the text, in lower-case hexadecimal: it changes when the text does.
    pub digest: String,
}

/// The types of what tenants' scripts can reach.
#[derive(Clone)]
pub struct TypeService {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for TypeService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypeService").finish_non_exhaustive()
    }
}

impl TypeService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The script API as TypeScript declarations, with the tenant's services, the extension points and, for whoever may see them, the names of
    /// its secrets.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] without the right to read scripts.
    pub fn of_tenant(&self, principal: &Principal) -> Result<TenantTypes, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let collections = self.collections(principal)?;
        let connected = self
            .inner
            .services
            .iter()
            .map(|(name, service)| ServiceTypes { name: name.to_owned(), methods: service.methods().to_vec() });
        let services: Vec<ServiceTypes> = collections.into_iter().chain(connected).collect();
        let mut own = declarations::Replacements::new();
        let mut taken = names();
        taken.insert(String::from(HOOKS));
        own.insert("Services", services_interface(&services, &mut taken));
        if let Some(names) = self.secret_names(principal)? {
            own.insert("SecretName", secret_name_type(&names));
        }
        let text = declarations::declarations_with(&own) + &hooks_interface(&self.inner.config.hooks, &mut taken);
        let digest = blake3::hash(text.as_bytes()).to_hex().chars().take(DIGEST_CHARS).collect();
        Ok(TenantTypes { text, digest })
    }

    /// The tenant's collections, with their methods.
    fn collections(&self, principal: &Principal) -> Result<Vec<ServiceTypes>, AppError> {
        let collections = self.inner.database.list_collections(principal.tenant)?;
        let described = collections.into_iter().map(|collection| {
            let schema = self.inner.collections.schema(&collection.schema)?;
            Ok(ServiceTypes { name: collection.name, methods: collection_methods(&schema) })
        });
        described.collect()
    }

    /// The names of the tenant's secrets; `None` for whoever may not see them.
    fn secret_names(&self, principal: &Principal) -> Result<Option<Vec<String>>, AppError> {
        if !principal.permissions.contains(Permission::SecretsRead) {
            return Ok(None);
        }
        let secrets = self.inner.database.list_secrets(principal.tenant, None, SECRETS_MAX)?;
        Ok(Some(secrets.into_iter().map(|secret| secret.name.as_str().to_owned()).collect()))
    }
}

/// The names as a type. Any other text is allowed too: a secret may be made after the script.
fn secret_name_type(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{} | ", text::quoted(name))).collect();
    let others = if names.is_empty() { "string" } else { "(string & {})" };
    format!("type SecretName = {}{others};", names.concat())
}

/// Every name that the declarations have already.
fn names() -> BTreeSet<String> {
    let globals = script_api().iter().flat_map(|page| page.globals.iter().map(|global| global.name.clone()));
    let types = script_api().iter().flat_map(|page| page.types.iter().map(|alias| alias.name().to_owned()));
    globals.chain(types).collect()
}
