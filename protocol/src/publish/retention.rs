//! How long and how much is kept, which may differ from channel to channel.

use crate::{Channel, Pattern};

/// How long and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events in a channel's log; Redis may keep some more, where trimming them costs more than they do.
    pub log_events: u64,
    /// Milliseconds for which an event stays in its log.
    pub log_millis: u64,
    /// Milliseconds for which an event's id is remembered.
    pub seen_millis: u64,
    /// Milliseconds for which an acknowledgement is waited for, and then for which its record is kept.
    pub receipt_millis: u64,
    /// Retained values of a channel.
    pub retained_keys: u64,
    /// Milliseconds for which a channel keeps its retained values after the last change.
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

/// The retention of every channel: what is usual, and rules for some.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retentions {
    /// Where no rule fits.
    pub usual: Retention,
    rules: Vec<Rule>,
}

/// Logs of the channels that fit are bounded by these.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    channels: Pattern,
    events: u64,
    millis: u64,
}

impl Retentions {
    /// The same for every channel.
    pub fn new(usual: Retention) -> Self {
        Self { usual, rules: Vec::new() }
    }

    /// Other bounds for the logs of the channels that fit, unless an earlier rule fits them. In the pattern, `*` stands
    /// for any run of characters: `topic:chat-*`.
    #[must_use]
    pub fn with_logs(mut self, channels: &str, events: u64, millis: u64) -> Self {
        self.rules.push(Rule { channels: Pattern::whole(channels), events, millis });
        self
    }

    /// What holds for this channel.
    pub fn of(&self, channel: &Channel) -> Retention {
        match self.rules.iter().find(|rule| rule.channels.matches(channel.as_str())) {
            Some(rule) => Retention { log_events: rule.events, log_millis: rule.millis, ..self.usual },
            None => self.usual,
        }
    }
}

impl From<Retention> for Retentions {
    fn from(usual: Retention) -> Self {
        Self::new(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_holds() {
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
