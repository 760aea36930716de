//! Services, and what there is to call of them.

use app::{DescribedService, ServiceMethod, ServiceParameter};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::words::PermissionWord;

/// A service that scripts can call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceSummary)]
pub(crate) struct ServiceSummaryView {
    /// Its name: scripts call it as `services.<name>`.
    #[schema(example = "products")]
    name: String,
    /// `collection`: documents that are kept here. `connected`: a service of the operator's.
    #[schema(example = "collection")]
    kind: &'static str,
    /// The permission that a call needs, beside the script's own capability.
    permission: PermissionWord,
    /// The names of its methods.
    methods: Vec<String>,
}

/// A service that scripts can call, with its methods.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Service)]
pub(crate) struct ServiceView {
    /// Its name: scripts call it as `services.<name>`.
    #[schema(example = "products")]
    name: String,
    /// `collection`: documents that are kept here. `connected`: a service of the operator's.
    #[schema(example = "collection")]
    kind: &'static str,
    /// The permission that a call needs, beside the script's own capability.
    permission: PermissionWord,
    methods: Vec<ServiceMethodView>,
}

/// One method of a service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceMethod)]
pub(crate) struct ServiceMethodView {
    /// Its name in JavaScript.
    #[schema(example = "get")]
    name: String,
    /// What a script's `capabilities.services` has to name for it.
    #[schema(example = "products.get")]
    capability: String,
    /// Empty where there is none.
    description: String,
    /// In their order.
    parameters: Vec<ServiceParameterView>,
    /// The JSON Schema of the answer; null where anything may come.
    #[schema(value_type = Option<serde_json::Value>)]
    answer: Option<Value>,
}

/// One parameter of a method.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceParameter)]
pub(crate) struct ServiceParameterView {
    name: String,
    /// Whether it can be left out.
    is_optional: bool,
    /// The JSON Schema of the argument; null where anything may be passed.
    #[schema(value_type = Option<serde_json::Value>)]
    schema: Option<Value>,
}

impl From<&DescribedService> for ServiceSummaryView {
    fn from(service: &DescribedService) -> Self {
        Self {
            name: service.name.clone(),
            kind: kind(service),
            permission: PermissionWord(domain::Permission::ServicesCall),
            methods: service.methods.iter().map(|method| method.name.clone()).collect(),
        }
    }
}

impl From<DescribedService> for ServiceView {
    fn from(service: DescribedService) -> Self {
        Self {
            kind: kind(&service),
            permission: PermissionWord(domain::Permission::ServicesCall),
            methods: service.methods.into_iter().map(|method| ServiceMethodView::of(&service.name, method)).collect(),
            name: service.name,
        }
    }
}

impl ServiceMethodView {
    fn of(service: &str, method: ServiceMethod) -> Self {
        Self {
            capability: format!("{service}.{}", method.name),
            name: method.name,
            description: method.description,
            parameters: method.parameters.into_iter().map(ServiceParameterView::from).collect(),
            answer: method.answer,
        }
    }
}

impl From<ServiceParameter> for ServiceParameterView {
    fn from(parameter: ServiceParameter) -> Self {
        Self { name: parameter.name, is_optional: parameter.is_optional, schema: parameter.schema }
    }
}

fn kind(service: &DescribedService) -> &'static str {
    if service.is_collection { "collection" } else { "connected" }
}
