//! A node: the program `wirebell`, started as an operator starts it, on ports of its own choice.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::log::Log;
use crate::redis::Redis;
use crate::server_api::ServerApi;
use crate::token::{AUDIENCE, ISSUER, SECRET};

/// The service key of every node that [`Setup::serve`] starts.
pub const API_KEY: &str = "a-service-key-of-the-tests";

/// How a node is to be started.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// How a run that was expected to end by itself ended.
#[derive(Debug)]
pub struct ExitResult {
    /// By which code or signal.
    pub status: ExitStatus,
    /// All that it wrote.
    pub output: String,
}

impl Setup {
    /// `wirebell` with these arguments and no environment.
    pub fn bare(arguments: &[&str]) -> Self {
        Self { arguments: arguments.iter().map(ToString::to_string).collect(), environment: BTreeMap::new() }
    }

    /// `wirebell serve` on this Redis, whole and right: what a test does not care for need not be named.
    pub fn serve(redis: &Redis) -> Self {
        Self::serve_at(&redis.url())
    }

    /// The same, on whatever is at this URL.
    pub fn serve_at(url: &str) -> Self {
        Self::bare(&["serve"])
            .set("bus.redis", url)
            .set("clients.listen", "127.0.0.1:0")
            .set("services.listen", "127.0.0.1:0")
            .set("services.keys", API_KEY)
            .set("auth.secret", SECRET)
            .set("auth.issuer", ISSUER)
            .set("auth.audience", AUDIENCE)
    }

    /// A key of the configuration, given through the environment.
    #[must_use]
    pub fn set(self, key: &str, value: &str) -> Self {
        let name = format!("WIREBELL_{}", key.replace('.', "_").to_uppercase());
        self.environment(&name, value)
    }

    /// Not this key of the configuration.
    #[must_use]
    pub fn unset(mut self, key: &str) -> Self {
        self.environment.remove(&format!("WIREBELL_{}", key.replace('.', "_").to_uppercase()));
        self
    }

    /// A variable of the environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// One more argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts it and waits until it says that it is ready.
    pub async fn start(&self) -> Node {
        let node = self.start_unready().await;
        node.wait_ready().await;
        node
    }

    /// Starts it and waits until it listens, ready or not.
    pub async fn start_unready(&self) -> Node {
        let log = Log::default();
        let child = self.spawn(&log);
        let mut node = Node { child, log, clients: unknown(), services: unknown() };
        node.wait_for_addresses().await;
        node
    }

    /// Runs it to its end, which must come by itself.
    pub fn run(&self) -> ExitResult {
        let log = Log::default();
        let mut child = self.spawn(&log);
        let status = wait(&mut child).unwrap_or_else(|| {
            let _ = child.kill();
            panic!("{:?} did not end; it wrote:\n{}", self.arguments, log.text())
        });
        // The pipe's reader may be a moment behind the process' end.
        std::thread::sleep(Duration::from_millis(100));
        ExitResult { status, output: log.text() }
    }

    /// Starts it and leaves it to the caller, who must end it.
    pub fn spawn(&self, log: &Log) -> Child {
        let mut child = Command::new(program())
            .args(&self.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program().display()));
        log.follow(child.stdout.take().expect("piped"));
        log.follow(child.stderr.take().expect("piped"));
        child
    }
}

/// A running node. It is killed when the value is dropped.
pub struct Node {
    child: Child,
    /// What it wrote.
    pub log: Log,
    /// The clients' api.
    pub clients: SocketAddr,
    /// The services' api.
    pub services: SocketAddr,
}

impl Node {
    /// Its services' api, with the key to it.
    pub fn api(&self) -> ServerApi {
        ServerApi::new(self.services, Some(API_KEY))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as an operator's orchestrator does.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal by name. The shell's own `kill` is there on every machine.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the node was not there to get SIG{name}");
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of this process") {
                return status;
            }
            assert!(begun.elapsed() < 2 * crate::TIMEOUT, "the node does not end; {}", self.log.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Does it still run?
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child of this process").is_none()
    }

    /// Waits for `/readyz`.
    pub async fn wait_ready(&self) {
        let api = self.api();
        crate::eventually("/readyz says 200", || async { api.get("/readyz").await.status == 200 }).await;
    }

    async fn wait_for_addresses(&mut self) {
        let begun = Instant::now();
        let fields = loop {
            if let Some(fields) = self.log.fields("listening") {
                break fields;
            }
            let status = self.child.try_wait().expect("a child of this process");
            assert!(status.is_none(), "the node ended ({status:?}) before it listened:\n{}", self.log.text());
            assert!(begun.elapsed() < crate::TIMEOUT, "no `listening` in its log:\n{}", self.log.text());
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let address = |name: &str| fields[name].as_str().and_then(|text| text.parse().ok()).expect("an address");
        self.clients = address("clients");
        self.services = address("services");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let lines = self.log.lines();
            let last = &lines[lines.len().saturating_sub(20)..];
            eprintln!("the last lines of node {}:\n{}", self.clients, last.join("\n"));
        }
    }
}

/// The program under test: `WIREBELL_BIN`, or the one that was built beside this test.
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("WIREBELL_BIN") {
        return path.into();
    }
    let mut folder = std::env::current_exe().expect("a path of this program");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder.join("wirebell")
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < crate::TIMEOUT {
        if let Some(status) = child.try_wait().expect("a child of this process") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

fn unknown() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 0))
}
