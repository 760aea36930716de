//! Where an example runs that reaches what has to be declared: a tenant of a whole application, in which the example is
//! deployed with the capabilities that it asks for.
//!
//! - `// with: service NAME`: the service, with all its methods. The tenant has the sample collection `products`.
//! - `// with: host NAME`: the host, which answers what it was sent, as JSON.
//! - `// with: secret NAME`: the secret, as the key of an HMAC with SHA-256.

use std::sync::Arc;

use app::{App, AppConfig, EgressConfig, NewScriptInput, ResultView, RunRequest, ScriptRef, SecretInput, SecretValue};
use domain::{Capabilities, HmacHash, RecordMode, ScriptName, SecretName, SecretPlacement, Trigger};

use super::{Example, network::Echoes};

pub(super) async fn run(example: &Example) -> String {
    let capabilities = capabilities(&example.with);
    let hosts = capabilities.hosts.iter().map(|host| host.parse().unwrap()).collect();
    let egress = EgressConfig { hosts, ..EgressConfig::default() };
    let config = AppConfig { egress, network: Arc::new(Echoes), ..AppConfig::in_memory() };
    let app = App::open(config).await.unwrap();
    let bootstrap = app.bootstrap(true).await.unwrap().unwrap();
    let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
    let script = NewScriptInput {
        name: ScriptName::parse("example").unwrap(),
        description: String::new(),
        kind: example.kind,
        language: example.language,
        source: example.source.clone(),
        capabilities,
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint: None,
    };
    let secrets = script.capabilities.secrets.clone();
    app.scripts().create(&principal, script).await.unwrap();
    let script = ScriptRef::parse("example").unwrap();
    for name in secrets {
        let secret = SecretInput {
            value: SecretValue::new(b"a key of sufficient length".to_vec()),
            origins: Vec::new(),
            placements: vec![SecretPlacement::Hmac(HmacHash::Sha256)],
            scripts: vec![script.clone()],
        };
        app.secrets().put(&principal, &SecretName::parse(&name).unwrap(), None, secret).await.unwrap();
    }
    app.scripts().deploy(&principal, &script, None, String::new()).await.unwrap();
    let request = RunRequest { script, input: example.input.clone(), trigger: Trigger::Manual };
    let view = app.executions().run(&principal, request).await.unwrap();
    match (view.result, view.error) {
        (Some(ResultView::Json(json)), _) => json,
        (_, Some(error)) => format!("fails: {}", error.kind),
        (other, None) => panic!("neither JSON nor a failure: {other:?}"),
    }
}

/// What an example asks for.
fn capabilities(with: &[String]) -> Capabilities {
    let mut capabilities = Capabilities::default();
    for line in with {
        match line.split_once(' ') {
            Some(("service", name)) => capabilities.services.push(format!("{name}.*")),
            Some(("secret", name)) => capabilities.secrets.push(name.to_owned()),
            Some(("host", name)) => capabilities.hosts.push(name.to_owned()),
            _ => panic!("there is nothing to be had with '{line}'"),
        }
    }
    capabilities
}
