//! `[clients]`: the door for browsers and apps.

use std::net::SocketAddr;
use std::time::Duration;

use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};
use super::url;

/// The clients' door.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Connections at the same time.
    pub max_connections: usize,
    /// The largest frame from a client.
    pub max_frame_bytes: usize,
    /// Topics that one connection may subscribe to.
    pub max_subscriptions: usize,
    /// How long a connection may stay without a token.
    pub auth_timeout: Duration,
    /// How often a quiet connection is asked for a sign of life.
    pub heartbeat: Duration,
    /// How long before its end a token's client is told so.
    pub expiring_notice: Duration,
    /// Origins of pages that may connect; `*` alone is every origin.
    pub allowed_origins: Vec<String>,
    /// The cookie that may hold a token.
    pub cookie: Option<String>,
    /// What may wait for one slow client.
    pub outbox_bytes: usize,
    /// How long a client may take nothing of what is written to it.
    pub write_timeout: Duration,
    /// Events that one connection may emit a second.
    pub emit_rate: usize,
    /// Events that one connection may emit at once.
    pub emit_burst: usize,
    /// The largest `data` of an event from a client.
    pub max_emit_bytes: usize,
}

/// The rows of this section.
pub(super) const SETTINGS: [Setting; 14] = [
    Setting {
        key: "clients.listen",
        kind: Kind::Address,
        default: Some("0.0.0.0:8080"),
        dev: Some("127.0.0.1:8080"),
        description: "Address and port for clients. Port 0 takes a free one, which the log tells.",
        reason: "In production a proxy on another machine must reach it; in `dev` nobody else needs to.",
        ..BLANK
    },
    Setting {
        key: "clients.max_connections",
        kind: Kind::Count(1, 10_000_000),
        default: Some("19000"),
        description: "Connections at the same time; the next one is refused.",
        reason: "A node is sized so that it still has room when another one's clients come over.",
        ..BLANK
    },
    Setting {
        key: "clients.max_frame_bytes",
        kind: Kind::Count(1_024, 16_777_216),
        default: Some("65536"),
        description: "The largest frame that a client may send.",
        reason: "Clients send commands and small events; a larger frame is a mistake or an attack.",
        ..BLANK
    },
    Setting {
        key: "clients.max_subscriptions",
        kind: Kind::Count(1, 100_000),
        default: Some("100"),
        description: "Topics that one connection may be subscribed to.",
        reason: "Far above what one page shows, and far below what would burden the bus.",
        ..BLANK
    },
    Setting {
        key: "clients.auth_timeout",
        kind: Kind::Duration(Duration::from_millis(100), Duration::from_secs(300)),
        default: Some("5s"),
        description: "How long a connection that brought no token may take to send one.",
        reason: "The contract says 5 seconds: time for a slow phone, little for someone who only holds sockets.",
        ..BLANK
    },
    Setting {
        key: "clients.heartbeat",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(3_600)),
        default: Some("25s"),
        description: "How often a quiet connection is asked for a sign of life; clients are told in the welcome.",
        reason: "Below the 30 seconds after which the strictest common proxies close a quiet connection.",
        ..BLANK
    },
    Setting {
        key: "clients.expiring_notice",
        kind: Kind::Duration(Duration::ZERO, Duration::from_secs(86_400)),
        default: Some("60s"),
        description: "How long before its token ends a client is told so.",
        reason: "Time to fetch a new token, with retries, also over a bad network.",
        ..BLANK
    },
    Setting {
        key: "clients.allowed_origins",
        kind: Kind::List,
        default: Some("*"),
        description: "Origins of pages that may connect, such as `https://app.example.com`; `*` alone is every origin.",
        reason: "The token admits a client, not a cookie that another page could ride on; narrow it when you can.",
        ..BLANK
    },
    Setting {
        key: "clients.cookie",
        description: "Name of a cookie in which a token may come to `/events` and `/socket.io/`, from pages of the same host and \
               of origins that `clients.allowed_origins` lists by name. Without it cookies are not looked at.",
        reason: "A browser sends a cookie for whichever page asks; only who needs it should have to think of that.",
        ..BLANK
    },
    Setting {
        key: "clients.outbox_bytes",
        kind: Kind::Count(4_096, 1_073_741_824),
        default: Some("262144"),
        description: "What may wait in memory for one slow client; beyond that it is read from the log at the client's speed.",
        reason: "Several of the largest events, and still bearable if every client is slow at once.",
        ..BLANK
    },
    Setting {
        key: "clients.write_timeout",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(3_600)),
        default: Some("30s"),
        description: "How long a client may take nothing of what is written to it until its connection is dropped.",
        reason: "Longer than a phone takes to change its network, shorter than most give up.",
        ..BLANK
    },
    Setting {
        key: "clients.emit_rate",
        kind: Kind::Count(1, 100_000),
        default: Some("20"),
        description: "Events that one connection may emit a second; more are refused with `rate_limited`.",
        reason: "More than a person does, and little enough that a page in a loop burdens nobody.",
        ..BLANK
    },
    Setting {
        key: "clients.emit_burst",
        kind: Kind::Count(1, 100_000),
        default: Some("40"),
        description: "Events that one connection may emit at once, after it has been quiet.",
        reason: "What has piled up while a phone was in a tunnel goes out in one go.",
        ..BLANK
    },
    Setting {
        key: "clients.max_emit_bytes",
        kind: Kind::Count(1, 16_777_216),
        default: Some("32768"),
        description: "The largest `data` of an event from a client; `clients.max_frame_bytes` bounds the frame around it.",
        reason: "A message and its context; what is larger is better uploaded, and its address emitted.",
        ..BLANK
    },
];

impl Clients {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let clients = Self {
            listen: reader.address("clients.listen"),
            max_connections: reader.count("clients.max_connections"),
            max_frame_bytes: reader.count("clients.max_frame_bytes"),
            max_subscriptions: reader.count("clients.max_subscriptions"),
            auth_timeout: reader.duration("clients.auth_timeout"),
            heartbeat: reader.duration("clients.heartbeat"),
            expiring_notice: reader.duration("clients.expiring_notice"),
            allowed_origins: reader.list("clients.allowed_origins"),
            cookie: reader.text("clients.cookie"),
            outbox_bytes: reader.count("clients.outbox_bytes"),
            write_timeout: reader.duration("clients.write_timeout"),
            emit_rate: reader.count("clients.emit_rate"),
            emit_burst: reader.count("clients.emit_burst"),
            max_emit_bytes: reader.count("clients.max_emit_bytes"),
        };
        clients.check_origins(reader);
        clients
    }

    fn check_origins(&self, reader: &mut Reader<'_>) {
        const KEY: &str = "clients.allowed_origins";
        if self.allowed_origins.is_empty() {
            reader.error(KEY, "an empty list", "at least one origin, or `*` for every origin");
        }
        if self.allowed_origins.len() > 1 && self.allowed_origins.iter().any(|origin| origin == "*") {
            reader.error(KEY, "`*` beside other origins", "either `*` alone or the origins without it");
        }
        for origin in self.allowed_origins.iter().filter(|origin| *origin != "*" && !url::is_origin(origin)) {
            let found = format!("`{origin}`");
            reader.error(KEY, found, "an origin: `http` or `https`, a host in lower case, a port if any, no path");
        }
    }
}
