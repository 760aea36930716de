//! Outbound HTTP from a script to a real socket: what is sent, what comes back, and what never leaves.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use app::{
    App, AppConfig, EndpointCall, EndpointInput, EndpointOutcome, EndpointRefusal, Header, NewScriptInput, ScriptRef,
};
use domain::{Capabilities, EndpointRoute, Language, Limits, RecordMode, ScriptKind, ScriptName};
use futures_util::{FutureExt, future::join_all};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Barrier, Notify};

use super::{
    outside::{Asked, Outside, answer, at_once, capabilities},
    stage::{Stage, config, kind},
};

/// A script that sends what its input says, and answers what came.
const SEND: &str = "export default async ({ url, ...init }) => {
    try {
        const response = await fetch(url, init);
        const headers = Object.fromEntries(response.headers);
        return { status: response.status, headers, text: await response.text(), redirected: response.redirected };
    } catch (error) { return { error: error.code ?? error.name, message: error.message }; }
};";

async fn stage(upstream: &Outside) -> Stage {
    stage_with(upstream, |_| ()).await
}

async fn stage_with(upstream: &Outside, adjust: impl FnOnce(&mut AppConfig)) -> Stage {
    let directory = TempDir::new().unwrap();
    let mut config = upstream.configured(config(&directory));
    adjust(&mut config);
    let app = App::open(config).await.unwrap();
    let bootstrap = app.bootstrap(true).await.unwrap().unwrap();
    let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
    Stage { app, principal, directory }
}

async fn deployed(upstream: &Outside, source: &str) -> Stage {
    let stage = stage(upstream).await;
    stage.deploy_with("send", source, capabilities(), None).await;
    stage
}

/// A server that says what it was asked.
async fn echo() -> Outside {
    Outside::start(|asked: Asked| {
        let body = format!("{} {} {}", asked.method, asked.path, String::from_utf8_lossy(&asked.body));
        at_once(answer("200 OK", "x-own: \u{e4}\r\ncontent-type: text/plain\r\n", body.as_bytes()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_sends_every_method_with_its_body_and_headers() {
    let upstream = echo().await;
    let source = "export default async (base) => {
        const texts = [];
        for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PATCH']) {
            const body = ['POST', 'PUT', 'PATCH'].includes(method) ? 'body' : undefined;
            const response = await http.request(`${base}/a?b=c#d`, { method, body, headers: { 'X-Own': method } });
            texts.push(await response.text());
        }
        texts.push((await http.post(`${base}/json`, { a: 1 })).status);
        texts.push(await (await http.post(`${base}/form`, undefined, { form: { 'a b': 'c&d', e: 'ä' } })).text());
        const head = await http.request(`${base}/head`, { method: 'HEAD' });
        texts.push([head.status, (await head.text()).length]);
        return texts;
    };";
    let stage = deployed(&upstream, source).await;
    let answered = stage.answer("send", &json!(upstream.url("")).to_string()).await;
    let plain = ["GET", "DELETE", "OPTIONS"].map(|method| json!(format!("{method} /a?b=c ")));
    let with_body = ["POST", "PUT", "PATCH"].map(|method| json!(format!("{method} /a?b=c body")));
    let rest = [json!(200), json!("POST /form a+b=c%26d&e=%C3%A4"), json!([200, 0])];
    assert_eq!(answered, Value::from([&plain[..], &with_body, &rest].concat()));
    let asked = upstream.asked();
    assert_eq!(asked[3].header("x-own"), "POST");
    assert_eq!(asked[3].header("host"), upstream.url("").trim_start_matches("http://"));
    assert_eq!(asked[6].header("content-type"), "application/json");
    assert_eq!(asked[6].body, br#"{"a":1}"#);
    assert!(asked[7].header("content-type").starts_with("application/x-www-form-urlencoded"));
    assert!(asked.iter().all(|asked| asked.header("skerry-lineage").len() > 60 && asked.header("accept") == "*/*"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_came_in_can_be_sent_on_without_what_its_own_connection_said() {
    let upstream = echo().await;
    let source = "export default async (base) => {
        const headers = { host: 'other.test', 'content-length': '3', connection: 'close', 'proxy-tag': 'x', 'x-own': 'kept' };
        const came = new Request('https://skerry.test/in', { method: 'POST', headers, body: 'a longer body' });
        return (await fetch(new Request(base, came))).text();
    };";
    let stage = deployed(&upstream, source).await;
    let answered = stage.answer("send", &json!(upstream.url("/on")).to_string()).await;
    assert_eq!(answered, "POST /on a longer body");
    let asked = &upstream.asked()[0];
    assert_eq!(asked.header("host"), upstream.url("").trim_start_matches("http://"));
    assert_eq!((asked.header("x-own"), asked.header("proxy-tag")), ("kept", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forbidden_address_is_sent_to_whatever_a_script_writes() {
    let upstream = echo().await;
    let stage = stage(&upstream).await;
    let hosts = ["localhost", "*.public.test", "public.test", "skerry.test"].map(String::from).to_vec();
    let source = "export default async (urls) => Promise.all(urls.map((url) => fetch(url).then(
        (response) => response.status, (error) => error.code ?? error.name)))";
    stage.deploy_with("all", source, Capabilities { hosts, ..Capabilities::default() }, None).await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/egress/forbidden.txt");
    let text = fs::read_to_string(file).unwrap();
    let urls: Vec<&str> =
        text.lines().filter(|line| line.starts_with('"')).map(|line| &line[..=line.rfind('"').unwrap()]).collect();
    assert!(urls.len() >= 300, "{}", urls.len());
    for some in urls.chunks(40) {
        let answers = stage.answer("all", &format!("[{}]", some.join(","))).await;
        for (url, answer) in some.iter().zip(answers.as_array().unwrap()) {
            let is_right = ["egress_denied", "invalid_argument", "TypeError"].contains(&answer.as_str().unwrap_or(""));
            assert!(is_right, "{url}: {answer}");
        }
    }
    assert!(upstream.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_has_to_be_named_by_operator_tenant_and_script() {
    let upstream = echo().await;
    let stage = deployed(&upstream, SEND).await;
    stage.deploy("unnamed", SEND).await;
    let input = json!({ "url": upstream.url("/") }).to_string();
    assert_eq!(stage.answer("unnamed", &input).await["error"], "egress_denied");
    let set = |hosts: Option<&str>| {
        let hosts = hosts.map(|host| vec![host.to_owned()]);
        let (app, principal) = (stage.app.clone(), stage.principal.clone());
        async move { app.egress().set(&principal, hosts).await.unwrap() }
    };
    set(Some("other.test")).await;
    assert_eq!(stage.answer("send", &input).await["error"], "egress_denied");
    set(Some("upstream.test")).await;
    assert_eq!(stage.answer("send", &input).await["status"], 200);
    set(None).await;
    assert_eq!(stage.answer("send", &input).await["status"], 200);
    assert_eq!(upstream.asked().len(), 2);
    assert!(stage.app.egress().set(&stage.principal, Some(vec![String::from("*.co.uk")])).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_methods_that_are_skerrys_to_set_are_refused_by_name() {
    let upstream = echo().await;
    let stage = deployed(&upstream, "export default async (url) => {
        const tries = [['content-length', '1'], ['Proxy-Authorization', 'x'], ['skerry-lineage', 'x'], ['x', 'a\\r\\nb: c'], ['a b', 'c']];
        const codes = [];
        for (const [name, value] of tries) {
            const sent = (async () => http.get(url, { headers: { [name]: value } }))();
            codes.push(await sent.then(() => 'sent', (error) => error.code ?? error.name));
        }
        return codes;
    };")
    .await;
    let codes = stage.answer("send", &json!(upstream.url("/")).to_string()).await;
    let right = |code: &Value| ["invalid_argument", "TypeError"].contains(&code.as_str().unwrap());
    assert!(codes.as_array().unwrap().iter().all(right), "{codes}");
    assert!(upstream.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_shown_or_refused_and_never_into_the_exception() {
    let upstream = Outside::start(|asked: Asked| {
        at_once(match asked.path.as_str() {
            "/there" => answer("302 Found", "location: /here\r\n", b""),
            _ => answer("200 OK", "", b"here"),
        })
    })
    .await;
    let stage = deployed(&upstream, SEND).await;
    let send = async |redirect: &str| {
        stage.answer("send", &json!({ "url": upstream.url("/there"), "redirect": redirect }).to_string()).await
    };
    assert_eq!(send("manual").await["status"], 302);
    assert_eq!(send("error").await["error"], "unavailable");
    // The name's private address was opened for the request itself, and not for what an answer names.
    assert_eq!(send("follow").await["error"], "egress_denied");
    assert!(upstream.asked().iter().all(|asked| asked.path == "/there"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_or_oversized_answer_is_an_error_that_a_script_can_catch() {
    let upstream = Outside::start(|asked: Asked| {
        at_once(match asked.path.as_str() {
            "/large" => answer("200 OK", "", &vec![b'x'; (4 << 20) + 1]),
            "/broken" => b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(),
            _ => b"nonsense\r\n\r\n".to_vec(),
        })
    })
    .await;
    let stage = deployed(&upstream, SEND).await;
    for (path, code) in [("/large", "hostcall_limit"), ("/broken", "unavailable"), ("/", "unavailable")] {
        let answered = stage.answer("send", &json!({ "url": upstream.url(path) }).to_string()).await;
        assert_eq!(answered["error"], code, "{path}: {answered}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_denied_like_what_is_forbidden() {
    let upstream = echo().await;
    let stage = stage(&upstream).await;
    let hosts = ["upstream.test", "nowhere.test", "localhost"].map(String::from).to_vec();
    stage.deploy_with("send", SEND, Capabilities { hosts, ..Capabilities::default() }, None).await;
    let mut answers = Vec::new();
    for url in ["http://upstream.test/", "http://nowhere.test/", "http://localhost/", "http://unnamed.test/"] {
        answers.push(stage.answer("send", &json!({ "url": url }).to_string()).await);
    }
    assert_eq!(answers[0]["error"], "egress_denied");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_requests_are_under_way_and_the_seventeenth_waits_its_turn() {
    // Nobody is answered before sixteen are there, so that fewer at once would never end.
    let (barrier, now, most) =
        (Arc::new(Barrier::new(16)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let upstream = Outside::start(move |_| {
        let (barrier, now, most) = (Arc::clone(&barrier), Arc::clone(&now), Arc::clone(&most));
        async move {
            let under_way = now.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(under_way, Ordering::SeqCst);
            barrier.wait().await;
            now.fetch_sub(1, Ordering::SeqCst);
            answer("200 OK", "", b"")
        }
        .boxed()
    })
    .await;
    let source = "export default async (base) =>
        (await Promise.all(Array.from({ length: 48 }, (_, i) => fetch(`${base}/${i}`)))).map((response) => response.status)";
    let stage = deployed(&upstream, source).await;
    let statuses = stage.answer("send", &json!(upstream.url("")).to_string()).await;
    assert_eq!(statuses, json!(vec![200; 48]));
    assert_eq!((upstream.asked().len(), seen.load(Ordering::SeqCst)), (48, 16));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_past_the_deadline_is_cut_and_its_socket_closed() {
    let hanging = Arc::new(Notify::new());
    let upstream = Outside::start(move |asked: Asked| {
        let hanging = Arc::clone(&hanging);
        async move {
            if asked.path == "/seen" {
                hanging.notified().await;
                return answer("200 OK", "", b"");
            }
            hanging.notify_one();
            std::future::pending().await
        }
        .boxed()
    })
    .await;
    let stage = stage(&upstream).await;
    let input = json!(upstream.url("")).to_string();
    let left = "export default async (base) => { fetch(`${base}/hang`); await fetch(`${base}/seen`); return 'done'; }";
    stage.deploy_with("left", left, capabilities(), None).await;
    assert_eq!(stage.answer("left", &input).await, "done");
    closed(&upstream, 1).await;

    // Long enough to reach the server first, also on a busy machine.
    let own = "export default async (base) => http.get(`${base}/hang`, { timeout: 2000 }).catch((error) => error.code)";
    stage.deploy_with("own", own, capabilities(), None).await;
    assert_eq!(stage.answer("own", &input).await, "unavailable");
    closed(&upstream, 2).await;

    let limits = Limits { wall_time: Duration::from_secs(2), ..Limits::DEFAULT };
    let source = "export default async (base) => { await fetch(`${base}/hang`); }";
    stage.deploy_with("cut", source, capabilities(), Some(limits)).await;
    assert_eq!(kind(&stage.run("cut", &input).await), "timeout");
    closed(&upstream, 3).await;
}

/// Waits until the server saw that many connections close unanswered.
async fn closed(upstream: &Outside, count: usize) {
    while upstream.cut.load(Ordering::SeqCst) < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_sends_what_it_sends_again_under_the_same_key() {
    let (changed, again) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (wait, seen) = (Arc::clone(&changed), Arc::clone(&again));
    let pending = Arc::new(AtomicUsize::new(0));
    let upstream = Outside::start(move |asked: Asked| {
        let (wait, seen, pending) = (Arc::clone(&wait), Arc::clone(&seen), Arc::clone(&pending));
        async move {
            // The first attempt's second call is never answered; that of the repeat is.
            if asked.path == "/same" && asked.method == "PUT" && pending.fetch_add(1, Ordering::SeqCst) == 0 {
                seen.notify_one();
                std::future::pending::<()>().await;
            }
            if asked.path == "/gate" {
                wait.notified().await;
            }
            answer("200 OK", "", b"")
        }
        .boxed()
    })
    .await;
    let source = "export default async (base) => {
        const before = await storage.get('k');
        await http.put(`${base}/other`, '1');
        const left = http.put(`${base}/same`, '1');
        await http.put(`${base}/gate`, '1');
        if (before !== null) await left;
        await storage.set('out', before);
        await http.put(`${base}/own`, '1', { headers: { 'Idempotency-Key': 'mine' } });
        return before;
    };";
    let stage = deployed(&upstream, source).await;
    stage.deploy("change", "export default async () => storage.set('k', 'changed')").await;
    let input = json!(upstream.url("")).to_string();
    let change = async {
        again.notified().await;
        stage.run("change", "null").await;
        changed.notify_one();
    };
    let (answered, ()) = tokio::join!(stage.answer("send", &input), change);
    assert_eq!(answered, "changed");
    let keys = |path: &str| -> Vec<String> {
        let asked = upstream.asked();
        let of_path = asked.iter().filter(|asked| asked.path == path);
        of_path.map(|asked| asked.header("idempotency-key").to_owned()).collect()
    };
    let same = keys("/same");
    assert_eq!(same.len(), 2, "what had no answer is sent again");
    assert_eq!(same[0], same[1]);
    assert_eq!((keys("/other").len(), keys("/gate").len()), (1, 1), "what had one is not");
    assert!(same[0].len() == 32 && keys("/other")[0] != same[0], "each call has its own");
    assert_eq!(keys("/own")[0], "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_alike_are_numbered_over_repeats() {
    let first = Arc::new(Mutex::new(true));
    let (changed, asked_once) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (wait, seen, is_first) = (Arc::clone(&changed), Arc::clone(&asked_once), Arc::clone(&first));
    let upstream = Outside::start(move |_| {
        let (wait, seen, is_first) = (Arc::clone(&wait), Arc::clone(&seen), Arc::clone(&is_first));
        async move {
            if std::mem::take(&mut *is_first.lock().unwrap()) {
                seen.notify_one();
                wait.notified().await;
            }
            answer("200 OK", "", b"")
        }
        .boxed()
    })
    .await;
    // The first attempt sends once, the repeat finds that answer and sends once more.
    let source = "export default async (url) => {
        const before = await storage.get('k');
        await fetch(url);
        if (before !== null) await fetch(url);
        await storage.set('out', before);
    };";
    let stage = deployed(&upstream, source).await;
    stage.deploy("change", "export default async () => storage.set('k', 1)").await;
    let change = async {
        asked_once.notified().await;
        stage.run("change", "null").await;
        changed.notify_one();
    };
    let input = json!(upstream.url("/")).to_string();
    let (view, ()) = tokio::join!(stage.run("send", &input), change);
    assert_eq!(kind(&view), "success");
    let keys: Vec<String> = upstream.asked().iter().map(|asked| asked.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0], keys[1], "the second call is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_asks_nobody() {
    let upstream = echo().await;
    let source = "export default async (base) => {
        const texts = await Promise.all([1, 2, 3].map(async (i) => (await fetch(`${base}/${i}`)).text()));
        const refused = await fetch('http://127.0.0.1/').catch((error) => error.code);
        console.log(texts, refused, Date.now());
        return [texts, refused];
    };";
    let stage = deployed(&upstream, source).await;
    let view = stage.run("send", &json!(upstream.url("")).to_string()).await;
    assert_eq!(kind(&view), "success");
    let replay = stage.app.executions().replay(&stage.principal, view.execution.id, None).await.unwrap();
    assert!(replay.equal, "{:?}", replay.difference);
    assert_eq!((replay.fuel_equal, upstream.asked().len()), (Some(true), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_asks_too_often_is_told_its_quota() {
    let upstream = echo().await;
    let stage = stage_with(&upstream, |config| config.egress.requests_per_minute = 3).await;
    stage.deploy_with("send", SEND, capabilities(), None).await;
    let input = json!({ "url": upstream.url("/") }).to_string();
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(stage.answer("send", &input).await["error"].clone());
    }
    assert_eq!(codes, [Value::Null, Value::Null, Value::Null, json!("quota")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_calls_itself_ends_after_sixteen_hops() {
    // What the outside world sends back to this deployment, with the headers that it got.
    let app: Arc<Mutex<Option<App>>> = Arc::default();
    let behind = Arc::clone(&app);
    let upstream = Outside::start(move |asked: Asked| {
        let app = behind.lock().unwrap().clone().unwrap();
        async move {
            let headers = asked.headers.iter().map(|(name, value)| Header { name: name.clone(), value: value.clone() });
            let body = ask(&app, headers.collect()).await;
            let status = if body.is_ok() { "200 OK" } else { "508 Loop Detected" };
            answer(status, "", &body.unwrap_or_default())
        }
        .boxed()
    })
    .await;
    // Each hop holds its slot while the next one runs.
    let stage = stage_with(&upstream, |config| (config.slots, config.tenant_share) = (64, 48)).await;
    *app.lock().unwrap() = Some(stage.app.clone());
    let source = format!(
        "export default async (request) => {{
            const response = await fetch('{}', {{ method: 'POST' }});
            return {{ depth: 1 + (response.status === 508 ? 0 : (await response.json()).depth),
                      seen: request.headers.has('skerry-lineage') }};
        }};",
        upstream.url("/")
    );
    let route = EndpointRoute::parse("POST", "/again").unwrap();
    let endpoint = EndpointInput::new(route, app::EndpointAuthentication::Public);
    let script = NewScriptInput {
        name: ScriptName::parse("again").unwrap(),
        description: String::new(),
        kind: ScriptKind::Endpoint,
        language: Language::JavaScript,
        source,
        capabilities: capabilities(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint: Some(endpoint),
    };
    stage.app.scripts().create(&stage.principal, script).await.unwrap();
    let script = ScriptRef::parse("again").unwrap();
    stage.app.scripts().deploy(&stage.principal, &script, None, String::new()).await.unwrap();

    let answered: Value = serde_json::from_slice(&ask(&stage.app, Vec::new()).await.unwrap()).unwrap();
    assert_eq!(answered, json!({ "depth": 17, "seen": false }), "the first and sixteen hops after it");
    let lineage = upstream.asked()[0].header("skerry-lineage").to_owned();
    assert!(upstream.asked().len() == 17 && !lineage.contains('-'));

    // Nobody else can write one, and nobody goes on with one for ever.
    assert_eq!(stage.app.continue_chain(&lineage.replace('0', "1")).await.unwrap(), None);
    assert_eq!(stage.app.continue_chain("nonsense").await.unwrap(), None);
    let continued = join_all((0..1_000).map(|_| stage.app.continue_chain(&lineage))).await;
    assert_eq!(continued.iter().filter(|continued| continued.is_ok()).count(), 1_000 - 16);
}

/// The body that the endpoint answers that calls itself.
async fn ask(app: &App, headers: Vec<Header>) -> Result<Vec<u8>, EndpointRefusal> {
    let call = EndpointCall {
        method: String::from("POST"),
        url: String::from("http://localhost/acme/again"),
        headers,
        bearer: None,
        address: "127.0.0.1".parse().unwrap(),
    };
    let routed = app.endpoints().route("acme", "POST", "/again")?;
    let answer = app.endpoints().answer(app.endpoints().admit(routed, call)?, Vec::new()).await?;
    match answer.outcome {
        EndpointOutcome::Response(response) => Ok(response.body),
        other => panic!("{other:?}"),
    }
}
