//! `[bus]`: the Redis that connects the nodes and stores the logs.

use std::time::Duration;

use wirebell_protocol::{Durability, Keys};

use super::logs::LogRule;
use super::mode::Mode;
use super::reader::Reader;
use super::secret::Secret;
use super::setting::{BLANK, Kind, Setting};
use super::url;

/// The Redis that connects the nodes, and the limits of the logs.
#[derive(Debug, Clone)]
pub struct Bus {
    /// The URL of Redis; a secret, since it may contain a password. `None` selects the embedded
    /// bus.
    pub redis: Option<Secret>,
    /// The prefix of every key in Redis.
    pub prefix: String,
    /// Maximum number of events in a channel's log.
    pub log_events: usize,
    /// How long a channel's log keeps an event.
    pub log_age: Duration,
    /// Rules with other limits for the logs of some channels.
    pub logs: Vec<LogRule>,
    /// How long an event with `receipt` waits for acknowledgements.
    pub receipts: Duration,
    /// Maximum number of values that a channel retains.
    pub retained_keys: usize,
    /// How long a channel retains its values after the last change.
    pub retained_age: Duration,
    /// When an event counts as published if it does not specify `durability`.
    pub durability: Durability,
    /// How long the publish result of an event id is kept.
    pub seen: Duration,
    /// Maximum number of entries in a user's connection log.
    pub history: usize,
    /// How long a channel stays subscribed after its last session has left.
    pub linger: Duration,
    /// Maximum number of announcements that wait for delivery to sessions.
    pub queue: usize,
}

const SCHEMES: [&str; 6] =
    ["redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel"];

/// The settings of this section.
pub(super) const SETTINGS: [Setting; 13] = [
    Setting {
        key: "bus.redis",
        from_file: true,
        secret: true,
        description: "URL of Redis or Valkey: `redis://[user:password@]host[:port][/database]`, \
               `redis-cluster://host:port[?node=host:port&node=…]` or \
               `redis-sentinel://host:port?sentinelServiceName=name[&node=host:port…]`. `rediss` in place of \
               `redis` uses TLS. Each `node` is another server of the Cluster, or another sentinel, which is \
               used if the first is unreachable. `sentinelUsername` and `sentinelPassword` are for the \
               sentinels; user and password are for the data servers.",
        reason: "Only you know it. `serve` requires it; `dev` without it uses an embedded bus.",
        ..BLANK
    },
    Setting {
        key: "bus.prefix",
        default: Some("wb"),
        description: "Prefix of every key in Redis: 1 to 32 of `a-z`, `A-Z`, `0-9`, `_`, `-` and `.`.",
        reason: "Short, since it is in every key. Different prefixes separate two installations in one Redis.",
        ..BLANK
    },
    Setting {
        key: "bus.log_events",
        kind: Kind::Count(1, 10_000_000),
        default: Some("1000"),
        description: "Maximum number of events in a channel's log.",
        reason: "More than a device misses in a day, and about a megabyte for a busy channel.",
        ..BLANK
    },
    Setting {
        key: "bus.log_age",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(31_536_000)),
        default: Some("24h"),
        description: "How long a channel's log keeps an event.",
        reason: "A phone that was off overnight still receives every event.",
        ..BLANK
    },
    Setting {
        key: "bus.logs",
        kind: Kind::List,
        default: Some(""),
        description: "Limits for the logs of some channels, each `pattern=events/age`, such as \
               `topic:chat-*=5000/7d`. In a pattern `*` matches any run of characters. The first matching rule \
               applies. Services that publish directly to Redis configure their own.",
        reason: "Most channels are alike.",
        ..BLANK
    },
    Setting {
        key: "bus.receipts",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(2_592_000)),
        default: Some("24h"),
        description: "How long an event with `receipt` waits for acknowledgements, unless its `ttl` ends \
               earlier. Its delivery record stays readable for the same time after that.",
        reason: "As long as the log keeps the event, so that a phone that was off overnight counts.",
        ..BLANK
    },
    Setting {
        key: "bus.retained_keys",
        kind: Kind::Count(1, 100_000),
        default: Some("1000"),
        description: "Maximum number of values that a channel retains. A further value evicts the one that \
               changed longest ago.",
        reason: "Each client that connects receives all of them.",
        ..BLANK
    },
    Setting {
        key: "bus.retained_age",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(31_536_000)),
        default: Some("30d"),
        description: "How long a channel retains its values after the last change.",
        reason: "Values of users who never return must not fill Redis; a user who returns within a month finds \
               all of them.",
        ..BLANK
    },
    Setting {
        key: "bus.durability",
        kind: Kind::Choice(&["primary", "replicated"]),
        default: Some("primary"),
        description: "When an event without its own `durability` counts as published. `primary`: once the primary \
               stores it. `replicated`: once a replica stores it too, so a failover does not lose it.",
        reason: "Each event would pay for a round trip to a replica, and a single server has none.",
        ..BLANK
    },
    Setting {
        key: "bus.seen",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(604_800)),
        default: Some("5m"),
        description: "How long publishing the same id again has no effect and returns the first result.",
        reason: "Longer than a publisher retries; each id costs a key in Redis for this time.",
        ..BLANK
    },
    Setting {
        key: "bus.history",
        kind: Kind::Count(0, 10_000),
        default: Some("20"),
        description: "Maximum number of entries in a user's connection log: sessions that opened and closed, \
               and why, rejections, slow clients, gaps. 0 disables it.",
        reason: "It explains why an event did not arrive. It costs 150 bytes per entry, for users of the last \
               24 hours.",
        ..BLANK
    },
    Setting {
        key: "bus.linger",
        kind: Kind::Duration(Duration::ZERO, Duration::from_secs(3_600)),
        default: Some("5s"),
        description: "How long a channel stays subscribed after its last session has left.",
        reason: "A page reload takes less time, and then needs no new subscription.",
        ..BLANK
    },
    Setting {
        key: "bus.queue",
        kind: Kind::Count(16, 16_777_216),
        default: Some("65536"),
        description: "Maximum number of announcements that wait in memory for delivery to sessions.",
        reason: "A second of a burst; announcements that do not fit are read from the log.",
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
                if let Some(expected) = url_error(redis.expose()) {
                    reader.error("bus.redis", "an invalid URL (not shown)", expected);
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

/// Returns what was expected if the URL is invalid.
fn url_error(text: &str) -> Option<String> {
    let Some(parts) = url::Parts::of(text).filter(|parts| SCHEMES.contains(&parts.scheme)) else {
        return Some(format!("a URL with a host and one of the schemes {}", SCHEMES.join(", ")));
    };
    if parts.scheme.ends_with("-sentinel") && parts.values("sentinelServiceName").all(str::is_empty) {
        return Some(
            "`?sentinelServiceName=` in the URL, the name that the sentinels use for the primary".to_owned(),
        );
    }
    let has_nodes = parts.scheme.contains('-');
    let has_bad_node = has_nodes && parts.values("node").any(|node| !url::is_address(node));
    has_bad_node.then(|| "`host:port` as each `node` in the URL".to_owned())
}
