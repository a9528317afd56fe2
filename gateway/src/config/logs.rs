//! Rules that override the limits of some channels' logs.

use std::time::Duration;

use super::duration;

/// Limits for the logs of the channels that match a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRule {
    /// The pattern of the channels; `*` matches any run of characters.
    pub channels: String,
    /// The number of events that a log keeps.
    pub events: u64,
    /// How long a log keeps an event.
    pub age: Duration,
}

impl LogRule {
    /// The syntax of a rule, for messages.
    pub(super) const EXPECTED: &str = "`pattern=events/age`, such as `topic:chat-*=5000/7d`";

    /// Parses a rule.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (channels, bounds) = text.rsplit_once('=')?;
        let (events, age) = bounds.split_once('/')?;
        let events = events.trim().parse().ok().filter(|events| (1..=10_000_000).contains(events))?;
        let age = duration::parse(age.trim()).filter(|age| *age >= Duration::from_secs(1))?;
        let channels = channels.trim();
        (!channels.is_empty()).then(|| Self { channels: channels.to_owned(), events, age })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_pattern_and_two_bounds() {
        let rule = LogRule::parse("topic:chat-* = 5000/7d").unwrap();
        assert_eq!((rule.channels.as_str(), rule.events, rule.age.as_secs()), ("topic:chat-*", 5_000, 604_800));
        for bad in ["", "topic:x", "topic:x=5", "topic:x=0/1d", "topic:x=5/soon", "=5/1d", "topic:x=5/10ms"] {
            assert_eq!(LogRule::parse(bad), None, "{bad}");
        }
    }
}
