//! Timers of tracked events, and the replies of the alarm script.

use crate::{Channel, Shard};

/// The timer of one event on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timer {
    /// The channel.
    pub channel: Channel,
    /// The event's id.
    pub id: String,
}

/// What is due for an event, according to its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// The record does not exist.
    Absent,
    /// Nothing is due before this time, in milliseconds since the Unix epoch.
    Later(u64),
    /// Nothing will be due.
    Done,
    /// The event has reached a final state; the receipts stream must get an entry.
    Final {
        /// `acknowledged`, `expired` or `cancelled`.
        state: String,
        /// When the state was reached, in milliseconds since the Unix epoch.
        at: u64,
    },
    /// No device acknowledged the event by its deadline; the fallback stream must get an entry.
    Fallback {
        /// When the deadline took effect, in milliseconds since the Unix epoch.
        at: u64,
        /// The event's frame.
        frame: String,
    },
}

impl Timer {
    /// Returns the timer's shard.
    pub fn shard(&self) -> Shard {
        Shard::of(&self.id)
    }

    /// Returns the member in the sorted set of timers.
    pub fn member(&self) -> String {
        format!("{} {}", self.channel, self.id)
    }

    /// Parses a member of the sorted set. A channel contains no spaces; an id may.
    pub fn parse(member: &str) -> Option<Self> {
        let (channel, id) = member.split_once(' ')?;
        Some(Self { channel: Channel::parse(channel).ok()?, id: id.to_owned() })
    }
}

impl Alarm {
    /// Parses the reply of the alarm script.
    pub fn parse(answer: &str) -> Option<Self> {
        let (line, frame) = answer.split_once('\n').unwrap_or((answer, ""));
        let mut parts = line.split(' ');
        let kind = parts.next()?;
        let mut millis = || parts.next().and_then(|word| word.parse().ok());
        Some(match kind {
            "absent" => Self::Absent,
            "done" => Self::Done,
            "later" => Self::Later(millis()?),
            "fallback" => Self::Fallback { at: millis()?, frame: frame.to_owned() },
            "outcome" => Self::Final { state: parts.next()?.to_owned(), at: parts.next()?.parse().ok()? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timer_round_trips() {
        let timer = Timer { channel: Channel::user("42").unwrap(), id: "an id with spaces".to_owned() };
        assert_eq!(Timer::parse(&timer.member()), Some(timer));
        assert_eq!(Timer::parse("nonsense"), None);
    }

    #[test]
    fn alarm_replies_are_parsed() {
        for (text, alarm) in [
            ("absent", Some(Alarm::Absent)),
            ("later 17", Some(Alarm::Later(17))),
            ("later", None),
            ("outcome expired 5", Some(Alarm::Final { state: "expired".to_owned(), at: 5 })),
            ("fallback 5\n{\"a\":\n1}", Some(Alarm::Fallback { at: 5, frame: "{\"a\":\n1}".to_owned() })),
            ("hello", None),
        ] {
            assert_eq!(Alarm::parse(text), alarm, "{text}");
        }
    }
}
