//! The sample scripts: examples that teach, and that really run. See the files beside this one.

use database::EndpointAuthentication;
use domain::{Capabilities, EndpointRoute, Invalid, Language, RecordMode, ScriptKind, ScriptName};
use serde_json::value::RawValue;

use crate::{AppError, EndpointInput, NewScriptInput};

/// The collection that the samples read.
pub(crate) const PRODUCTS: &str = "products";

/// What the documents of that collection look like.
pub(crate) const PRODUCTS_SCHEMA: &str = include_str!("samples/products.schema.json");

/// An order for the endpoint.
pub(crate) const ORDER: &str =
    r#"{"id":"o-1001","items":[{"product_id":"p-100","quantity":2},{"product_id":"p-103","quantity":1}]}"#;

/// Where the endpoint answers, below its tenant.
pub(crate) const ORDERS_PATH: &str = "/orders";

/// The products, each with its id.
pub(crate) fn products() -> Result<Vec<String>, AppError> {
    let documents: Vec<&RawValue> =
        serde_json::from_str(include_str!("samples/products.json")).map_err(AppError::internal)?;
    Ok(documents.into_iter().map(|document| document.get().to_owned()).collect())
}

/// The four scripts, each with no more capabilities than it needs.
pub(crate) fn scripts() -> Result<[NewScriptInput; 4], Invalid> {
    Ok([order_rules()?, order_received()?, daily_report()?, backfill_totals()?])
}

fn order_rules() -> Result<NewScriptInput, Invalid> {
    Ok(NewScriptInput {
        description: String::from("Says whether an order can be taken: stock, and the least value of an order."),
        capabilities: Capabilities {
            storage_prefixes: list(&["min_order_value"]),
            event_types: list(&["order.validation.completed"]),
            services: vec![String::from("products.get")],
            ..Capabilities::default()
        },
        ..sample("order-rules", ScriptKind::Embedded, include_str!("samples/order-rules.js"))?
    })
}

fn order_received() -> Result<NewScriptInput, Invalid> {
    Ok(NewScriptInput {
        description: String::from("Takes orders that a shop reports, prices and stores them."),
        capabilities: Capabilities {
            storage_prefixes: list(&["orders/"]),
            event_types: list(&["order.received"]),
            services: vec![String::from("products.get")],
            ..Capabilities::default()
        },
        endpoint: Some(EndpointInput::new(EndpointRoute::parse("POST", ORDERS_PATH)?, EndpointAuthentication::Public)),
        ..sample("order-received", ScriptKind::Endpoint, include_str!("samples/order-received.js"))?
    })
}

fn daily_report() -> Result<NewScriptInput, Invalid> {
    Ok(NewScriptInput {
        description: String::from("Sums up the stored orders and keeps a report of the day."),
        language: Language::TypeScript,
        capabilities: Capabilities {
            storage_prefixes: list(&["orders/", "reports/"]),
            event_types: list(&[]),
            ..Capabilities::default()
        },
        ..sample("daily-report", ScriptKind::Cron, include_str!("samples/daily-report.ts"))?
    })
}

fn backfill_totals() -> Result<NewScriptInput, Invalid> {
    Ok(NewScriptInput {
        description: String::from("Gives each stored order that has none its total, page by page."),
        capabilities: Capabilities {
            storage_prefixes: list(&["orders/"]),
            event_types: list(&[]),
            services: vec![String::from("products.get")],
            ..Capabilities::default()
        },
        ..sample("backfill-totals", ScriptKind::OneOff, include_str!("samples/backfill-totals.js"))?
    })
}

fn sample(name: &str, kind: ScriptKind, source: &str) -> Result<NewScriptInput, Invalid> {
    Ok(NewScriptInput {
        name: ScriptName::parse(name)?,
        description: String::new(),
        kind,
        language: Language::JavaScript,
        source: source.to_owned(),
        capabilities: Capabilities::default(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint: None,
    })
}

/// A list that narrows, where none would mean everything.
fn list(entries: &[&str]) -> Option<Vec<String>> {
    Some(entries.iter().map(|entry| (*entry).to_owned()).collect())
}
