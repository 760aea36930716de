//! A server with a data directory of its own, and its first token.

use serde_json::{Value, json};
use server::{Config, Server, StartError};
use tempfile::TempDir;

use super::client::{Answer, Call};

/// A server in this process.
pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) token: String,
    directory: TempDir,
}

/// A configuration with any free ports, and few slots: each reserves address space.
pub(super) fn config(directory: &TempDir) -> Config {
    config_with(directory, "")
}

/// The same with further sections.
fn config_with(directory: &TempDir, sections: &str) -> Config {
    let text = "[listeners]\napi = '127.0.0.1:0'\nendpoints = '127.0.0.1:0'\n[sandbox]\nslots = 16\ntenant_share = 8\n";
    Config::parse(&format!("{text}{sections}"), |config| config.data.directory = directory.path().join("data")).unwrap()
}

impl Stage {
    /// An empty installation with the samples.
    pub(super) async fn open() -> Self {
        Self::open_with("").await
    }

    /// The same under a configuration with further sections.
    pub(super) async fn open_with(sections: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(&config_with(&directory, sections), true).await.unwrap();
        let token = server.bootstrap().unwrap().token.clone();
        Self { server, token, directory }
    }

    /// Stop the server, and start another on the same data.
    pub(super) async fn restart(self) -> Self {
        self.server.stop(std::time::Duration::from_secs(5)).await;
        let server = Server::start(&config(&self.directory), true).await.unwrap();
        Self { server, ..self }
    }

    /// Try to start a second server on the same data.
    pub(super) async fn start_second(&self) -> Result<Server, StartError> {
        Server::start(&config(&self.directory), true).await
    }

    /// A request to the API, with the token.
    pub(super) fn api(&self, method: &str, path: &str) -> Call {
        self.stranger(method, path).header("authorization", &format!("Bearer {}", self.token))
    }

    /// A request to the API without a token.
    pub(super) fn stranger(&self, method: &str, path: &str) -> Call {
        Call::new(self.server.api_address(), method, path)
    }

    /// A request to an endpoint.
    pub(super) fn endpoint(&self, method: &str, path: &str) -> Call {
        Call::new(self.server.endpoints_address(), method, path)
    }

    /// Send JSON to the API.
    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.api("POST", path).json(&body).send().await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.api("GET", path).send().await
    }

    /// Make and deploy a script that is run by hand.
    pub(super) async fn deploy(&self, name: &str, source: &str) {
        self.deploy_with(json!({ "name": name, "kind": "one_off", "source": source })).await;
    }

    /// Make and deploy a script that answers requests.
    pub(super) async fn deploy_endpoint(&self, name: &str, endpoint: Value, source: &str) {
        self.deploy_with(json!({ "name": name, "kind": "endpoint", "endpoint": endpoint, "source": source })).await;
    }

    /// Make and deploy a script.
    pub(super) async fn deploy_with(&self, script: Value) {
        let made = self.post("/api/v1/scripts", script).await.expect(201);
        let id = made["id"].as_str().unwrap();
        self.post(&format!("/api/v1/scripts/{id}/deploy"), json!({})).await.expect(201);
    }

    /// Run a script and wait for its end; answers the execution.
    pub(super) async fn run(&self, name: &str, input: Value) -> Value {
        self.post(&format!("/api/v1/scripts/{name}/invoke"), json!({ "input": input })).await.expect(200)
    }
}
