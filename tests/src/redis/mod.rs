//! A real `redis-server` of its own: free port, temporary folder, killed and started again at will. Several of them
//! make a [`Cluster`], or a primary and a replica that [`Sentinels`] look after.

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

/// What makes a server have everything again after a crash; later options win over earlier ones.
const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// A running server. It is stopped, and its folder removed, when the value is dropped.
pub struct Redis {
    port: u16,
    folder: PathBuf,
    options: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// A server that keeps nothing on disk.
    pub async fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"]).await
    }

    /// A server that has everything again after [`Self::kill`] and [`Self::restart`].
    pub async fn start_durable() -> Self {
        Self::start_with(&[&["--save", ""], &DURABLE[..]].concat()).await
    }

    /// A server with these options.
    pub async fn start_with(options: &[&str]) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("wirebell-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let options = options.iter().map(ToString::to_string).collect();
        let mut redis = Self { port, folder, options, child: None };
        redis.restart().await;
        redis
    }

    /// Its URL, with its password if it has one.
    pub fn url(&self) -> String {
        format!("redis://{}127.0.0.1:{}", self.userinfo(), self.port)
    }

    /// What stands before the host in a URL.
    fn userinfo(&self) -> String {
        let at = self.options.iter().position(|option| option == "--requirepass");
        at.map_or_else(String::new, |at| format!(":{}@", self.options[at + 1]))
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Asks it something, on a connection of its own.
    pub async fn query<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    /// Cuts every connection that listens on pub/sub; says how many there were.
    pub async fn cut_subscribers(&self) -> u64 {
        let client = redis::Client::open(self.url()).expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("the server answers");
        let kill = redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").to_owned();
        kill.query_async(&mut connection).await.expect("a number")
    }

    /// Does it run?
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Sends its process a signal by name.
    pub fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
            assert!(sent.is_ok_and(|status| status.success()), "the server was not there to get SIG{name}");
        }
    }

    /// Ends it without a goodbye, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server was running");
            child.wait().expect("the server ends");
        }
    }

    /// Starts it again on the same port, and waits until it answers.
    pub async fn restart(&mut self) {
        self.kill();
        let mut command = Command::new("redis-server");
        // A sentinel keeps what it learns in a file, which has to be there.
        let file = self.folder.join("redis.conf");
        if self.options.iter().any(|option| option == "--sentinel") {
            std::fs::File::options().append(true).create(true).open(&file).expect("a file of its own");
            command.arg(&file);
        }
        let child = command
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

/// A free port below the range from which the system takes those of outgoing connections: on one of that range, a
/// client that tries again and again while the server is down may end up connected to itself.
fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
