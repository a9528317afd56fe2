//! A node: the program `wirebell`, started as an operator starts it, on ports that the system
//! chooses.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::log::Log;
use crate::redis::Redis;
use crate::server_api::ServerApi;
use crate::token::{AUDIENCE, ISSUER, SECRET};

/// The API key of every node that [`Setup::serve`] starts.
pub const API_KEY: &str = "a-service-key-of-the-tests";

/// The arguments and the environment of a node.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// The result of a process that ended by itself.
#[derive(Debug)]
pub struct ExitResult {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// Everything that the process wrote.
    pub output: String,
}

impl Setup {
    /// Returns `wirebell` with these arguments and an empty environment.
    pub fn bare(arguments: &[&str]) -> Self {
        Self { arguments: arguments.iter().map(ToString::to_string).collect(), environment: BTreeMap::new() }
    }

    /// Returns `wirebell serve` on this Redis with a complete configuration. A test sets only what
    /// it needs.
    pub fn serve(redis: &Redis) -> Self {
        Self::serve_at(&redis.url())
    }

    /// Returns the same for the Redis at this URL.
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

    /// Sets a configuration key through the environment.
    #[must_use]
    pub fn set(self, key: &str, value: &str) -> Self {
        let name = format!("WIREBELL_{}", key.replace('.', "_").to_uppercase());
        self.environment(&name, value)
    }

    /// Removes a configuration key.
    #[must_use]
    pub fn unset(mut self, key: &str) -> Self {
        self.environment.remove(&format!("WIREBELL_{}", key.replace('.', "_").to_uppercase()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Appends an argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts the node and waits until it is ready.
    pub async fn start(&self) -> Node {
        let node = self.start_unready().await;
        node.wait_ready().await;
        node
    }

    /// Starts the node and waits until it listens, ready or not.
    pub async fn start_unready(&self) -> Node {
        let log = Log::default();
        let child = self.spawn(&log);
        let mut node = Node { child, log, clients: unknown(), services: unknown() };
        node.wait_for_addresses().await;
        node
    }

    /// Runs the process and waits until it ends by itself.
    pub fn run(&self) -> ExitResult {
        let log = Log::default();
        let mut child = self.spawn(&log);
        let status = wait(&mut child).unwrap_or_else(|| {
            let _ = child.kill();
            panic!("{:?} did not end; it wrote:\n{}", self.arguments, log.text())
        });
        // The readers of the pipes may lag behind the end of the process. A grandchild could keep a pipe open.
        let deadline = Instant::now() + crate::TIMEOUT;
        while !log.is_complete() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        ExitResult { status, output: log.text() }
    }

    /// Starts the process and returns it. The caller must end it.
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
    /// The node's output.
    pub log: Log,
    /// Address of the client API.
    pub clients: SocketAddr,
    /// Address of the server API.
    pub services: SocketAddr,
}

impl Node {
    /// Returns a client of the server API, with the API key.
    pub fn api(&self) -> ServerApi {
        ServerApi::new(self.services, Some(API_KEY))
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the node to stop, as an orchestrator does.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by name. The `kill` of the shell exists on every machine.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the node is not running and cannot receive SIG{name}");
    }

    /// Waits until the process ends.
    pub async fn ended(&mut self) -> ExitStatus {
        let started_at = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of this process") {
                return status;
            }
            assert!(started_at.elapsed() < 2 * crate::TIMEOUT, "the node does not end:\n{}", self.log.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns whether the process is running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child of this process").is_none()
    }

    /// Waits until `/readyz` returns 200.
    pub async fn wait_ready(&self) {
        let api = self.api();
        crate::eventually("/readyz says 200", || async { api.get("/readyz").await.status == 200 }).await;
    }

    async fn wait_for_addresses(&mut self) {
        let started_at = Instant::now();
        let fields = loop {
            if let Some(fields) = self.log.fields("listening") {
                break fields;
            }
            let status = self.child.try_wait().expect("a child of this process");
            assert!(status.is_none(), "the node ended ({status:?}) before it listened:\n{}", self.log.text());
            assert!(started_at.elapsed() < crate::TIMEOUT, "no `listening` in the log:\n{}", self.log.text());
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

/// Returns the program under test: `WIREBELL_BIN`, or the one that was built beside this test.
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
    let started_at = Instant::now();
    while started_at.elapsed() < crate::TIMEOUT {
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
