//! A small host application that links Skerry's crates and runs a hook, without the server: it asks its customer's script
//! before it takes an order (docs/hooks.md). `cargo run --release --example embed` runs it.

use std::{collections::BTreeMap, error::Error, io::Write, time::Duration};

use app::{App, AppConfig, HookConfig, HookEnd, HookOutcome, NewScriptInput, OnFailure, Schema, ScriptRef};
use domain::{Capabilities, HookPoint, Language, Principal, RecordMode, ScriptKind, ScriptName};

/// What a customer wrote.
const RULES: &str = r#"
export default async function (order) {
  const most = (await storage.get("most")) ?? 1000;
  return order.total > most
    ? { accepted: false, reason: `${context.tenant.name} takes no order above ${most}` }
    : { accepted: true };
}
"#;

/// A shop that lets each of its customers say which orders are taken.
#[derive(Debug)]
pub struct Shop {
    skerry: App,
    /// The customer for whom this shop works.
    customer: Principal,
    before_order: HookPoint,
}

impl Shop {
    /// Open a shop whose data ends with the process. `DataLocation::Directory` would keep it.
    ///
    /// # Errors
    /// Whatever keeps Skerry from starting.
    pub async fn open() -> Result<Self, Box<dyn Error>> {
        let before_order = HookPoint::parse("order.before")?;
        let hook = HookConfig {
            description: String::from("Asked before an order is taken."),
            input: Some(Schema::parse(r#"{ "type": "object", "required": ["id", "total"] }"#)?),
            output: Some(Schema::parse(r#"{ "type": "object", "required": ["accepted"] }"#)?),
            deadline: Duration::from_secs(2),
            on_failure: OnFailure::Closed,
        };
        let hooks = BTreeMap::from([(before_order.clone(), hook)]);
        let skerry = App::open(AppConfig { hooks, ..AppConfig::in_memory() }).await?;
        // The first start makes a tenant with a member who may do everything in it.
        let first = skerry.bootstrap(false).await?.ok_or("the data is not empty")?;
        let customer = skerry.tokens().authenticate(&first.token)?;
        Ok(Self { skerry, customer, before_order })
    }

    /// Take over a script that the customer wrote, and let it run before each order.
    ///
    /// # Errors
    /// What is wrong with the script.
    pub async fn install(&self, name: &str, source: &str) -> Result<(), Box<dyn Error>> {
        let script = NewScriptInput {
            name: ScriptName::parse(name)?,
            description: String::from("Which orders are taken"),
            kind: ScriptKind::Embedded,
            language: Language::JavaScript,
            source: source.to_owned(),
            capabilities: Capabilities::default(),
            limits: None,
            record: RecordMode::Full,
            policy: None,
            endpoint: None,
        };
        let script_ref = ScriptRef::Name(script.name.clone());
        self.skerry.scripts().create(&self.customer, script).await?;
        self.skerry.scripts().deploy(&self.customer, &script_ref, None, String::from("the first")).await?;
        self.skerry.hooks().bind(&self.customer, &self.before_order, &script_ref, None).await?;
        Ok(())
    }

    /// Ask the customer's scripts about an order, which is JSON; answers what this shop makes of their answers.
    ///
    /// # Errors
    /// An order that the extension point does not take.
    pub async fn ask(&self, order: &str) -> Result<String, Box<dyn Error>> {
        let report = self.skerry.hooks().run(&self.customer, &self.before_order, order.to_owned()).await?;
        if !matches!(report.outcome, HookOutcome::Passed) {
            return Ok(format!("not taken: {}", report.outcome.as_str()));
        }
        for result in &report.results {
            let HookEnd::Output(json) = &result.end else { continue };
            let answer: serde_json::Value = serde_json::from_str(json)?;
            if answer["accepted"] != true {
                return Ok(format!("not taken: {}", answer["reason"].as_str().unwrap_or("no reason is given")));
            }
        }
        Ok(String::from("taken"))
    }
}

/// Ask about three orders, and write down what came of it.
///
/// # Errors
/// Whatever keeps the shop from working.
pub async fn day(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let shop = Shop::open().await?;
    shop.install("order-rules", RULES).await?;
    for order in [r#"{"id":"o-1","total":25}"#, r#"{"id":"o-2","total":2500}"#, r#"{"id":"o-3"}"#] {
        let came_of_it = shop.ask(order).await.unwrap_or_else(|refused| format!("no order: {refused}"));
        writeln!(out, "{order}: {came_of_it}")?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    day(&mut std::io::stdout()).await
}
