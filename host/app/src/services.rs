//! Services: what the operator connected under `services.<name>` (SPEC section 4.5).
//!
//! A *collection* is a tenant's documents in Skerry's own database and takes part in the execution's transaction
//! (`capabilities/collections.rs`). Every other kind is a [`Service`]: it is asked outside, once, and a repeat or a
//! replay gets its recorded answer.

mod breaker;
mod described;
mod names;
mod openapi;
mod tokens;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use domain::{ExecutionId, ScriptId, TenantId, UserId};
use futures_util::future::BoxFuture;
use serde_json::Value;

pub use breaker::BreakerSettings;
pub use described::DescribedService;
pub use names::{NAME_RULE, is_service_name};
pub use openapi::{OpenApiConfig, OpenApiDocument, ServiceBase};
pub use tokens::{ServiceKey, ServiceTokenConfig};

pub(crate) use tokens::TokenSigner;

use crate::{AppConfig, AppOpenError, egress::Egress};
use openapi::OpenApiService;

/// A service of the host application: what `services.<name>.<method>(…)` reaches.
///
/// Skerry has checked the script's capabilities and the rights it acts for. The tenant is in the call and comes from
/// Skerry, never from the script.
pub trait Service: Send + Sync {
    /// What there is to call, for types, documentation and capability lists.
    fn methods(&self) -> &[ServiceMethod];

    /// What a call is aimed at. Calls of one execution with the same target are told apart by their order, others by
    /// their target, so that repeating an execution gives each the same idempotency key (RULES 37).
    fn target(&self, method: &str, _arguments: &[Value]) -> String {
        method.to_owned()
    }

    /// Whether the journal keeps what `method` is asked and answers, and not only that it was called. An execution with
    /// a call of which it does not cannot be replayed.
    fn keeps_values(&self, _method: &str) -> bool {
        true
    }

    /// Whether `method` changes nothing, so that a test may call it.
    fn is_read(&self, _method: &str) -> bool {
        false
    }

    /// Call one method. The future is dropped when the execution ends before it: the call has to stop then.
    ///
    /// # Errors
    /// [`ServiceError`], which the script sees as an error that it can catch.
    fn call(&self, call: ServiceCall) -> BoxFuture<'static, Result<Value, ServiceError>>;
}

/// One method of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceMethod {
    /// Its name in JavaScript.
    pub name: String,
    /// A sentence or two for whoever writes a script; empty where there is none.
    pub description: String,
    /// The parameters in their order.
    pub parameters: Vec<ServiceParameter>,
    /// The JSON Schema of the answer; `None` where anything may come.
    pub answer: Option<Value>,
}

/// One parameter of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceParameter {
    /// Its name, for types and messages.
    pub name: String,
    /// Whether it can be left out.
    pub is_optional: bool,
    /// The JSON Schema of the argument; `None` where anything may be passed.
    pub schema: Option<Value>,
}

/// One call of a service, and for whom it is made.
#[derive(Clone, Debug)]
pub struct ServiceCall {
    /// The tenant.
    pub tenant: TenantId,
    /// The person who triggered the execution, where there is one.
    pub user: Option<UserId>,
    /// The script.
    pub script: ScriptId,
    /// The execution.
    pub execution: ExecutionId,
    /// The method.
    pub method: String,
    /// The arguments, in their order.
    pub arguments: Vec<Value>,
    /// Equal over retries of the same call, so that the service can do it once (RULES 37).
    pub idempotency_key: String,
    /// Opaque to everybody but Skerry: which chain of executions this call belongs to (RULES 35).
    pub lineage: String,
    /// What is left of the execution's time.
    pub time_left: Duration,
}

/// Why a service did not answer. Each message is shown to the script's author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// There is no such method.
    #[error("{0}")]
    NotFound(String),
    /// An argument is not what the method takes.
    #[error("{0}")]
    InvalidArgument(String),
    /// The service refuses this tenant or user.
    #[error("{0}")]
    Denied(String),
    /// The service did not answer, or not in time, or with what it never promised.
    #[error("{0}")]
    Unavailable(String),
    /// What the call relies on was changed meanwhile, or the call cannot be made twice.
    #[error("{0}")]
    Conflict(String),
    /// The tenant asks it more than it may.
    #[error("{0}")]
    Quota(String),
}

/// The services that are connected beside the collections, by name. Clones are the same ones.
#[derive(Clone, Default)]
pub struct Services(Arc<BTreeMap<String, Arc<dyn Service>>>);

impl Services {
    /// These services.
    pub fn new(services: BTreeMap<String, Arc<dyn Service>>) -> Self {
        Self(Arc::new(services))
    }

    /// The service of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Service>> {
        self.0.get(name)
    }

    /// Every service, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<dyn Service>)> {
        self.0.iter().map(|(name, service)| (name.as_str(), service))
    }
}

/// Every service of a configuration.
///
/// # Errors
/// [`AppOpenError::Services`] names a service that cannot be connected as it is called.
pub(crate) fn connected(
    config: &AppConfig,
    signer: &Arc<TokenSigner>,
    egress: &Egress,
) -> Result<Services, AppOpenError> {
    let mut services = BTreeMap::clone(&config.services.0);
    for (name, openapi) in &config.openapi {
        let service = OpenApiService::new(name.clone(), openapi.clone(), Arc::clone(signer), egress.clone());
        if services.insert(name.clone(), Arc::new(service)).is_some() {
            return Err(AppOpenError::Services(format!("two services are called '{name}': give one another name")));
        }
    }
    if let Some(name) = config.collections.keys().find(|name| services.contains_key(*name)) {
        return Err(AppOpenError::Services(format!("'{name}' is a collection and another service: rename one")));
    }
    let names = services.iter().flat_map(|(name, service)| {
        let methods = service.methods().iter().map(|method| method.name.as_str());
        std::iter::once(name.as_str()).chain(methods)
    });
    match names.chain(config.collections.keys().map(String::as_str)).find(|name| !is_service_name(name)) {
        Some(name) => {
            Err(AppOpenError::Services(format!("'{name}' is no name for a service or a method: {NAME_RULE}")))
        }
        None => Ok(Services::new(services)),
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
