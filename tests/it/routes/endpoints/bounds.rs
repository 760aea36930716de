//! Bodies, rates and paths that go too far, from outside.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Stage, assert_one_answer, public, with_token};

#[tokio::test]
async fn a_body_over_the_endpoints_limit_is_refused_by_length_and_while_it_comes() {
    let stage = Stage::open().await;
    let mut endpoint = public("PUT", "/small");
    endpoint["body_limit_bytes"] = json!(10);
    stage.deploy_endpoint("small", endpoint, "export default async (r) => (await r.text()).length;").await;
    let put = |bytes: usize| stage.endpoint("PUT", "/acme/small").body(vec![b'x'; bytes]);
    assert_eq!(put(10).send().await.text(), "10");
    put(11).send().await.expect_problem(413, "body_too_large");
    let chunked = |body: &str| {
        stage.endpoint("PUT", "/acme/small").header("transfer-encoding", "chunked").unframed(body.to_owned())
    };
    assert_eq!(chunked("5\r\n12345\r\n5\r\n12345\r\n0\r\n\r\n").send().await.text(), "10");
    chunked("6\r\n123456\r\n5\r\n12345\r\n0\r\n\r\n").send().await.expect_problem(413, "body_too_large");
    assert_eq!(stage.executions_of("small").await, 2);
}

#[tokio::test]
async fn nobody_unknown_sends_a_body_that_anybody_reads() {
    let stage = Stage::open().await;
    stage.deploy_endpoint("closed", with_token("POST", "/closed"), "export default () => 1;").await;
    // The length is over every limit, and the body never comes.
    let call = stage.endpoint("POST", "/acme/closed").header("content-length", "5000000").unframed("");
    call.send().await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_truncated_body_runs_nothing() {
    let stage = Stage::open().await;
    stage.deploy_endpoint("whole", public("POST", "/whole"), "export default (r) => r.text();").await;
    let address = stage.server.endpoints_address();
    for framing in ["content-length: 100\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n64\r\nhalf"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("POST /acme/whole HTTP/1.1\r\nhost: {address}\r\n{framing}");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(stage.executions_of("whole").await, 0);
}

#[tokio::test]
async fn a_json_bomb_or_a_body_of_another_type_fails_its_own_run_alone() {
    let stage = Stage::open().await;
    let source = "export default async (request) => typeof (await request.json());";
    stage.deploy_endpoint("json", public("POST", "/json"), source).await;
    let send = |body: Vec<u8>| stage.endpoint("POST", "/acme/json").body(body);
    let deep = [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
    for body in [deep, vec![b'['; 1 << 20], b"<xml/>".to_vec(), vec![0xff, 0xfe, 0], Vec::new()] {
        let answer = send(body).send().await;
        assert!(answer.status == 500, "{}: {}", answer.status, answer.text());
    }
    assert_eq!(send(b"{}".to_vec()).send().await.expect(200), "object");
    stage.get("/healthz").await.expect_open("/healthz");
}

#[tokio::test]
async fn a_rate_that_is_used_up_names_itself_and_says_when() {
    let stage = Stage::open().await;
    let mut endpoint = public("GET", "/rated");
    endpoint["rate_limit"] = json!({ "per_address_per_minute": 2 });
    stage.deploy_endpoint("rated", endpoint, "export default () => 1;").await;
    let mut endpoint = with_token("GET", "/known");
    endpoint["rate_limit"] = json!({ "per_minute": 1 });
    stage.deploy_endpoint("known", endpoint, "export default () => 1;").await;
    for _ in 0..2 {
        assert_eq!(stage.endpoint("GET", "/acme/rated").send().await.status, 200);
    }
    let refused = stage.endpoint("GET", "/acme/rated").send().await;
    let problem = refused.expect_problem(429, "quota");
    assert_eq!((&problem["quota"], &problem["limit"]), (&json!("requests_per_address"), &json!(2)));
    assert!((1..=30).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
    // Whoever is not known uses up nobody's rate.
    for _ in 0..3 {
        stage.endpoint("GET", "/acme/known").send().await.expect_problem(401, "unauthenticated");
    }
    assert_eq!(stage.known("GET", "/acme/known").send().await.status, 200);
    let problem = stage.known("GET", "/acme/known").send().await.expect_problem(429, "quota");
    assert_eq!(problem["quota"], "requests_per_endpoint");
}

/// RULES 31.
#[tokio::test]
async fn public_endpoints_have_half_of_their_tenants_places_at_most() {
    // A tenant has eight places there.
    let stage = Stage::open().await;
    let waits = "export default () => utils.sleep(600000)";
    stage.deploy_endpoint("waits", public("GET", "/waits"), waits).await;
    stage.deploy_endpoint("known", with_token("GET", "/known"), "export default () => 1;").await;
    let asked = [(); 6].map(|()| {
        let call = stage.endpoint("GET", "/acme/waits");
        tokio::spawn(async move { call.send().await })
    });
    let running = async || stage.get("/api/v1/executions?status=running").await.expect(200)["items"].clone();
    while running().await.as_array().unwrap().len() < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.known("GET", "/acme/known").send().await.status, 200, "the other half is for those who are known");
    let at_work = running().await;
    assert_eq!(at_work.as_array().unwrap().len(), 4, "{at_work}");
    for call in asked {
        call.abort();
    }
}

#[tokio::test]
async fn bytes_that_hide_behind_escapes_are_refused_and_dots_in_names_are_not() {
    let stage = Stage::open().await;
    stage.deploy_endpoint("files", public("GET", "/files/{name}"), "export default (r) => r.params.name;").await;
    for hidden in ["%00", "a%00b", "%2f", "%5C", "%c0%af", "%c0%80", "%ff", "%ed%a0%80", "..", "%2e%2e", "%2"] {
        let answer = stage.endpoint("GET", &format!("/acme/files/{hidden}")).send().await;
        answer.expect_problem(400, "malformed_request");
    }
    for name in ["a.b", "...", ".hidden", "a%20b"] {
        assert_eq!(stage.endpoint("GET", &format!("/acme/files/{name}")).send().await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn what_is_not_for_everybody_is_one_answer_wherever_it_is_not() {
    let stage = Stage::open().await;
    stage.deploy_endpoint("closed", with_token("POST", "/closed"), "export default () => 1;").await;
    stage.deploy_endpoint("rests", with_token("POST", "/rests"), "export default () => 1;").await;
    stage.api("PATCH", "/api/v1/scripts/rests").json(&json!({ "is_active": false })).send().await.expect(200);
    let answers = [
        stage.known("GET", "/acme/closed").send().await,
        stage.known("POST", "/acme/none").send().await,
        stage.known("POST", "/nobody/closed").send().await,
        stage.known("POST", "/acme/rests").send().await,
        stage.known("OPTIONS", "/acme/closed").send().await,
    ];
    for answer in &answers {
        answer.expect_problem(404, "not_found");
    }
    assert_one_answer(&answers);
}
