//! `[bus]`: the Redis that connects the nodes and keeps the logs.

use std::time::Duration;

use wirebell_protocol::{Durability, Keys};

use super::logs::LogRule;
use super::mode::Mode;
use super::reader::Reader;
use super::secret::Secret;
use super::setting::{BLANK, Kind, Setting};
use super::url;

/// What connects the nodes.
#[derive(Debug, Clone)]
pub struct Bus {
    /// The URL of Redis; a secret, since it may contain a password. None is the embedded bus.
    pub redis: Option<Secret>,
    /// What every key in Redis begins with.
    pub prefix: String,
    /// Events that a channel's log keeps.
    pub log_events: usize,
    /// How long a channel's log keeps an event.
    pub log_age: Duration,
    /// Other bounds for the logs of some channels.
    pub logs: Vec<LogRule>,
    /// How long an acknowledgement is waited for.
    pub receipts: Duration,
    /// Values that a channel retains.
    pub retained_keys: usize,
    /// How long a channel retains its values after the last change.
    pub retained_age: Duration,
    /// When an event counts as published that does not say so itself.
    pub durability: Durability,
    /// How long the outcome of an event id is remembered.
    pub seen: Duration,
    /// Entries that a user's history keeps.
    pub history: usize,
    /// How long a channel stays subscribed after its last session has gone.
    pub linger: Duration,
    /// Announcements that may wait to be handed to sessions.
    pub queue: usize,
}

const SCHEMES: [&str; 6] =
    ["redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel"];

/// The rows of this section.
pub(super) const SETTINGS: [Setting; 13] = [
    Setting {
        key: "bus.redis",
        from_file: true,
        secret: true,
        description: "URL of Redis or Valkey: `redis://[user:password@]host[:port][/database]`, \
               `redis-cluster://host:port[?node=host:port&node=…]` or \
               `redis-sentinel://host:port?sentinelServiceName=name[&node=host:port…]`; `rediss` in place of `redis` is \
               TLS. The nodes are servers of the Cluster, or sentinels, which are asked if the first is away. \
               `sentinelUsername` and `sentinelPassword` are the sentinels'; user and password are the data's.",
        reason: "Only you know it. `serve` demands it; `dev` without it has an embedded bus.",
        ..BLANK
    },
    Setting {
        key: "bus.prefix",
        default: Some("wb"),
        description: "What every key in Redis begins with; 1 to 32 of `a-z`, `A-Z`, `0-9`, `_`, `-` and `.`.",
        reason: "Short, since it is in every key. Another one keeps two installations in one Redis apart.",
        ..BLANK
    },
    Setting {
        key: "bus.log_events",
        kind: Kind::Count(1, 10_000_000),
        default: Some("1000"),
        description: "Events that a channel's log keeps.",
        reason: "More than a device misses in a day, and about a megabyte for a busy channel.",
        ..BLANK
    },
    Setting {
        key: "bus.log_age",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(31_536_000)),
        default: Some("24h"),
        description: "How long a channel's log keeps an event.",
        reason: "A phone that was off over night still gets everything.",
        ..BLANK
    },
    Setting {
        key: "bus.logs",
        kind: Kind::List,
        default: Some(""),
        description: "Other bounds for the logs of some channels, each `pattern=events/age`, such as `topic:chat-*=5000/7d`; in \
               a pattern `*` is any run of characters, and the first that fits counts. Services that publish straight \
               to Redis bring their own.",
        reason: "Most channels are alike.",
        ..BLANK
    },
    Setting {
        key: "bus.receipts",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(2_592_000)),
        default: Some("24h"),
        description: "How long an acknowledgement of an event with `receipt` is waited for, unless its `ttl` ends it before; its \
               record can be asked for as long again.",
        reason: "As long as the log keeps the event, so that a phone that was off over night counts.",
        ..BLANK
    },
    Setting {
        key: "bus.retained_keys",
        kind: Kind::Count(1, 100_000),
        default: Some("1000"),
        description: "Values that a channel retains; one more pushes out what was changed longest ago.",
        reason: "Everyone who connects gets all of them.",
        ..BLANK
    },
    Setting {
        key: "bus.retained_age",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(31_536_000)),
        default: Some("30d"),
        description: "How long a channel retains its values after the last change.",
        reason: "Users that never come back must not fill Redis; who comes back within a month finds everything.",
        ..BLANK
    },
    Setting {
        key: "bus.durability",
        kind: Kind::Choice(&["primary", "replicated"]),
        default: Some("primary"),
        description: "When an event counts as published that does not say so itself: once the `primary` has it, or once a replica \
               has it too (`replicated`), so that a failover does not lose it.",
        reason: "A round trip to a replica is paid by every event, and one server alone has none.",
        ..BLANK
    },
    Setting {
        key: "bus.seen",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(604_800)),
        default: Some("5m"),
        description: "How long publishing the same id again changes nothing and is answered as the first time.",
        reason: "Longer than any publisher's retries; each id costs a key in Redis as long.",
        ..BLANK
    },
    Setting {
        key: "bus.history",
        kind: Kind::Count(0, 10_000),
        default: Some("20"),
        description: "Entries that a user's history keeps: sessions that began and ended, and why, refusals, slow clients, \
               gaps. 0 keeps none.",
        reason: "It explains afterwards why an event did not come; 150 bytes an entry, for users of the last 24 hours.",
        ..BLANK
    },
    Setting {
        key: "bus.linger",
        kind: Kind::Duration(Duration::ZERO, Duration::from_secs(3_600)),
        default: Some("5s"),
        description: "How long a channel stays subscribed after its last session has gone.",
        reason: "A reload of the page takes less, and then costs the bus nothing.",
        ..BLANK
    },
    Setting {
        key: "bus.queue",
        kind: Kind::Count(16, 16_777_216),
        default: Some("65536"),
        description: "Announcements that may wait in memory to be handed to sessions.",
        reason: "A second of a burst; what does not fit is brought back from the log.",
        ..BLANK
    },
];

impl Bus {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let bus = Self {
            redis: reader.text("bus.redis").map(Secret::new),
            prefix: reader.text("bus.prefix").unwrap_or_default(),
            log_events: reader.count("bus.log_events"),
            log_age: reader.duration("bus.log_age"),
            logs: logs(reader),
            receipts: reader.duration("bus.receipts"),
            retained_keys: reader.count("bus.retained_keys"),
            retained_age: reader.duration("bus.retained_age"),
            durability: reader.text("bus.durability").and_then(|name| Durability::parse(&name)).unwrap_or_default(),
            seen: reader.duration("bus.seen"),
            history: reader.count("bus.history"),
            linger: reader.duration("bus.linger"),
            queue: reader.count("bus.queue"),
        };
        bus.check(reader);
        bus
    }

    fn check(&self, reader: &mut Reader<'_>) {
        match &self.redis {
            Some(redis) => {
                if let Some(expected) = wrong(redis.expose()) {
                    reader.error("bus.redis", "a value that is not shown", expected);
                }
            }
            None if reader.mode() == Mode::Serve => {
                reader.missing("bus.redis", "the URL of Redis, such as redis://redis.internal:6379");
            }
            _ => {}
        }
        if let Err(error) = Keys::new(&self.prefix) {
            let expected = error.to_string();
            let expected = expected.strip_prefix("expected ").unwrap_or(&expected);
            reader.error("bus.prefix", format!("`{}`", self.prefix), expected);
        }
    }
}

fn logs(reader: &mut Reader<'_>) -> Vec<LogRule> {
    let mut rules = Vec::new();
    for text in reader.list("bus.logs") {
        match LogRule::parse(&text) {
            Some(rule) => rules.push(rule),
            None => reader.error("bus.logs", format!("`{text}`"), LogRule::EXPECTED),
        }
    }
    rules
}

/// What was expected in place of this URL, if it is of no use.
fn wrong(text: &str) -> Option<String> {
    let Some(parts) = url::Parts::of(text).filter(|parts| SCHEMES.contains(&parts.scheme)) else {
        return Some(format!("a URL with a host and one of the schemes {}", SCHEMES.join(", ")));
    };
    if parts.scheme.ends_with("-sentinel") && parts.values("sentinelServiceName").all(str::is_empty) {
        return Some(
            "`?sentinelServiceName=` in the URL, the name by which the sentinels know the primary".to_owned(),
        );
    }
    let has_nodes = parts.scheme.contains('-');
    let strange = has_nodes && parts.values("node").any(|node| !url::is_address(node));
    strange.then(|| "`host:port` as each `node` in the URL".to_owned())
}
