//! The marker harness: unique markers are planted wherever something secret or somebody's own can be, and then searched
//! for wherever they must not be (RULES 19, 21, 27, 28).

use std::{fs, path::Path};

use serde_json::json;

use crate::stage::{Process, data, request};

/// Markers that are sealed, or kept from the guest; each is as unique as a random word.
const INPUT: &str = "MARKER-input-5c1f";
const RESULT: &str = "MARKER-result-81aa";
const LOG: &str = "MARKER-log-90d2";
const ERROR: &str = "MARKER-error-3b7e";
const EVENT: &str = "MARKER-event-77c0";
const COOKIE: &str = "MARKER-cookie-24f9";
const BODY: &str = "MARKER-body-e660";

const SECRET: &str = "MARKER-secret-d3a8";

const ECHO: &str = "export default async (request) => ({
    cookie: request.headers.get('cookie'),
    authorization: request.headers.get('authorization'),
    user: request.headers.get('x-forwarded-user'),
    kept: request.headers.get('x-kept'),
    body: await request.text(),
})";

#[test]
fn nothing_that_is_sealed_is_readable_in_any_file_of_the_data_directory() {
    let data = data();
    let server = Process::start(data.path());
    let source = format!(
        "export default async (input) => {{
            console.log('{LOG}', input);
            await events.publish('marker.planted', {{ text: '{EVENT}' }});
            await storage.get(input.key);
            if (input.fail) throw new Error('{ERROR}');
            return '{RESULT}';
        }}"
    );
    // The source itself is no secret of an execution: the markers are put together at run time.
    let source = source.replace("MARKER-", "' + 'MARK' + 'ER-");
    deploy(&server, json!({ "name": "plant", "kind": "one_off", "source": source }));
    for fail in [false, true] {
        let run = json!({ "input": { "key": INPUT, "fail": fail } });
        assert_eq!(server.api("POST", "/scripts/plant/executions", Some(&run)).unwrap().status, 200);
    }
    deploy(&server, endpoint("open", "/open", "public"));
    let headers = format!("cookie: session={COOKIE}\r\n");
    let body = format!("\"{BODY}\"");
    assert_eq!(request(server.endpoints, "POST", "/acme/open", &headers, Some(&body)).unwrap().status, 200);
    let token = server.token.clone();
    server.kill();
    let secret = token.rsplit('_').next().unwrap();
    for marker in [INPUT, RESULT, LOG, ERROR, EVENT, COOKIE, BODY, secret] {
        for file in files(data.path()) {
            let bytes = fs::read(&file).unwrap();
            let found = bytes.windows(marker.len()).any(|window| window == marker.as_bytes());
            assert!(!found, "{marker} is readable in {}", file.display());
        }
    }
}

#[test]
fn a_secret_is_in_no_answer_no_log_and_no_file() {
    let data = data();
    let server = Process::start(data.path());
    // Everything that a script can do with a handle and say of it, also where it fails.
    let source = "export default async (request) => {
        const input = await request.json();
        const key = await secrets.get('KEY');
        console.log('the handle', key, { key }, key.format('Bearer {}'));
        const signature = await key.hmac('sha256', 'data');
        await storage.set('signature', signature);
        await events.publish('marker.signed', { signature });
        if (input.fail === 'throw') throw key;
        if (input.fail === 'text') return `${key}`;
        if (input.fail === 'cause') throw new Error('failed', { cause: key });
        return { signature, name: key.name };
    }";
    let mut script = endpoint("sign", "/sign", "public");
    script["source"] = json!(source);
    script["capabilities"] = json!({ "secrets": ["KEY"] });
    deploy(&server, script);
    let secret = json!({ "value": SECRET, "placements": ["hmac sha256"], "scripts": ["sign"] });
    let mut answers = vec![server.api("PUT", "/secrets/KEY", Some(&secret)).unwrap()];
    assert_eq!(answers[0].status, 201, "{}", String::from_utf8_lossy(&answers[0].body));
    for fail in ["no", "throw", "text", "cause"] {
        let body = json!({ "fail": fail }).to_string();
        let answer = request(server.endpoints, "POST", "/acme/sign", "", Some(&body)).unwrap();
        assert_eq!(answer.status == 200, fail == "no", "{fail}: {}", String::from_utf8_lossy(&answer.body));
        answers.push(answer);
    }
    let wrong = json!({ "value": SECRET, "placements": ["header x"], "origins": [], "scripts": [] });
    answers.push(server.api("PUT", "/secrets/KEY", Some(&wrong)).unwrap());
    for path in ["/secrets", "/secrets/KEY", "/scripts/sign", "/executions", "/me"] {
        answers.push(server.api("GET", path, None).unwrap());
    }
    let executions = server.api("GET", "/executions", None).unwrap().json();
    for execution in executions["items"].as_array().unwrap() {
        let path = format!("/executions/{}", execution["id"].as_str().unwrap());
        answers.push(server.api("GET", &path, None).unwrap());
        answers.push(server.api("GET", &format!("{path}/logs"), None).unwrap());
        answers.push(server.api("POST", &format!("{path}/replay"), Some(&json!({}))).unwrap());
    }
    assert!(answers.len() >= 20, "{}", answers.len());
    for answer in answers {
        assert_secret_is_not_in(&answer.body, "an answer");
        assert_secret_is_not_in(answer.headers.as_bytes(), "the headers of an answer");
    }
    server.kill();
    for file in files(data.path()) {
        assert_secret_is_not_in(&fs::read(&file).unwrap(), &file.display().to_string());
    }
}

#[test]
fn an_endpoints_secret_is_in_no_answer_and_no_file() {
    let data = data();
    let server = Process::start(data.path());
    let mut script = endpoint("signed", "/signed", "hmac");
    script["endpoint"]["signature"] = json!({ "scheme": "github" });
    deploy(&server, script);
    let path = "/scripts/signed/endpoint/secrets/primary";
    let mut answers = vec![server.api("PUT", path, Some(&json!({ "secret": SECRET }))).unwrap()];
    assert_eq!(answers[0].status, 200, "{}", String::from_utf8_lossy(&answers[0].body));
    let wrong = format!("x-hub-signature-256: sha256={}\r\n", "0".repeat(64));
    answers.push(request(server.endpoints, "POST", "/acme/signed", &wrong, Some("1")).unwrap());
    assert_eq!(answers[1].status, 401);
    let short = json!({ "secret": format!("{SECRET}\n") });
    answers.push(server.api("PUT", path, Some(&short)).unwrap());
    answers.push(server.api("POST", "/scripts/signed/endpoint/secrets/rotate", Some(&json!({}))).unwrap());
    for path in ["/endpoints", "/scripts/signed", "/scripts/signed/endpoint/secrets", "/executions"] {
        answers.push(server.api("GET", path, None).unwrap());
    }
    for answer in answers {
        assert_secret_is_not_in(&answer.body, "an answer");
    }
    server.kill();
    for file in files(data.path()) {
        assert_secret_is_not_in(&fs::read(&file).unwrap(), &file.display().to_string());
    }
}

/// The secret as it is, in hexadecimal, and in base64 at each of the three places of a group.
fn assert_secret_is_not_in(bytes: &[u8], place: &str) {
    let hexadecimal: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = ["TUFSS0VSLXNlY3JldC1kM2E4", "1BUktFUi1zZWNyZXQtZDNhO", "NQVJLRVItc2VjcmV0LWQzYT"];
    for form in [SECRET, &hexadecimal, &hexadecimal.to_uppercase()].into_iter().chain(base64) {
        let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
        assert!(!found, "{form} is in {place}");
    }
}

#[test]
fn what_skerry_authenticates_with_never_reaches_a_script() {
    let data = data();
    let server = Process::start(data.path());
    deploy(&server, endpoint("closed", "/closed", "token"));
    deploy(&server, endpoint("open", "/open", "public"));
    for path in ["/acme/closed", "/acme/open"] {
        let headers = format!(
            "authorization: Bearer {}\r\ncookie: session={COOKIE}\r\nx-forwarded-user: root\r\nx-kept: yes\r\n",
            server.token
        );
        let answer = request(server.endpoints, "POST", path, &headers, Some("\"b\"")).unwrap();
        assert_eq!(answer.status, 200);
        let seen = answer.json();
        assert_eq!(seen["kept"], "yes");
        for hidden in ["cookie", "authorization", "user"] {
            assert!(seen[hidden].is_null(), "{path} sees {hidden}: {seen}");
        }
    }
    let refused = request(server.endpoints, "POST", "/acme/closed", "", Some("1")).unwrap();
    assert_eq!(refused.status, 401);
}

#[test]
fn every_answer_of_an_endpoint_is_sandboxed_and_sets_no_cookie() {
    let data = data();
    let server = Process::start(data.path());
    let source = "export default () => new Response('<script>1</script>', { headers: {
        'content-type': 'text/html', 'set-cookie': 'a=b', 'content-security-policy': 'default-src *',
        'x-content-type-options': 'none', 'x-own': 'kept', 'x-accel-redirect': '/etc/passwd',
    } })";
    let mut script = endpoint("page", "/page", "public");
    script["source"] = json!(source);
    deploy(&server, script);
    for (path, status) in [("/acme/page", 200), ("/acme/nothing", 404), ("/nobody/page", 404)] {
        let answer = request(server.endpoints, "POST", path, "", Some("1")).unwrap();
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.headers.contains("content-security-policy: sandbox"), "{}", answer.headers);
        assert!(answer.headers.contains("x-content-type-options: nosniff"), "{}", answer.headers);
        assert!(!answer.headers.contains("set-cookie"), "{}", answer.headers);
        assert!(!answer.headers.contains("x-accel"), "{}", answer.headers);
    }
}

#[test]
fn both_listeners_refuse_a_host_that_is_not_theirs() {
    let data = data();
    let server = Process::start(data.path());
    for address in [server.api, server.endpoints] {
        let answer = request_as(address, "evil.example");
        assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    }
    // The port is part of the name: the listeners are two origins.
    let answer = request_as(server.api, &server.endpoints.to_string());
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
}

fn request_as(address: std::net::SocketAddr, host: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn endpoint(name: &str, path: &str, authentication: &str) -> serde_json::Value {
    json!({
        "name": name, "kind": "endpoint", "source": ECHO,
        "endpoint": { "method": "POST", "path": path, "authentication": authentication },
    })
}

fn deploy(server: &Process, script: serde_json::Value) {
    let created = server.api("POST", "/scripts", Some(&script)).unwrap();
    assert_eq!(created.status, 201, "{}", String::from_utf8_lossy(&created.body));
    let path = format!("/scripts/{}/deploy", script["name"].as_str().unwrap());
    assert!(server.api("POST", &path, Some(&json!({}))).unwrap().status < 300);
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    // The token's own file is where it is meant to be.
    entries
        .filter(|path| path.is_file() && !path.ends_with("bootstrap-token") && !path.ends_with("bootstrap-password"))
        .collect()
}
