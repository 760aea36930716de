//! A server process on ports of its own, and the plainest HTTP client there is.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(crate) fn skerry() -> Command {
    Command::new(env!("CARGO_BIN_EXE_skerry"))
}

/// A running server.
pub(crate) struct Process {
    child: Child,
    pub(crate) api: SocketAddr,
    pub(crate) endpoints: SocketAddr,
    pub(crate) token: String,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }
}

impl Process {
    /// Start a server on `data` and wait until it says that it is running.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, |_| ())
    }

    /// The same for a process that is set up otherwise.
    pub(crate) fn start_with(data: &Path, adjust: impl FnOnce(&mut Command)) -> Self {
        let (api, endpoints) = (free_address(), free_address());
        let mut command = skerry();
        command
            .args(["serve", "--data", &data.display().to_string()])
            .args(["--listen", &api.to_string(), "--endpoints-listen", &endpoints.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        adjust(&mut command);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("the server ended before it said anything").unwrap();
        assert!(first.contains("running"), "{first}");
        let token = std::fs::read_to_string(data.join("bootstrap-token")).unwrap().trim().to_owned();
        Self { child, api, endpoints, token }
    }

    /// End the process at once, as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A request to the API.
    pub(crate) fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Answer> {
        let headers = format!("authorization: Bearer {}\r\nprefer: wait\r\n", self.token);
        request(self.api, method, &format!("/api/v1{path}"), &headers, body.map(Value::to_string).as_deref())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own; nothing where the server is gone before the answer is whole.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &str,
    body: Option<&str>,
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let body = body.unwrap_or_default();
    let content = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{content}{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    whole(&answer)
}

/// Take an answer apart, if all of it came.
fn whole(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let headers = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = headers.split_whitespace().nth(1)?.parse().ok()?;
    let body = answer[end + 4..].to_vec();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    (length.is_none_or(|length| length == body.len())).then_some(Answer { status, headers, body })
}

/// An address that nobody listens on.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A directory for one server.
pub(crate) fn data() -> TempDir {
    TempDir::new().unwrap()
}

impl Process {
    /// Send the signal without waiting: other threads still talk to the server.
    pub(crate) fn kill_now(&self) {
        let killed = Command::new("kill").args(["-9", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// A request to the API that does not ask to wait.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Option<Answer> {
        let headers = format!("authorization: Bearer {}\r\n", self.token);
        request(self.api, "POST", &format!("/api/v1{path}"), &headers, Some(&body.to_string()))
    }

    /// What the API shows at `path`.
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.api("GET", path, None).unwrap_or_else(|| panic!("the server is gone"));
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// Have an execution accepted; answers its id.
    pub(crate) fn accept(&self, path: &str) -> String {
        let headers = format!("authorization: Bearer {}\r\n", self.token);
        let answer = request(self.api, "POST", &format!("/api/v1{path}"), &headers, Some("{}")).unwrap();
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["id"].as_str().unwrap().to_owned()
    }
}

impl Process {
    /// Send a signal, as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Wait until the process has ended by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}
