//! `[clients]`: the client API, for browsers and apps.

use std::net::SocketAddr;
use std::time::Duration;

use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};
use super::url;

/// The settings of the client API.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Maximum number of concurrent connections.
    pub max_connections: usize,
    /// Maximum size of a frame from a client.
    pub max_frame_bytes: usize,
    /// Maximum number of topics that one connection subscribes to.
    pub max_subscriptions: usize,
    /// Time within which a connection must authenticate.
    pub auth_timeout: Duration,
    /// Interval after which an idle connection is pinged.
    pub heartbeat: Duration,
    /// How long before its token expires a client is notified.
    pub expiring_notice: Duration,
    /// Origins of pages that may connect; `*` alone allows every origin.
    pub allowed_origins: Vec<String>,
    /// Name of the cookie that may hold a token.
    pub cookie: Option<String>,
    /// Size of a connection's send buffer.
    pub outbox_bytes: usize,
    /// How long a client may accept no data.
    pub write_timeout: Duration,
    /// Events per second that one connection may emit.
    pub emit_rate: usize,
    /// Events that one connection may emit at once.
    pub emit_burst: usize,
    /// Maximum size of `data` in an event from a client.
    pub max_emit_bytes: usize,
}

/// The settings of this section.
pub(super) const SETTINGS: [Setting; 14] = [
    Setting {
        key: "clients.listen",
        kind: Kind::Address,
        default: Some("0.0.0.0:8080"),
        dev: Some("127.0.0.1:8080"),
        description: "Address and port of the client API. Port 0 picks a free port; the log names it.",
        reason: "In production a proxy on another machine must reach it; in `dev` only this machine does.",
        ..BLANK
    },
    Setting {
        key: "clients.max_connections",
        kind: Kind::Count(1, 10_000_000),
        default: Some("19000"),
        description: "Maximum number of concurrent connections. Further connections are rejected.",
        reason: "A node at this size still has room for another node's clients when that node fails.",
        ..BLANK
    },
    Setting {
        key: "clients.max_frame_bytes",
        kind: Kind::Count(1_024, 16_777_216),
        default: Some("65536"),
        description: "Maximum size of a frame from a client.",
        reason: "Clients send commands and small events; a larger frame is a mistake or an attack.",
        ..BLANK
    },
    Setting {
        key: "clients.max_subscriptions",
        kind: Kind::Count(1, 100_000),
        default: Some("100"),
        description: "Maximum number of topics that one connection subscribes to.",
        reason: "Far more than one page shows, and far less than what would load the bus.",
        ..BLANK
    },
    Setting {
        key: "clients.auth_timeout",
        kind: Kind::Duration(Duration::from_millis(100), Duration::from_secs(300)),
        default: Some("5s"),
        description: "Time within which a connection without a token must send one.",
        reason: "The protocol says 5 seconds: enough for a slow phone, and short for a peer that only holds \
               sockets open.",
        ..BLANK
    },
    Setting {
        key: "clients.heartbeat",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(3_600)),
        default: Some("25s"),
        description: "Interval after which an idle connection is pinged. The `wirebell.welcome` frame contains it.",
        reason: "Below 30 seconds, after which the strictest common proxies close an idle connection.",
        ..BLANK
    },
    Setting {
        key: "clients.expiring_notice",
        kind: Kind::Duration(Duration::ZERO, Duration::from_secs(86_400)),
        default: Some("60s"),
        description: "How long before its token expires a client is notified.",
        reason: "Enough time to fetch a new token, with retries, over a bad network.",
        ..BLANK
    },
    Setting {
        key: "clients.allowed_origins",
        kind: Kind::List,
        default: Some("*"),
        description: "Origins of pages that may connect, such as `https://app.example.com`; `*` alone allows \
               every origin.",
        reason: "Clients authenticate with a token, not with a cookie that another page could use. Restrict it \
               where you can.",
        ..BLANK
    },
    Setting {
        key: "clients.cookie",
        description: "Name of a cookie that may hold the token for `/events` and `/socket.io/`. The cookie is \
               accepted from pages of the same host and of origins that `clients.allowed_origins` lists by \
               name. Without this setting cookies are ignored.",
        reason: "A browser sends cookies with requests of any page, so cookies are accepted only where they \
               are needed.",
        ..BLANK
    },
    Setting {
        key: "clients.outbox_bytes",
        kind: Kind::Count(4_096, 1_073_741_824),
        default: Some("262144"),
        description: "Size of a connection's send buffer in memory. When it is full, the session reads the log \
               instead, at the client's speed.",
        reason: "Fits several of the largest events, and the memory suffices if every client is slow at once.",
        ..BLANK
    },
    Setting {
        key: "clients.write_timeout",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(3_600)),
        default: Some("30s"),
        description: "How long a client may accept no data before its connection is closed.",
        reason: "Longer than a phone takes to change networks, and shorter than most users wait.",
        ..BLANK
    },
    Setting {
        key: "clients.emit_rate",
        kind: Kind::Count(1, 100_000),
        default: Some("20"),
        description: "Events per second that one connection may emit. More are rejected with `rate_limited`.",
        reason: "More than a person produces, and low enough that a page in a loop loads nothing.",
        ..BLANK
    },
    Setting {
        key: "clients.emit_burst",
        kind: Kind::Count(1, 100_000),
        default: Some("40"),
        description: "Events that one connection may emit at once after it was idle.",
        reason: "Events that a phone queued while it was offline are sent at once.",
        ..BLANK
    },
    Setting {
        key: "clients.max_emit_bytes",
        kind: Kind::Count(1, 16_777_216),
        default: Some("32768"),
        description: "Maximum size of `data` in an event from a client. `clients.max_frame_bytes` limits the \
               whole frame.",
        reason: "Fits a message and its context. Upload larger content and emit its address.",
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
            reader.error(KEY, found, "an origin: `http` or `https`, a lower-case host, an optional port, no path");
        }
    }
}
