//! A row of the table, and how its input is sent. Every response becomes one line, which keeps the
//! table readable.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use wirebell_tests::TIMEOUT;
use wirebell_tests::client::{Client, Incoming, TokenLocation};
use wirebell_tests::keys::Pair;
use wirebell_tests::log::Log;
use wirebell_tests::node::{API_KEY, Node, Setup};
use wirebell_tests::raw::{End, RawClient};
use wirebell_tests::redis::Redis;
use wirebell_tests::server_api::ServerApi;
use wirebell_tests::token::{Issuer, claims, with};

/// The payload of the rows. It must not be in a log.
pub(crate) const PAYLOAD: &str = "payload-that-no-log-may-show";
/// An invalid key or secret. It must not be in a log or in an error message.
pub(crate) const BOGUS: &str = "bogus-secret-that-no-output-may-show";

/// One row of the table.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) input: Input,
    /// The correct responses; each may also be the beginning of one.
    pub(crate) expected: Vec<String>,
}

/// The input of a row.
pub(crate) enum Input {
    /// A token, sent to the node with a secret or to the node with a public key. The response is
    /// `<error> <close code>`.
    Token { location: TokenLocation, token: String, public_key: bool },
    /// A connection without a token. The response is `<error> <close code>`.
    NoToken,
    /// Messages over a valid connection, and then a ping. The response is the errors, and `open` or
    /// the close code.
    Frames(Vec<Message>),
    /// Bytes over a valid connection. The response is `closed <code>`, `dropped` or `open`.
    Bytes(Vec<u8>),
    /// A request to the server API. The response is `<status> <code> <attribute>`, or that of each
    /// item.
    Request { method: &'static str, path: String, headers: Vec<(&'static str, String)>, body: String },
    /// The head of a request without a body. The response is the status line.
    Head(String),
    /// A start of the program. The response is `rejected` if the error contains all names,
    /// otherwise the missing names.
    Start { setup: Setup, names: &'static [&'static str] },
}

impl Row {
    /// Returns a row. `expected` is one response, or several separated by ` | `.
    pub(crate) fn new(name: &str, input: Input, expected: &str) -> Self {
        Self { name: name.to_owned(), input, expected: expected.split(" | ").map(ToOwned::to_owned).collect() }
    }

    pub(crate) fn accepts(&self, response: &str) -> bool {
        self.expected.iter().any(|right| response == right || response.starts_with(&format!("{right} ")))
    }
}

/// Two nodes on one Redis: one with a secret, one with a public key.
pub(crate) struct Bench {
    pub(crate) node: Node,
    keyed: Node,
    pub(crate) pair: Pair,
    _redis: Redis,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let redis = Redis::start().await;
        let pair = Pair::rs256();
        let small = Setup::serve(&redis).set("clients.auth_timeout", "1s").set("clients.max_subscriptions", "3");
        let small = small.set("services.max_batch", "10").set("services.max_data_bytes", "1000");
        let small = small.set("clients.max_emit_bytes", "1000").set("clients.emit_rate", "100");
        let node = small.set("clients.max_frame_bytes", "2048").start().await;
        let keyed =
            Setup::serve(&redis).unset("auth.secret").set("auth.public_key", &pair.public_pem).start().await;
        Self { node, keyed, pair, _redis: redis }
    }

    pub(crate) async fn is_alive(&self) -> bool {
        self.node.api().get("/livez").await.status == 200 && self.keyed.api().get("/livez").await.status == 200
    }

    pub(crate) fn logs(&self) -> [&Log; 2] {
        [&self.node.log, &self.keyed.log]
    }

    pub(crate) async fn response(&self, input: &Input) -> String {
        match input {
            Input::Token { location, token, public_key } => {
                let node = if *public_key { &self.keyed } else { &self.node };
                connect_with_token(node, Some((*location, token))).await
            }
            Input::NoToken => connect_with_token(&self.node, None).await,
            Input::Frames(messages) => self.frames(messages).await,
            Input::Bytes(bytes) => self.bytes(bytes).await,
            Input::Request { method, path, headers, body } => self.request(method, path, headers, body).await,
            Input::Head(head) => send_head(&self.node, head).await,
            Input::Start { setup, names } => start(setup, names),
        }
    }

    async fn frames(&self, messages: &[Message]) -> String {
        let permitted = with(claims("frames"), "topics", serde_json::json!(["t*"]));
        let permitted = with(permitted, "emit", serde_json::json!(["t*"]));
        let mut client = Client::connect(self.node.clients, &Issuer::default().sign(&permitted)).await;
        for message in messages {
            client.send_message(message.clone()).await;
        }
        client.send(&serde_json::json!({"type": "wirebell.ping", "ref": "last"})).await;
        let mut words = Vec::new();
        loop {
            match client.next(TIMEOUT).await {
                Incoming::Frame(frame) if frame["type"] == "wirebell.error" => words.push(text(&frame["code"])),
                Incoming::Frame(frame) if frame["type"] == "wirebell.pong" => {
                    words.push("open".to_owned());
                    break;
                }
                Incoming::Frame(_) | Incoming::Ping => {}
                end => {
                    words.push(describe_end(&end));
                    break;
                }
            }
        }
        // Repeated errors count once.
        words.dedup();
        words.join(" ")
    }

    async fn bytes(&self, bytes: &[u8]) -> String {
        let mut client = RawClient::connect(self.node.clients, &Issuer::default().token("raw")).await;
        client.send(bytes).await;
        match client.end().await {
            End::Closed(code) => format!("closed {code}"),
            End::Dropped => "dropped".to_owned(),
            End::Open => "open".to_owned(),
        }
    }

    async fn request(&self, method: &str, path: &str, headers: &[(&str, String)], body: &str) -> String {
        let given = headers.iter().any(|(name, _)| *name == "authorization");
        let api = ServerApi::new(self.node.services, (!given).then_some(API_KEY));
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let response = api.send(method, path, &headers, body.to_owned()).await;
        let json = response.json();
        if let Value::Array(items) = &json {
            let items: Vec<String> = items.iter().map(describe_item).collect();
            return format!("{} [{}]", response.status, items.join(", "));
        }
        let problem = response.header("content-type").starts_with("application/problem+json");
        if problem && json["status"] != response.status {
            return format!("{} but the problem document says {}", response.status, json["status"]);
        }
        let code = [text(&json["code"]), text(&json["attribute"])].join(" ");
        format!("{} {}", response.status, code.trim()).trim().to_owned()
    }
}

async fn connect_with_token(node: &Node, token: Option<(TokenLocation, &str)>) -> String {
    let mut client = match Client::open(node.clients, token).await {
        Ok(client) => client,
        Err(rejected) => return format!("HTTP {}", rejected.status),
    };
    let first = client.next(TIMEOUT).await;
    if matches!(&first, Incoming::Frame(frame) if frame["type"] == "wirebell.welcome") {
        return "accepted".to_owned();
    }
    let (frames, end) = match first {
        Incoming::Frame(frame) => {
            let (frames, end) = client.ending().await;
            ([vec![frame], frames].concat(), end)
        }
        other => (Vec::new(), other),
    };
    let mut words: Vec<String> = Vec::new();
    for frame in &frames {
        words.push(if frame["type"] == "wirebell.error" { text(&frame["code"]) } else { text(&frame["type"]) });
    }
    words.push(describe_end(&end));
    words.join(" ")
}

async fn send_head(node: &Node, head: &str) -> String {
    let mut stream = TcpStream::connect(node.services).await.expect("the node listens");
    let head = head.replace("KEY", API_KEY);
    stream.write_all(head.as_bytes()).await.expect("the head is sent");
    let mut response = [0; 12];
    let read = tokio::time::timeout(TIMEOUT, stream.read_exact(&mut response)).await;
    match read {
        Ok(Ok(_)) => String::from_utf8_lossy(&response[9..]).into_owned(),
        other => format!("{other:?}"),
    }
}

fn start(setup: &Setup, names: &[&str]) -> String {
    let ended = setup.run();
    if ended.status.success() {
        return "started and exited with 0".to_owned();
    }
    if ended.output.contains(BOGUS) || ended.output.contains("panicked") {
        return format!("the output contains a secret or a panic: {}", ended.output);
    }
    let missing: Vec<&str> = names.iter().copied().filter(|name| !ended.output.contains(name)).collect();
    if missing.is_empty() { "rejected".to_owned() } else { format!("{missing:?} missing in: {}", ended.output) }
}

fn describe_item(item: &Value) -> String {
    [item["status"].to_string(), text(&item["code"]), text(&item["attribute"])].join(" ").trim().to_owned()
}

fn describe_end(end: &Incoming) -> String {
    match end {
        Incoming::Closed(Some(code)) => code.to_string(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}
