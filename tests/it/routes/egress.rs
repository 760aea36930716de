//! The tenant's list of hosts, and requests that scripts send back to the server.

use futures_util::future::join_all;
use serde_json::json;

use super::stage::Stage;
use crate::app::outside::{Outside, answer, at_once};

#[tokio::test]
async fn a_tenant_narrows_its_egress_and_takes_that_back() {
    let stage = Stage::open_with("[egress]\nhosts = ['*.example.com']\n").await;
    let put = |hosts| stage.api("PUT", "/api/v1/egress").json(&json!({ "hosts": hosts }));
    let as_it_stands = json!({ "hosts": null, "operator_hosts": ["*.example.com"] });
    assert_eq!(stage.get("/api/v1/egress").await.expect(200), as_it_stands);
    let narrowed = put(json!(["api.example.com"])).send().await.expect(200);
    assert_eq!(narrowed["hosts"], json!(["api.example.com"]));
    assert_eq!(stage.get("/api/v1/egress").await.expect(200), narrowed);
    for wrong in ["*", "*.co.uk", "10.0.0.1", "API.example.com", "https://api.example.com", ""] {
        put(json!([wrong])).send().await.expect_problem(422, "invalid");
    }
    assert_eq!(stage.get("/api/v1/egress").await.expect(200), narrowed, "a wrong list changes nothing");
    assert_eq!(put(json!(null)).send().await.expect(200), as_it_stands);
}

#[tokio::test]
async fn a_capability_names_no_public_suffix() {
    let stage = Stage::open().await;
    for host in ["*.co.uk", "*.github.io", "*.com", "127.0.0.1"] {
        let script = json!({ "name": "x", "kind": "one_off", "source": "1", "capabilities": { "hosts": [host] } });
        stage.post("/api/v1/scripts", script).await.expect_problem(422, "invalid");
    }
}

#[tokio::test]
async fn a_chain_of_executions_that_is_too_long_is_refused_by_both_listeners() {
    let upstream = Outside::start(|_| at_once(answer("200 OK", "", b""))).await;
    let port = upstream.address.port();
    let opened = ["127.0.0.0/8", "::1/128"]
        .map(|range| format!("[[egress.private]]\nhost = 'localhost'\naddresses = '{range}'\nport = {port}\n"));
    let stage = Stage::open_with(&opened.concat()).await;
    let source = format!("export default async () => (await fetch('http://localhost:{port}/')).status");
    let capabilities = json!({ "hosts": ["localhost"] });
    let script = json!({ "name": "send", "kind": "one_off", "source": source, "capabilities": capabilities });
    stage.deploy_with(script).await;
    assert_eq!(stage.run("send", json!(null)).await["result"], 200);

    let header = "skerry-lineage";
    let lineage = upstream.asked()[0].header(header).to_owned();
    let invoke = |lineage: &str| {
        let call = stage.api("POST", "/api/v1/scripts/send/invoke").header(header, lineage);
        call.json(&json!({ "input": null }))
    };
    invoke(&lineage).send().await.expect(200);
    let app = stage.server.app();
    join_all((0..999).map(|_| app.continue_chain(&lineage))).await;
    invoke(&lineage).send().await.expect_problem(508, "chain_too_long");
    stage.endpoint("POST", "/acme/orders").header(header, &lineage).send().await.expect_problem(508, "chain_too_long");
    let stranger = stage.stranger("POST", "/api/v1/scripts/send/invoke").header(header, &lineage);
    stranger.send().await.expect_problem(401, "unauthenticated");
    stage.api("GET", "/healthz").header(header, &lineage).send().await.expect_open("/healthz");
    invoke("of somebody else").send().await.expect(200);
}
