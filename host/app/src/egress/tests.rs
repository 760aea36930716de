//! The policy and the client, over a network that a test owns: no packet leaves, and every connection is seen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod exceptions;

use std::{
    collections::HashMap,
    fs, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use domain::TenantId;
use futures_util::{FutureExt, future::BoxFuture};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use runtime::{Header, HttpRedirect};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio_rustls::TlsAcceptor;

use super::{
    Allowance, BODY_BYTES_MAX, Connection, Egress, EgressConfig, EgressError, HostList, HostPattern, Network,
    OutboundRequest, OutboundResponse, PrivateHost,
};

const PUBLIC: &str = "93.184.216.34";
const OWN: &str = "93.184.216.99";

type Served = dyn Fn(DuplexStream) -> BoxFuture<'static, ()> + Send + Sync;

/// A network of names, in which every address is answered by one server.
struct Outside {
    names: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    resolved: AtomicUsize,
    connected: Mutex<Vec<SocketAddr>>,
    peer: Option<SocketAddr>,
    serve: Box<Served>,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outside")
    }
}

/// The near end of a connection, with an address at its far one.
struct Near(DuplexStream, SocketAddr);

impl Outside {
    fn new(serve: impl Fn(DuplexStream) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self {
            names: Mutex::default(),
            resolved: AtomicUsize::new(0),
            connected: Mutex::default(),
            peer: None,
            serve: Box::new(serve),
        }
        .name("public.test", &[PUBLIC])
    }

    /// A server that answers every request with these bytes.
    fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |mut far| {
            let answer = answer.clone();
            async move {
                read_head(&mut far).await;
                let _ = far.write_all(&answer).await;
            }
            .boxed()
        })
    }

    /// One more answer of the resolver for a name; the last one stays.
    fn name(self, name: &str, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.names.lock().unwrap().entry(name.to_owned()).or_default().push(addresses);
        self
    }

    fn connected(&self) -> Vec<String> {
        self.connected.lock().unwrap().iter().map(SocketAddr::to_string).collect()
    }
}

impl Network for Outside {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.resolved.fetch_add(1, Ordering::SeqCst);
        let mut names = self.names.lock().unwrap();
        let answer = match names.get_mut(&host) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        async { answer }.boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Connection>>> {
        self.connected.lock().unwrap().push(address);
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::spawn((self.serve)(far));
        let near = Near(near, self.peer.unwrap_or(address));
        async { Ok(Box::new(near) as Box<dyn Connection>) }.boxed()
    }

    fn is_own(&self, address: IpAddr) -> bool {
        address.to_string() == OWN
    }
}

impl Connection for Near {
    fn peer(&self) -> io::Result<SocketAddr> {
        Ok(self.1)
    }
}

impl AsyncRead for Near {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Near {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// A configuration under which every list says yes, so that the addresses alone decide.
fn open_config() -> EgressConfig {
    EgressConfig {
        hosts: vec![HostPattern::ANY],
        own_names: vec![String::from("Skerry.test"), String::from("hooks.skerry.test")],
        requests_per_minute: 1_000_000,
        ..EgressConfig::default()
    }
}

fn any_host() -> Allowance {
    Allowance::Script { tenant: TenantId::generate(), of_tenant: None, of_script: HostList::new(&[HostPattern::ANY]) }
}

fn get(url: &str) -> OutboundRequest {
    OutboundRequest {
        method: String::from("GET"),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        redirect: HttpRedirect::Follow,
        timeout: Duration::from_secs(20),
        carries_secret: false,
        idempotency_key: String::from("key"),
        lineage: String::from("lineage"),
    }
}

fn egress(network: &Arc<Outside>) -> Egress {
    Egress::new(&open_config(), Arc::clone(network) as Arc<dyn Network>).unwrap()
}

async fn send(network: Outside, request: OutboundRequest) -> (Result<OutboundResponse, EgressError>, Arc<Outside>) {
    let network = Arc::new(network);
    (egress(&network).send(request, &any_host()).await, network)
}

/// Each forbidden address of the table, with the resolver's answers for its name.
fn forbidden() -> Vec<(String, Vec<IpAddr>)> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/egress/forbidden.txt");
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| line.starts_with('"'));
    lines
        .map(|line| {
            let (url, answers) = line.rsplit_once('"').unwrap();
            let url = serde_json::from_str(&format!("{url}\"")).unwrap();
            let answers = answers.trim().split(',').filter(|answer| !matches!(*answer, "" | "-"));
            (url, answers.map(|answer| answer.parse().unwrap()).collect())
        })
        .collect()
}

/// A network that knows the table's names, and counts on nobody connecting.
fn table_network(table: &[(String, Vec<IpAddr>)], network: Outside) -> Outside {
    for (url, answers) in table.iter().filter(|(_, answers)| !answers.is_empty()) {
        let host = url::Url::parse(url).unwrap().host_str().unwrap().to_owned();
        network.names.lock().unwrap().insert(host, vec![answers.clone()]);
    }
    network.names.lock().unwrap().insert(String::from("empty.test"), vec![Vec::new()]);
    network
}

#[tokio::test]
async fn no_forbidden_address_is_connected_to() {
    let table = forbidden();
    assert!(table.len() >= 300, "{}", table.len());
    let network = Arc::new(table_network(&table, Outside::answering("HTTP/1.1 200 OK\r\n\r\n")));
    let egress = egress(&network);
    for (url, answers) in &table {
        let refused = egress.send(get(url), &any_host()).await.err();
        let is_right = matches!(refused, Some(EgressError::Denied | EgressError::Invalid(_)));
        assert!(is_right, "{url:?} {answers:?}: {refused:?}");
        if let Some(EgressError::Denied) = refused {
            let said = EgressError::Denied.to_string();
            assert!(answers.iter().all(|answer| !said.contains(&answer.to_string())), "{said}");
        }
    }
    assert_eq!(network.connected(), Vec::<String>::new());
}

#[tokio::test]
async fn no_redirect_leads_to_a_forbidden_address() {
    let table = forbidden();
    let absolute = |url: &&String| url.starts_with("http") && url.contains("://");
    let targets: Vec<&String> = table.iter().map(|(url, _)| url).filter(absolute).collect();
    assert!(targets.len() >= 300, "{}", targets.len());
    for target in targets {
        let answer = format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
        let network = table_network(&table, Outside::answering(answer));
        let (refused, network) = send(network, get("http://public.test/")).await;
        assert!(refused.is_err(), "{target:?}");
        assert_eq!(network.connected(), [format!("{PUBLIC}:80")], "{target:?}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_connected_to_as_it_was_judged() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let network = Outside::answering(answer).name("rebind.test", &[PUBLIC]).name("rebind.test", &["127.0.0.1"]);
    let network = Arc::new(network);
    let egress = egress(&network);
    let response = egress.send(get("http://rebind.test/"), &any_host()).await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (200, b"ok".as_slice()));
    assert_eq!(network.resolved.load(Ordering::SeqCst), 1, "what was judged is what is used");
    assert!(egress.send(get("http://rebind.test/"), &any_host()).await.is_err(), "the next request is judged anew");
    assert_eq!(network.connected(), [format!("{PUBLIC}:80")]);
}

#[tokio::test]
async fn a_connection_that_ends_elsewhere_than_judged_is_not_used() {
    let mut network = Outside::answering("HTTP/1.1 200 OK\r\n\r\n");
    network.peer = Some("10.0.0.1:80".parse().unwrap());
    let (refused, _) = send(network, get("http://public.test/")).await;
    assert_eq!(refused.err(), Some(EgressError::Denied));
}

#[tokio::test]
async fn lists_precede_the_resolver_and_all_of_them_have_to_agree() {
    let list = |entry: &str| HostList::of(&[entry.to_owned()]);
    let (yes, no) = ("*.example.com", "other.example.com");
    for (operator, tenant, script) in
        [(no, Some(yes), yes), (yes, Some(no), yes), (yes, Some(yes), no), (yes, None, no)]
    {
        let network = Arc::new(Outside::answering("HTTP/1.1 200 OK\r\n\r\n").name("api.example.com", &[PUBLIC]));
        let config = EgressConfig { hosts: vec![operator.parse().unwrap()], ..EgressConfig::default() };
        let egress = Egress::new(&config, Arc::clone(&network) as Arc<dyn Network>).unwrap();
        let (of_tenant, of_script) = (tenant.map(list), list(script));
        let allowance = Allowance::Script { tenant: TenantId::generate(), of_tenant, of_script };
        let refused = egress.send(get("https://api.example.com/"), &allowance).await;
        assert_eq!(refused.err(), Some(EgressError::Denied), "{operator} {tenant:?} {script}");
        assert_eq!(network.resolved.load(Ordering::SeqCst), 0, "nothing was asked");
    }
}

#[tokio::test]
async fn a_service_reaches_its_own_address_alone_and_follows_no_redirect() {
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://public.test/\r\ncontent-length: 0\r\n\r\n";
    let network = Arc::new(Outside::answering(answer).name("stock.test", &["10.1.2.3"]));
    let egress = egress(&network);
    let allowance = |private: Option<&str>| Allowance::Service {
        tenant: TenantId::generate(),
        host: String::from("stock.test"),
        port: 9000,
        private: private.map(|range| range.parse().unwrap()),
    };
    let open = allowance(Some("10.1.0.0/16"));
    let response = egress.send(get("http://stock.test:9000/"), &open).await.unwrap();
    assert_eq!(response.status, 302);
    for (url, allowance) in [
        ("http://stock.test:9001/", &open),
        ("http://public.test:9000/", &open),
        ("http://stock.test:9000/", &allowance(Some("10.2.0.0/16"))),
        ("http://stock.test:9000/", &allowance(None)),
    ] {
        assert_eq!(egress.send(get(url), allowance).await.err(), Some(EgressError::Denied), "{url}");
    }
    assert_eq!(network.connected(), ["10.1.2.3:9000"]);
}

#[tokio::test]
async fn what_is_no_good_answer_is_unavailable_or_too_large() {
    let head = "HTTP/1.1 200 OK\r\n";
    let many: String = (0..101).map(|number| format!("h{number}: v\r\n")).collect();
    let long = "v".repeat(70 << 10);
    let unavailable = [
        String::from("nonsense\r\n\r\n"),
        String::new(),
        String::from(head),
        format!("{head}{many}\r\n"),
        format!("{head}long: {long}\r\n\r\n"),
        format!("{head}content-length: 10\r\n\r\nshort"),
        format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n"),
        format!("{head}content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        String::from("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
        String::from("HTTP/1.1 302 Found\r\nlocation: http://[/\r\ncontent-length: 0\r\n\r\n"),
        String::from("HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n"),
    ];
    for answer in unavailable {
        let (refused, _) = send(Outside::answering(answer.clone()), get("http://public.test/")).await;
        let refused = refused.err();
        let shown: String = answer.chars().take(60).collect();
        assert!(matches!(refused, Some(EgressError::Unavailable(_))), "{shown:?}: {refused:?}");
    }
    let body = "x".repeat(BODY_BYTES_MAX + 1);
    for answer in [format!("{head}content-length: {}\r\n\r\n", body.len()), format!("{head}\r\n{body}")] {
        let (refused, _) = send(Outside::answering(answer), get("http://public.test/")).await;
        assert!(matches!(refused.err(), Some(EgressError::TooLarge(_))));
    }
    let largest = format!("{head}\r\n{}", &body[1..]);
    let (response, _) = send(Outside::answering(largest), get("http://public.test/")).await;
    assert_eq!(response.unwrap().body.len(), BODY_BYTES_MAX);
}

#[tokio::test]
async fn a_redirect_changes_method_and_headers_as_fetch_has_it() {
    // Status, method sent, method that follows, whether body and credentials are still there.
    let cases = [
        (301, "POST", "GET", false),
        (302, "POST", "GET", false),
        (303, "PUT", "GET", false),
        (301, "PUT", "PUT", true),
        (307, "POST", "POST", true),
        (308, "POST", "POST", true),
    ];
    for (status, method, next, keeps_body) in cases {
        for (location, same_origin) in [("/next", true), ("http://other.test/next", false)] {
            let heads = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&heads);
            let network = Outside::new(move |mut far| {
                let heads = Arc::clone(&seen);
                async move {
                    let head = read_head(&mut far).await;
                    let is_first = head.contains(" /first ");
                    heads.lock().unwrap().push(head);
                    let answer = match is_first {
                        true => format!("HTTP/1.1 {status} X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"),
                        false => String::from("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
                    };
                    let _ = far.write_all(answer.as_bytes()).await;
                    let _ = far.read_to_end(&mut Vec::new()).await;
                }
                .boxed()
            });
            let header = |name: &str| Header { name: name.to_owned(), value: String::from("v") };
            let request = OutboundRequest {
                method: method.to_owned(),
                body: b"body".to_vec(),
                headers: ["authorization", "cookie", "content-type", "x-own"].map(header).to_vec(),
                ..get("http://public.test/first")
            };
            let (response, _) = send(network.name("other.test", &[PUBLIC]), request).await;
            let response = response.unwrap();
            assert!(response.redirected && response.url.ends_with("/next"), "{}", response.url);
            let second = heads.lock().unwrap()[1].clone();
            let case = format!("{status} {method} {location}: {second}");
            assert!(second.starts_with(&format!("{next} /next HTTP/1.1\r\n")), "{case}");
            assert_eq!(second.contains("content-length: 4"), keeps_body, "{case}");
            assert_eq!(second.contains("content-type: v"), keeps_body, "{case}");
            assert_eq!(second.contains("authorization: v") && second.contains("cookie: v"), same_origin, "{case}");
            assert!(second.contains("x-own: v") && second.contains("idempotency-key: key"), "{case}");
        }
    }
}

#[tokio::test]
async fn a_request_with_a_secret_follows_no_redirect() {
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://public.test/next\r\ncontent-length: 0\r\n\r\n";
    let request = |redirect, carries_secret| OutboundRequest { redirect, carries_secret, ..get("http://public.test/") };
    for (redirect, carries_secret) in [(HttpRedirect::Follow, true), (HttpRedirect::Manual, false)] {
        let (response, network) = send(Outside::answering(answer), request(redirect, carries_secret)).await;
        assert_eq!(response.unwrap().status, 302);
        assert_eq!(network.connected().len(), 1);
    }
    let (refused, _) = send(Outside::answering(answer), request(HttpRedirect::Error, false)).await;
    assert!(matches!(refused.err(), Some(EgressError::Unavailable(_))));
}

/// A server for `names` behind TLS, and the file with the authority that vouches for it. It answers `answer`, or with the
/// names that it was asked for.
fn tls_server(names: &[&str], answer: Option<&'static str>) -> (Outside, tempfile::NamedTempFile) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), authority.pem()).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let network = Outside::new(move |far| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(far).await else { return };
            let asked = stream.get_ref().1.server_name().map(str::to_owned);
            let head = read_head(&mut stream).await;
            let host = head.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned));
            let body = format!("{asked:?} {host:?}");
            let names = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.unwrap_or(&names).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        .boxed()
    });
    (network, file)
}

#[tokio::test]
async fn tls_asks_for_the_name_that_was_written_and_believes_only_its_authorities() {
    let cases = [(&["public.test"][..], true, true), (&["other.test"], true, false), (&["public.test"], false, false)];
    for (names, is_trusted, is_answered) in cases {
        let (network, file) = tls_server(names, None);
        let ca_file = is_trusted.then(|| file.path().to_owned());
        let egress = Egress::new(&EgressConfig { ca_file, ..open_config() }, Arc::new(network)).unwrap();
        let answer = egress.send(get("https://public.test/"), &any_host()).await;
        match answer {
            Ok(response) => {
                assert!(is_answered, "{names:?} {is_trusted}");
                assert_eq!(response.body, br#"Some("public.test") Some("public.test")"#);
            }
            Err(error) => assert!(!is_answered && matches!(error, EgressError::Unavailable(_)), "{names:?} {error}"),
        }
    }
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_refused() {
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://public.test/\r\ncontent-length: 0\r\n\r\n";
    let (network, file) = tls_server(&["public.test"], Some(answer));
    let config = EgressConfig { ca_file: Some(file.path().to_owned()), ..open_config() };
    let network = Arc::new(network);
    let egress = Egress::new(&config, Arc::clone(&network) as Arc<dyn Network>).unwrap();
    let refused = egress.send(get("https://public.test/"), &any_host()).await;
    assert_eq!(refused.err(), Some(EgressError::Denied));
    assert_eq!(network.connected(), [format!("{PUBLIC}:443")]);
}
