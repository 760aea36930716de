//! A service of the host application, written in Rust: `services.inventory.stock(sku)` and
//! `services.inventory.reserve(sku, quantity)` (docs/services.md).

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use app::{Service, ServiceCall, ServiceError, ServiceMethod, ServiceParameter, Services};
use domain::TenantId;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

/// What is in stock, each tenant's own.
#[derive(Debug)]
pub struct Inventory {
    methods: Vec<ServiceMethod>,
    stock: Arc<Mutex<Stock>>,
}

/// How many there are, by tenant and article; and what was answered, by idempotency key.
#[derive(Debug, Default)]
struct Stock {
    articles: HashMap<(TenantId, String), u64>,
    answered: HashMap<String, u64>,
}

impl Inventory {
    /// One with these articles.
    pub fn new(articles: HashMap<(TenantId, String), u64>) -> Self {
        let parameter = |name: &str, schema: Value| ServiceParameter {
            name: name.to_owned(),
            is_optional: false,
            schema: Some(schema),
        };
        let sku = parameter("sku", json!({ "type": "string" }));
        let quantity = parameter("quantity", json!({ "type": "integer", "minimum": 1 }));
        let method = |name: &str, description: &str, parameters| ServiceMethod {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters,
            answer: Some(json!({ "type": "integer" })),
        };
        let methods = vec![
            method("stock", "How many of an article there are.", vec![sku.clone()]),
            method("reserve", "Takes some of an article; answers how many are left.", vec![sku, quantity]),
        ];
        let stock = Stock { articles, answered: HashMap::new() };
        Self { methods, stock: Arc::new(Mutex::new(stock)) }
    }

    /// What to put into `AppConfig::services`.
    pub fn connected(self) -> Services {
        Services::new(BTreeMap::from([(String::from("inventory"), Arc::new(self) as Arc<dyn Service>)]))
    }
}

impl Service for Inventory {
    fn methods(&self) -> &[ServiceMethod] {
        &self.methods
    }

    fn call(&self, call: ServiceCall) -> BoxFuture<'static, Result<Value, ServiceError>> {
        let stock = Arc::clone(&self.stock);
        Box::pin(async move { stock.lock().unwrap_or_else(PoisonError::into_inner).answer(&call).map(Value::from) })
    }
}

impl Stock {
    fn answer(&mut self, call: &ServiceCall) -> Result<u64, ServiceError> {
        let [Value::String(sku), rest @ ..] = call.arguments.as_slice() else {
            return Err(ServiceError::InvalidArgument(String::from("the first argument is an article's number")));
        };
        // The tenant is Skerry's word, and not the script's.
        let left = self
            .articles
            .get_mut(&(call.tenant, sku.clone()))
            .ok_or_else(|| ServiceError::NotFound(format!("there is no article '{sku}'")))?;
        if call.method == "stock" {
            return Ok(*left);
        }
        // The same call again, because the answer to the first was lost: it is not done twice.
        if let Some(answer) = self.answered.get(&call.idempotency_key) {
            return Ok(*answer);
        }
        let quantity = rest.first().and_then(Value::as_u64).filter(|quantity| *quantity > 0);
        let quantity =
            quantity.ok_or_else(|| ServiceError::InvalidArgument(String::from("the quantity is 1 or more")))?;
        *left = left
            .checked_sub(quantity)
            .ok_or_else(|| ServiceError::Conflict(format!("there are only {left} of '{sku}'")))?;
        self.answered.insert(call.idempotency_key.clone(), *left);
        Ok(*left)
    }
}
