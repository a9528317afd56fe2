//! Timers, and what the record of their event answers to an alarm.

use crate::{Channel, Shard};

/// The timer of one event on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timer {
    /// The channel.
    pub channel: Channel,
    /// The event's id.
    pub id: String,
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// There is no record.
    Absent,
    /// Nothing before this time, in milliseconds since the Unix epoch.
    Later(u64),
    /// Nothing any more.
    Done,
    /// This has become of the event, and whoever waits for its receipt has to be told.
    Outcome {
        /// `acknowledged`, `expired` or `cancelled`.
        what: String,
        /// When, in milliseconds since the Unix epoch.
        at: u64,
    },
    /// Nobody has acknowledged it by its deadline.
    Fallback {
        /// When it fell back.
        at: u64,
        /// The event as clients get it.
        frame: String,
    },
}

impl Timer {
    /// The shard that it stands in.
    pub fn shard(&self) -> Shard {
        Shard::of(&self.id)
    }

    /// As it stands among the timers.
    pub fn member(&self) -> String {
        format!("{} {}", self.channel, self.id)
    }

    /// Reads what stands among the timers. Channels hold no spaces; ids may.
    pub fn parse(member: &str) -> Option<Self> {
        let (channel, id) = member.split_once(' ')?;
        Some(Self { channel: Channel::parse(channel).ok()?, id: id.to_owned() })
    }
}

impl Alarm {
    /// Reads the answer of the alarm script.
    pub fn parse(answer: &str) -> Option<Self> {
        let (line, frame) = answer.split_once('\n').unwrap_or((answer, ""));
        let mut words = line.split(' ');
        let what = words.next()?;
        let mut millis = || words.next().and_then(|word| word.parse().ok());
        Some(match what {
            "absent" => Self::Absent,
            "done" => Self::Done,
            "later" => Self::Later(millis()?),
            "fallback" => Self::Fallback { at: millis()?, frame: frame.to_owned() },
            "outcome" => Self::Outcome { what: words.next()?.to_owned(), at: words.next()?.parse().ok()? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_survives_the_round_trip() {
        let timer = Timer { channel: Channel::user("42").unwrap(), id: "an id with spaces".to_owned() };
        assert_eq!(Timer::parse(&timer.member()), Some(timer));
        assert_eq!(Timer::parse("nonsense"), None);
    }

    #[test]
    fn alarms_are_read() {
        for (text, alarm) in [
            ("absent", Some(Alarm::Absent)),
            ("later 17", Some(Alarm::Later(17))),
            ("later", None),
            ("outcome expired 5", Some(Alarm::Outcome { what: "expired".to_owned(), at: 5 })),
            ("fallback 5\n{\"a\":\n1}", Some(Alarm::Fallback { at: 5, frame: "{\"a\":\n1}".to_owned() })),
            ("hello", None),
        ] {
            assert_eq!(Alarm::parse(text), alarm, "{text}");
        }
    }
}
