//! The tenants' endpoints, from outside.

mod accepted;
mod answers;
mod bounds;
mod cors;
mod repeats;
mod settings;
mod signed;

use serde_json::{Value, json};

use super::{
    client::{Answer, Call},
    stage::Stage,
};

/// Adds one to what `GET /acme/count` tells, and answers what it was sent.
const COUNTING: &str = "export default async (request) => {
    await storage.increment('count');
    return new Response(await request.text(), { status: 201, headers: { 'x-own': 'kept' } });
};";

fn public(method: &str, path: &str) -> Value {
    json!({ "method": method, "path": path, "authentication": "public" })
}

fn with_token(method: &str, path: &str) -> Value {
    json!({ "method": method, "path": path, "authentication": "token" })
}

impl Stage {
    /// A request to an endpoint with the token.
    fn known(&self, method: &str, path: &str) -> Call {
        self.endpoint(method, path).header("authorization", &format!("Bearer {}", self.token))
    }

    /// Deploy a script that counts its runs.
    async fn deploy_counting(&self, endpoint: Value) {
        self.deploy_endpoint("counting", endpoint, COUNTING).await;
        self.deploy("count", "export default () => storage.get('count');").await;
    }

    /// How often it ran to its end.
    async fn count(&self) -> Value {
        self.run("count", json!(null)).await["result"].clone()
    }

    /// How many executions a script has.
    async fn executions_of(&self, script: &str) -> usize {
        let id = self.get(&format!("/api/v1/scripts/{script}")).await.expect(200)["id"].as_str().unwrap().to_owned();
        let page = self.get(&format!("/api/v1/executions?script={id}")).await.expect(200);
        page["items"].as_array().unwrap().len()
    }

    /// Make a new secret for a script's endpoint.
    async fn rotate(&self, script: &str) -> String {
        let rotated = self.post(&format!("/api/v1/scripts/{script}/endpoint/secrets/rotate"), json!({})).await;
        rotated.expect(201)["secret"].as_str().unwrap().to_owned()
    }
}

/// A request that is signed by the rules of Standard Webhooks.
fn signed(call: Call, secret: &str, id: &str, body: &str) -> Call {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    signed_at(call, secret, (id, i64::try_from(now).unwrap()), body)
}

fn signed_at(call: Call, secret: &str, (id, seconds): (&str, i64), body: &str) -> Call {
    let signature = standardwebhooks::Webhook::new(secret).unwrap().sign(id, seconds, body.as_bytes()).unwrap();
    call.header("webhook-id", id)
        .header("webhook-timestamp", &seconds.to_string())
        .header("webhook-signature", &signature)
        .body(body)
}

/// See that answers do not differ.
fn assert_one_answer(answers: &[Answer]) {
    let told: Vec<(u16, String)> = answers.iter().map(|answer| (answer.status, answer.text())).collect();
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
}
