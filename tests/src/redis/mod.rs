//! Real `redis-server` processes for tests. Each uses a free port and a temporary folder, and can
//! be killed and restarted. Several servers form a [`Cluster`], or a primary and a replica under
//! [`Sentinels`].
//!
//! The module owns the processes and their files. Tests get URLs, commands and faults from it. It
//! knows nothing about Wirebell.

mod cluster;
mod members;
mod replication;
mod sentinel;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use redis::{FromRedisValue, RedisResult};

use crate::eventually;

pub use self::cluster::Cluster;
pub use self::members::Member;
pub use self::sentinel::Sentinels;

/// Options that make a server keep its data after a crash. Later options override earlier ones.
const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// A running server. It is stopped and its folder removed when the value is dropped.
pub struct Redis {
    port: u16,
    folder: PathBuf,
    options: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// Starts a server without persistence.
    pub async fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"]).await
    }

    /// Starts a server that keeps its data after [`Self::kill`] and [`Self::restart`].
    pub async fn start_durable() -> Self {
        Self::start_with(&[&["--save", ""], &DURABLE[..]].concat()).await
    }

    /// Starts a server with these options.
    pub async fn start_with(options: &[&str]) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("wirebell-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let options = options.iter().map(ToString::to_string).collect();
        let mut redis = Self { port, folder, options, child: None };
        redis.restart().await;
        redis
    }

    /// Returns the URL, with the password if there is one.
    pub fn url(&self) -> String {
        format!("redis://{}127.0.0.1:{}", self.userinfo(), self.port)
    }

    /// Returns the user information of the URL.
    fn userinfo(&self) -> String {
        let at = self.options.iter().position(|option| option == "--requirepass");
        at.map_or_else(String::new, |at| format!(":{}@", self.options[at + 1]))
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a command on a new connection.
    pub async fn query<T: FromRedisValue>(&self, command: &[&str]) -> RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await
    }

    /// Cuts every pub/sub connection, and returns their number.
    pub async fn cut_subscribers(&self) -> u64 {
        let client = redis::Client::open(self.url()).expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("the server answers");
        let kill = redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").to_owned();
        kill.query_async(&mut connection).await.expect("a number")
    }

    /// Returns whether the server is running.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Sends a signal by name to the process.
    pub fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
            assert!(
                sent.is_ok_and(|status| status.success()),
                "the server is not running and cannot receive SIG{name}"
            );
        }
    }

    /// Kills the server, like a crash.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server was running");
            child.wait().expect("the server ends");
        }
    }

    /// Restarts the server on the same port, and waits until it responds.
    pub async fn restart(&mut self) {
        self.kill();
        let mut server = Command::new("redis-server");
        // A sentinel keeps its state in a file, which must exist.
        let file = self.folder.join("redis.conf");
        if self.options.iter().any(|option| option == "--sentinel") {
            std::fs::File::options().append(true).create(true).open(&file).expect("a file of its own");
            server.arg(&file);
        }
        let child = server
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(&self.folder)
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.child = Some(child);
        let url = self.url();
        eventually("redis-server answers", || answers(&url)).await;
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn answers(url: &str) -> bool {
    let Ok(client) = redis::Client::open(url) else { return false };
    let Ok(mut connection) = client.get_multiplexed_async_connection().await else { return false };
    redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
}

/// Returns a free port below the ephemeral range. On a port of that range, a client that retries
/// while the server is down may connect to itself.
fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
