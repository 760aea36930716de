//! Endpoints with a real database, and with the process that comes after a crash.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use database::SecretSlot;
use domain::{Capabilities, EndpointRoute, Language, RecordMode, ScriptKind, ScriptName};

use super::*;
use crate::{App, AppConfig, DataLocation, NewScriptInput};

async fn open(directory: &Path) -> App {
    let data = DataLocation::Directory(directory.to_owned());
    App::open(AppConfig { data, ..AppConfig::in_memory() }).await.unwrap()
}

/// A request with a key to `POST /acme/once`.
fn call(token: &str) -> EndpointCall {
    EndpointCall {
        method: String::from("POST"),
        url: String::from("http://localhost/acme/once"),
        headers: vec![Header { name: String::from("idempotency-key"), value: String::from("k") }],
        bearer: Some(token.to_owned()),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

async fn ask(app: &App, token: &str) -> Result<EndpointAnswer, EndpointRefusal> {
    let routed = app.endpoints().route("acme", "POST", "/once")?;
    app.endpoints().answer(app.endpoints().admit(routed, call(token))?, b"body".to_vec()).await
}

async fn deploy_once(app: &App, principal: &Principal) {
    let route = EndpointRoute::parse("POST", "/once").unwrap();
    deploy(app, principal, EndpointInput::new(route, EndpointAuthentication::Token)).await;
}

async fn deploy(app: &App, principal: &Principal, endpoint: EndpointInput) {
    let script = NewScriptInput {
        name: ScriptName::parse("once").unwrap(),
        description: String::new(),
        kind: ScriptKind::Endpoint,
        language: Language::JavaScript,
        source: String::from("export default () => 'answered'"),
        capabilities: Capabilities::default(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint: Some(endpoint),
    };
    app.scripts().create(principal, script).await.unwrap();
    let once = ScriptRef::parse("once").unwrap();
    app.scripts().deploy(principal, &once, None, String::new()).await.unwrap();
}

fn endpoint_once(app: &App, principal: &Principal) -> Endpoint {
    let endpoints = app.endpoints().list(principal).unwrap();
    endpoints.into_iter().find(|endpoint| endpoint.script_name == "once").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_a_crash_cut_off_blocks_nobody_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let app = open(directory.path()).await;
    let token = app.bootstrap(true).await.unwrap().unwrap().token;
    let principal = app.tokens().authenticate(&token).unwrap();
    deploy_once(&app, &principal).await;
    let endpoints = app.endpoints();
    let endpoint = endpoint_once(&app, &principal);
    let caller = Caller::Token(principal.clone());
    let repeat = endpoints.repeat(principal.tenant, &endpoint, &call(&token), (&caller, b"body")).unwrap().unwrap();
    // What a process leaves that ends after it has taken the request on and before it has answered.
    let execution = ExecutionId::generate();
    let under_way = app.inner.running.claim(execution);
    let claim = repeat.claim(execution, None, u64::MAX);
    app.inner.database.claim_answer(principal.tenant, claim).await.unwrap();
    assert!(matches!(ask(&app, &token).await, Err(EndpointRefusal::KeyInUse)));
    drop(under_way);
    app.shutdown(Duration::ZERO).await;
    drop(app);

    let app = open(directory.path()).await;
    let first = ask(&app, &token).await.unwrap();
    assert!(matches!(&first.outcome, EndpointOutcome::Response(response) if response.status == 200), "{first:?}");
    let again = ask(&app, &token).await.unwrap();
    assert_eq!((first.is_repeated, again.is_repeated, first.execution), (false, true, again.execution));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_could_not_be_given_back_blocks_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let app = open(directory.path()).await;
    let token = app.bootstrap(true).await.unwrap().unwrap().token;
    let principal = app.tokens().authenticate(&token).unwrap();
    deploy_once(&app, &principal).await;
    let endpoint = endpoint_once(&app, &principal);
    let caller = Caller::Token(principal.clone());
    let call = call(&token);
    let repeat = app.endpoints().repeat(principal.tenant, &endpoint, &call, (&caller, b"body")).unwrap().unwrap();
    let claim = repeat.claim(ExecutionId::generate(), None, u64::MAX);
    app.inner.database.claim_answer(principal.tenant, claim).await.unwrap();
    let (first, again) = (ask(&app, &token).await.unwrap(), ask(&app, &token).await.unwrap());
    assert_eq!((first.is_repeated, again.is_repeated, first.execution), (false, true, again.execution));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_rotations_at_once_neither_loses_its_secret() {
    let directory = tempfile::tempdir().unwrap();
    let app = open(directory.path()).await;
    let token = app.bootstrap(true).await.unwrap().unwrap().token;
    let principal = app.tokens().authenticate(&token).unwrap();
    let route = EndpointRoute::parse("POST", "/once").unwrap();
    let mut endpoint = EndpointInput::new(route, EndpointAuthentication::Hmac);
    endpoint.options.signature = Some(crate::SignatureScheme::Standard);
    deploy(&app, &principal, endpoint).await;
    let once = ScriptRef::parse("once").unwrap();
    let rotate = || app.endpoints().rotate_secret(&principal, &once);
    for _ in 0..10 {
        let (one, other) = tokio::join!(rotate(), rotate());
        let made = [one.unwrap().text, other.unwrap().text];
        let live = secrets::of_tenant(&app.inner, principal.tenant).unwrap().into_values().next().unwrap();
        assert!(made.iter().all(|text| live.iter().any(|(_, kept)| kept == text)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_not_removed_between_a_rotations_look_and_its_write() {
    let directory = tempfile::tempdir().unwrap();
    let app = open(directory.path()).await;
    let token = app.bootstrap(true).await.unwrap().unwrap().token;
    let principal = app.tokens().authenticate(&token).unwrap();
    let mut endpoint = EndpointInput::new(EndpointRoute::parse("POST", "/once").unwrap(), EndpointAuthentication::Hmac);
    endpoint.options.signature = Some(crate::SignatureScheme::Standard);
    deploy(&app, &principal, endpoint).await;
    let once = ScriptRef::parse("once").unwrap();
    app.endpoints().rotate_secret(&principal, &once).await.unwrap();
    let rotating = app.endpoints().rotation.lock().await;
    let mut deleting = Box::pin(app.endpoints().delete_secret(&principal, &once, SecretSlot::Primary));
    assert!(futures_util::poll!(&mut deleting).is_pending());
    // A write that is made after this one would have been.
    let day = UnixMillis::now().utc_day();
    app.inner.database.settle_usage(principal.tenant, day, database::Usage::default()).await.unwrap();
    assert_eq!(app.endpoints().secrets(&principal, &once).unwrap().len(), 1);
    drop(rotating);
    deleting.await.unwrap();
    assert!(app.endpoints().secrets(&principal, &once).unwrap().is_empty());
}

#[test]
fn a_caller_says_in_any_spelling_that_he_does_not_wait() {
    let prefers = |values: &[&str]| {
        let headers = values.iter().map(|value| Header { name: String::from("Prefer"), value: (*value).to_owned() });
        EndpointCall { headers: headers.collect(), ..call("") }.prefers_async()
    };
    assert!(prefers(&["respond-async"]) && prefers(&["wait=5", "handling=lenient, Respond-Async; foo=bar"]));
    assert!(!prefers(&[]) && !prefers(&["wait=5"]) && !prefers(&["respond-asynchronously"]));
}
