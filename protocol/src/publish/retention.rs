//! How long and how much the bus stores; the limits may differ between channels.

use crate::{Channel, Pattern};

/// How long and how much the bus stores for a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Maximum number of events in the log. Redis may keep a few more, because approximate
    /// trimming is cheaper.
    pub log_events: u64,
    /// Milliseconds that an event stays in the log.
    pub log_millis: u64,
    /// Milliseconds that an event's id is remembered.
    pub seen_millis: u64,
    /// Milliseconds until a receipt closes, and for which its record is kept afterwards.
    pub receipt_millis: u64,
    /// Maximum number of retained values.
    pub retained_keys: u64,
    /// Milliseconds that retained values are kept after the last change.
    pub retained_millis: u64,
}

const HOUR: u64 = 60 * 60 * 1000;

impl Default for Retention {
    fn default() -> Self {
        Self {
            log_events: 1_000,
            log_millis: 24 * HOUR,
            seen_millis: HOUR / 12,
            receipt_millis: 24 * HOUR,
            retained_keys: 1_000,
            retained_millis: 30 * 24 * HOUR,
        }
    }
}

/// The retention of every channel: a default, and rules for some channels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retentions {
    /// The retention of channels without a rule.
    pub default: Retention,
    rules: Vec<Rule>,
}

/// Log limits for the channels that match a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    channels: Pattern,
    events: u64,
    millis: u64,
}

impl Retentions {
    /// Creates a retention that holds for every channel.
    pub fn new(default: Retention) -> Self {
        Self { default, rules: Vec::new() }
    }

    /// Adds log limits for the channels that match the pattern, unless an earlier rule matches
    /// them. In the pattern, `*` matches any run of characters: `topic:chat-*`.
    #[must_use]
    pub fn with_logs(mut self, channels: &str, events: u64, millis: u64) -> Self {
        self.rules.push(Rule { channels: Pattern::new(channels), events, millis });
        self
    }

    /// Returns the retention of this channel.
    pub fn of(&self, channel: &Channel) -> Retention {
        match self.rules.iter().find(|rule| rule.channels.matches(channel.as_str())) {
            Some(rule) => Retention { log_events: rule.events, log_millis: rule.millis, ..self.default },
            None => self.default,
        }
    }
}

impl From<Retention> for Retentions {
    fn from(default: Retention) -> Self {
        Self::new(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_matching_rule_applies() {
        let retentions = Retentions::default().with_logs("topic:chat-*", 5, 10).with_logs("topic:*", 7, 20);
        let of = |name: &str| {
            let retention = retentions.of(&Channel::parse(name).unwrap());
            (retention.log_events, retention.log_millis)
        };
        assert_eq!(of("topic:chat-1"), (5, 10));
        assert_eq!(of("topic:news"), (7, 20));
        assert_eq!(of("user:42"), (1_000, 24 * HOUR));
    }
}
