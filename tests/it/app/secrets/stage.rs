//! A tenant with secrets, an outside, and scripts that use both.

use app::{
    App, AppConfig, AppError, EgressConfig, ExecutionView, NewScriptInput, RunRequest, ScriptRef, SecretInput,
    SecretValue, SecretView,
};
use domain::{Capabilities, Language, Principal, RecordMode, ScriptKind, ScriptName, SecretName, Trigger};
use serde_json::Value;
use std::sync::Arc;
use tempfile::TempDir;

use super::outside::{Heard, Outside, Reply};
use crate::app::stage::{config, json};

/// What is in every secret that a test keeps, unless it says otherwise.
pub(super) const VALUE: &str = "MARKER/s3cr3t+v4lue=&?";

/// The origin that may be sent it.
pub(super) const HOME: &str = "https://api.example.com";

pub(super) struct Vault {
    pub(super) app: App,
    pub(super) principal: Principal,
    pub(super) outside: Outside,
    pub(super) directory: TempDir,
}

impl Vault {
    /// With an outside that answers so.
    pub(super) async fn open(answer: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Self {
        let directory = TempDir::new().unwrap();
        let ca_file = directory.path().join("ca.pem");
        let names = ["api.example.com", "*.api.example.com", "example.com", "other.example", "xn--pi-7kc.example.com"];
        let outside = Outside::new(&ca_file, &names, answer);
        let app = Self::reopen(&directory, &outside).await;
        let bootstrap = app.bootstrap(true).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
        Self { app, principal, outside, directory }
    }

    /// An application on the data in `directory`.
    pub(super) async fn reopen(directory: &TempDir, outside: &Outside) -> App {
        let hosts = ["example.com", "*.example.com", "other.example"].map(|host| host.parse().unwrap()).to_vec();
        let ca_file = Some(directory.path().join("ca.pem"));
        let egress = EgressConfig { hosts, ports: vec![8443], ca_file, ..EgressConfig::default() };
        let network = Arc::new(outside.clone());
        App::open(AppConfig { egress, network, ..config(directory) }).await.unwrap()
    }

    /// With an outside that sends back what it is sent.
    pub(super) async fn with_echo() -> Self {
        Self::open(|heard| {
            let body = serde_json::json!({ "target": heard.target, "headers": heard.headers, "body": heard.body });
            (
                200,
                vec![(String::from("x-echo"), heard.header("authorization").to_owned())],
                body.to_string().into_bytes(),
            )
        })
        .await
    }

    /// Deploy a one-off script that may use every host and the secrets `KEY` and `OTHER`.
    pub(super) async fn deploy(&self, name: &str, source: &str) {
        let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let capabilities = Capabilities {
            hosts: named(&["example.com", "*.example.com", "other.example"]),
            secrets: named(&["KEY", "OTHER"]),
            ..Capabilities::default()
        };
        let input = NewScriptInput {
            name: ScriptName::parse(name).unwrap(),
            description: String::new(),
            kind: ScriptKind::OneOff,
            language: Language::JavaScript,
            source: source.to_owned(),
            capabilities,
            limits: None,
            record: RecordMode::Full,
            policy: None,
            endpoint: None,
        };
        self.app.scripts().create(&self.principal, input).await.unwrap();
        let script = ScriptRef::parse(name).unwrap();
        self.app.scripts().deploy(&self.principal, &script, None, String::new()).await.unwrap();
    }

    /// Keep `value` for `script`, sent to [`HOME`] unless it is only a key.
    pub(super) async fn keep(&self, name: &str, value: &str, placements: &[&str], script: &str) -> SecretView {
        self.try_keep(name, value, placements, script).await.unwrap()
    }

    pub(super) async fn try_keep(
        &self,
        name: &str,
        value: &str,
        placements: &[&str],
        script: &str,
    ) -> Result<SecretView, AppError> {
        let is_sent = placements.iter().any(|placement| !placement.starts_with("hmac"));
        let input = SecretInput {
            value: SecretValue::new(value.as_bytes().to_vec()),
            origins: if is_sent { vec![HOME.to_owned()] } else { Vec::new() },
            placements: placements.iter().map(|text| text.parse().unwrap()).collect(),
            scripts: vec![ScriptRef::parse(script).unwrap()],
        };
        self.app.secrets().put(&self.principal, &self::name(name), None, input).await.map(|(view, _)| view)
    }

    pub(super) async fn run(&self, script: &str, input: &Value) -> ExecutionView {
        let script = ScriptRef::parse(script).unwrap();
        let request = RunRequest { script, input: input.to_string(), trigger: Trigger::Api };
        self.app.executions().run(&self.principal, request).await.unwrap()
    }

    /// Run a script and answer its JSON.
    pub(super) async fn answer(&self, script: &str, input: &Value) -> Value {
        json(&self.run(script, input).await)
    }
}

pub(super) fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}
