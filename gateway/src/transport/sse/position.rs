//! The client's position in a stream. A browser sends back only the last event's `id`, so that
//! holds the cursor of each channel with a log: the user's cursor first, then `<channel>=<cursor>`
//! for each other channel. No part contains a space.

use std::fmt;

use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, Cursor};

/// The client's cursor on each channel on which it can resume.
#[derive(Debug, Clone)]
pub(super) struct Position {
    user: Cursor,
    /// The topics of the request, and `all` after its first event. `None`: nothing received yet.
    others: Vec<(Channel, Option<Cursor>)>,
}

/// The position that a client resumes from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ResumePosition {
    pub(super) user: Option<Cursor>,
    pub(super) others: Vec<(Channel, Cursor)>,
}

/// The text is not the `id` of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a cursor, or the `id` of an event: a cursor and `<channel>=<cursor>` for each other channel")]
pub(super) struct InvalidEventId;

impl Position {
    /// Creates the position for these channels.
    pub(super) fn new(channels: impl Iterator<Item = Channel>) -> Self {
        Self { user: Cursor::START, others: channels.map(|channel| (channel, None)).collect() }
    }

    /// Advances the position. Returns false if the client cannot resume the channel.
    pub(super) fn advance(&mut self, channel: &str, cursor: Cursor) -> bool {
        if let Some((_, at)) = self.others.iter_mut().find(|(other, _)| other.as_str() == channel) {
            *at = Some(at.unwrap_or_default().max(cursor));
            return true;
        }
        let Ok(channel) = Channel::parse(channel) else { return false };
        match channel.kind() {
            Kind::User(_) => self.user = self.user.max(cursor),
            Kind::All => self.others.push((channel, Some(cursor))),
            Kind::Topic(_) | Kind::Connection(_) => return false,
        }
        true
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.user)?;
        for (channel, at) in &self.others {
            if let Some(cursor) = at {
                write!(f, " {channel}={cursor}")?;
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for ResumePosition {
    type Err = InvalidEventId;
    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        let mut parts = text.split_ascii_whitespace();
        let user = parts.next().ok_or(InvalidEventId)?.parse().map_err(|_| InvalidEventId)?;
        let other = |part: &str| {
            let (channel, cursor) = part.rsplit_once('=').ok_or(InvalidEventId)?;
            Ok((Channel::parse(channel).map_err(|_| InvalidEventId)?, cursor.parse().map_err(|_| InvalidEventId)?))
        };
        Ok(Self { user: Some(user), others: parts.map(other).collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Cursor {
        text.parse().unwrap()
    }

    #[test]
    fn id_is_the_user_cursor_without_other_channels() {
        let mut position = Position::new(std::iter::empty());
        assert!(position.advance("user:42", at("7-1")));
        assert_eq!(position.to_string(), "7-1");
        assert!(position.advance("user:42", at("6-0")), "a resumed event arrives late");
        assert_eq!(position.to_string(), "7-1");
    }

    #[test]
    fn each_resumable_channel_is_part_of_the_id() {
        let mut position =
            Position::new([Channel::topic("a=b").unwrap(), Channel::topic("c").unwrap()].into_iter());
        assert!(position.advance("topic:a=b", at("8-0")));
        assert!(position.advance("all", at("9-0")));
        assert!(!position.advance("topic:other", at("9-1")));
        assert_eq!(position.to_string(), "0-0 topic:a=b=8-0 all=9-0");
        let resume: ResumePosition = position.to_string().parse().unwrap();
        let others = vec![(Channel::topic("a=b").unwrap(), at("8-0")), (Channel::all(), at("9-0"))];
        assert_eq!(resume, ResumePosition { user: Some(Cursor::START), others });
    }

    #[test]
    fn invalid_ids_are_rejected() {
        for text in ["", " ", "x", "1-0 all", "1-0 news=1-0", "1-0 all=x", "all=1-0"] {
            assert_eq!(text.parse::<ResumePosition>(), Err(InvalidEventId), "{text}");
        }
    }
}
