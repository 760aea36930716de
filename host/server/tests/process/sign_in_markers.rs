//! What people sign in with is in no file, no log and no answer but the one that it is for: passwords, cookies, links,
//! codes, tokens of others, clients' secrets.

use std::{fs, path::Path, process::Stdio};

use serde_json::{Value, json};

use crate::stage::{Answer, Process, data, request};

const PASSWORD: &str = "MARKER password 6f1d of hers";
const WRONG: &str = "MARKER wrong 22e9 password";
const LINK: &str = "MARKER-link-91ab";
const CODE: &str = "MARKER-code-c04d";
const STATE: &str = "MARKER-state-7aa2";
const TOKEN: &str = "MARKER-platform-5b5b";
const CLIENT_SECRET: &str = "MARKER-client-3e8f";
const COOKIE: &str = "MARKER-cookie-18cc";

/// The text of a cookie that an answer sets.
fn cookie(answer: &Answer) -> String {
    let line = answer.headers.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    line.split(';').next().unwrap().to_owned()
}

fn send(server: &Process, (method, path): (&str, &str), headers: &str, body: &Value) -> Answer {
    let headers = format!("sec-fetch-site: same-origin\r\n{headers}");
    let body = if body.is_null() { None } else { Some(body.to_string()) };
    request(server.api, method, &format!("/api/v1{path}"), &headers, body.as_deref()).unwrap()
}

fn assert_is_nowhere(secret: &str, places: &[(String, Vec<u8>)]) {
    for (place, bytes) in places {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is in {place}");
    }
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let kept = entries.filter(|path| path.is_file() && !path.ends_with("bootstrap-password"));
    let kept = kept.filter(|path| !path.ends_with("bootstrap-token"));
    kept.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

#[test]
fn what_people_sign_in_with_is_in_no_file_no_log_and_no_other_answer() {
    let data = data();
    let log = data.path().join("server.log");
    let server = Process::start_with(data.path(), |command| {
        let file = fs::File::create(&log).unwrap();
        command.env("SKERRY_LOG", "debug,app=trace,server=trace,database=trace").stderr(Stdio::from(file));
    });
    let first = fs::read_to_string(data.path().join("bootstrap-password")).unwrap().trim().to_owned();
    let mut answers = Vec::new();
    let sign_in = |password: &str| json!({ "email": "operator@localhost", "password": password });
    let signed_in = send(&server, ("POST", "/sign-in/password"), "", &sign_in(&first));
    assert_eq!(signed_in.status, 200, "{}", String::from_utf8_lossy(&signed_in.body));
    let old = cookie(&signed_in);
    let change = json!({ "current_password": first, "password": PASSWORD });
    let changed = send(&server, ("PUT", "/session/password"), &format!("cookie: {old}\r\n"), &change);
    assert_eq!(changed.status, 200, "{}", String::from_utf8_lossy(&changed.body));
    let new = cookie(&changed);
    answers.extend([signed_in.body, changed.body]);

    let own = format!("cookie: {new}\r\n");
    let forged = format!("cookie: skerry=ss_{COOKIE}; __Host-skerry-sign-in={COOKIE}\r\n");
    let provider = json!({
        "name": "Login", "issuer": "https://login.invalid", "client_id": "a", "client_secret": CLIENT_SECRET,
        "default_role": "viewer"
    });
    let callback = format!("/sign-in/openid/callback?state={STATE}&code={CODE}");
    let calls: [(&str, &str, &str, Value); 11] = [
        ("POST", "/sign-in/password", "", sign_in(WRONG)),
        ("POST", "/sign-in/password", "", json!({ "email": WRONG, "password": [WRONG] })),
        ("POST", "/sign-in/reset", "", json!({ "link": LINK, "password": WRONG })),
        ("POST", "/sign-in/platform", "", json!({ "token": TOKEN })),
        ("PUT", "/session/password", &own, json!({ "current_password": WRONG, "password": PASSWORD })),
        ("POST", "/sign-in/providers", &own, provider),
        ("GET", &callback, &forged, Value::Null),
        ("GET", "/session", &forged, Value::Null),
        ("GET", "/session", &own, Value::Null),
        ("GET", "/sessions", &own, Value::Null),
        ("GET", "/sign-in/providers", &own, Value::Null),
    ];
    for (method, path, headers, body) in &calls {
        answers.push(send(&server, (method, path), headers, body).body);
    }
    let made = String::from_utf8_lossy(&answers[7]).into_owned();
    assert!(made.contains("has_client_secret\":true"), "{made}");
    server.kill();

    let mut places = files(data.path());
    assert!(places.iter().any(|(path, bytes)| path.ends_with("server.log") && bytes.len() > 1_000), "there is a log");
    places.extend(answers.into_iter().map(|body| (String::from("an answer"), body)));
    for secret in [first.as_str(), PASSWORD, WRONG, LINK, CODE, STATE, TOKEN, CLIENT_SECRET, COOKIE] {
        assert_is_nowhere(secret, &places);
    }
    for cookie in [old, new] {
        let secret = cookie.rsplit('_').next().unwrap();
        assert_eq!(secret.len(), 64);
        assert_is_nowhere(secret, &places);
    }
}
