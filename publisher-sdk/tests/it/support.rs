//! Shared helpers: a real Redis with access to its logs.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use redis::{FromRedisValue, Script};
use time::OffsetDateTime;
use wirebell_protocol::Shard;
use wirebell_protocol::event::rfc3339;
use wirebell_protocol::script::Call;
use wirebell_publisher::{Channel, Event, Keys};
use wirebell_tests::redis::Cluster;

/// A `redis-server` of one test, with its own data folder. Dropping it stops the server.
pub(crate) struct Redis {
    pub(crate) port: u16,
    folder: PathBuf,
    options: Vec<String>,
    child: Option<Child>,
}

/// An entry of a channel's log.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) cursor: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Redis {
    /// Starts a server on a free port.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut redis = Self::stopped(options);
        redis.run();
        redis
    }

    /// Returns a server that does not run yet.
    pub(crate) fn stopped(options: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("wirebell-publisher-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Self { port, folder, options, child: None }
    }

    /// Starts the server on its port and data.
    pub(crate) fn run(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
            .arg(&self.folder)
            .args(&self.options)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the server has loaded its data.
    pub(crate) fn wait_loaded(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while redis::cmd("PING").query::<String>(&mut self.client()).is_err() {
            assert!(Instant::now() < deadline, "redis-server did not load its data");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the server, like a crash.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends a signal: `STOP` makes the server hang, `CONT` resumes it.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn client(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Returns the log of a channel, oldest entry first.
    pub(crate) fn log(&self, channel: &str) -> Vec<Entry> {
        let key = Keys::default().log(&Channel::parse(channel).unwrap());
        let entries: Vec<(String, Vec<(String, String)>)> =
            redis::cmd("XRANGE").arg(key).arg("-").arg("+").query(&mut self.client()).unwrap();
        entries.into_iter().map(|(cursor, fields)| Entry { cursor, fields }).collect()
    }

    /// Returns the `data` of each log entry as a number.
    pub(crate) fn numbers(&self, channel: &str) -> Vec<u64> {
        self.log(channel).iter().map(|entry| entry.frame()["data"].as_u64().unwrap()).collect()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

impl Entry {
    pub(crate) fn field(&self, name: &str) -> &str {
        &self.fields.iter().find(|(field, _)| field == name).unwrap().1
    }

    /// The frame as clients receive it, without the cursor.
    pub(crate) fn frame(&self) -> serde_json::Value {
        serde_json::from_str(&format!("{}{}", self.field("h"), self.field("t"))).unwrap()
    }
}

/// An event whose data is a number.
pub(crate) fn numbered(channel: &str, number: u64) -> Event {
    Event::from_json(channel, "number", &number.to_string()).unwrap()
}

/// Returns the time in that many seconds.
pub(crate) fn in_seconds(seconds: i64) -> String {
    rfc3339(OffsetDateTime::now_utc() + time::Duration::seconds(seconds))
}

/// Direct access to the data of the bus.
pub(crate) trait Bus {
    /// Calls a script, as a node would.
    async fn run<T: FromRedisValue>(&self, call: Call) -> T;

    /// Runs a command for one key.
    async fn command<T: FromRedisValue>(&self, words: &[&str]) -> T;

    /// Returns the outcomes in the event's receipts.
    async fn outcomes(&self, id: &str) -> Vec<String> {
        let key = Keys::default().receipts(Shard::of(id));
        let entries: Vec<(String, Vec<(String, String)>)> = self.command(&["XRANGE", &key, "-", "+"]).await;
        let field = |fields: &[(String, String)], name: &str| {
            fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()).unwrap()
        };
        let ours = entries.iter().filter(|(_, fields)| field(fields, "id") == id);
        ours.map(|(_, fields)| field(fields, "outcome")).collect()
    }
}

impl Bus for &Redis {
    async fn run<T: FromRedisValue>(&self, call: Call) -> T {
        run(&mut self.client(), &call)
    }

    async fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        redis::cmd(words[0]).arg(&words[1..]).query(&mut self.client()).unwrap()
    }
}

impl Bus for &Cluster {
    async fn run<T: FromRedisValue>(&self, call: Call) -> T {
        let url = self.nodes()[self.owner(self.slot(&call.keys[0]).await, 0).await].url();
        run(&mut redis::Client::open(url).unwrap().get_connection().unwrap(), &call)
    }

    async fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let key = words.iter().find(|word| word.contains('{')).unwrap();
        self.nodes()[self.owner(self.slot(key).await, 0).await].query(words).await.unwrap()
    }
}

fn run<T: FromRedisValue>(connection: &mut redis::Connection, call: &Call) -> T {
    let script = Script::new(call.script.source());
    let mut invocation = script.prepare_invoke();
    for key in &call.keys {
        invocation.key(key);
    }
    for argument in &call.arguments {
        invocation.arg(argument);
    }
    invocation.invoke(connection).unwrap()
}

/// Waits until the condition holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(ready: impl Fn() -> F) {
    let waiting = async {
        while !ready().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}
