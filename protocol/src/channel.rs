//! Channels: the addresses of events, and what a session subscribes to.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::connection::ConnectionId;

/// Maximum length of a channel name in bytes, including the kind.
pub const MAX_CHANNEL_BYTES: usize = 256;

/// A channel: `user:42`, `topic:news`, `conn:<connection id>` or `all`. A clone shares the name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channel(Arc<str>);

/// The kind of a channel, with the part after the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// All sessions of one user, by the token's `sub`.
    User(&'a str),
    /// All sessions that subscribed to the topic.
    Topic(&'a str),
    /// One session.
    Connection(ConnectionId),
    /// All sessions on all nodes.
    All,
}

/// Why a text is not a channel name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The text does not begin with a kind.
    #[error("expected `user:<id>`, `topic:<name>`, `conn:<connection id>` or `all`")]
    Kind,
    /// The part after the colon is empty.
    #[error("the part after the colon is empty")]
    Empty,
    /// The text is longer than [`MAX_CHANNEL_BYTES`].
    #[error("longer than {MAX_CHANNEL_BYTES} bytes")]
    TooLong,
    /// The text contains a character that would break Redis' hash tags or a header.
    #[error("a space, a control character, `{{` or `}}` is not allowed in a channel")]
    Character,
    /// The text is a `conn:` channel with an id that no node can have created.
    #[error("not a connection id as in `wirebell.welcome`")]
    Connection,
}

impl Channel {
    /// Returns the channel of all sessions on all nodes.
    pub fn all() -> Self {
        Self("all".into())
    }

    /// Returns the channel of a user.
    pub fn user(id: &str) -> Result<Self, ChannelError> {
        Self::parse(&format!("user:{id}"))
    }

    /// Returns the channel of a topic.
    pub fn topic(name: &str) -> Result<Self, ChannelError> {
        Self::parse(&format!("topic:{name}"))
    }

    /// Returns the channel of a connection.
    pub fn connection(id: ConnectionId) -> Self {
        Self(format!("conn:{id}").into())
    }

    /// Parses a channel name.
    pub fn parse(name: &str) -> Result<Self, ChannelError> {
        if name.len() > MAX_CHANNEL_BYTES {
            return Err(ChannelError::TooLong);
        }
        if name == "all" {
            return Ok(Self::all());
        }
        let (kind, rest) = name.split_once(':').ok_or(ChannelError::Kind)?;
        if !matches!(kind, "user" | "topic" | "conn") {
            return Err(ChannelError::Kind);
        }
        if rest.is_empty() {
            return Err(ChannelError::Empty);
        }
        if rest.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '{' | '}')) {
            return Err(ChannelError::Character);
        }
        if kind == "conn" && rest.parse::<ConnectionId>().is_err() {
            return Err(ChannelError::Connection);
        }
        Ok(Self(name.into()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the kind, with the part after the colon.
    pub fn kind(&self) -> Kind<'_> {
        match self.0.split_once(':') {
            Some(("user", id)) => Kind::User(id),
            Some(("topic", name)) => Kind::Topic(name),
            Some(("conn", id)) => id.parse().map_or(Kind::All, Kind::Connection),
            _ => Kind::All,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Channel {
    type Error = ChannelError;
    fn try_from(name: String) -> Result<Self, ChannelError> {
        Self::parse(&name)
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_parsed() {
        assert_eq!(Channel::parse("user:42").unwrap().kind(), Kind::User("42"));
        assert_eq!(Channel::parse("user:auth0|a:b").unwrap().kind(), Kind::User("auth0|a:b"));
        assert_eq!(Channel::parse("topic:news").unwrap().kind(), Kind::Topic("news"));
        assert_eq!(Channel::parse("all").unwrap().kind(), Kind::All);
        let connection = Channel::parse("conn:k3j9x2ma.1f").unwrap();
        assert!(matches!(connection.kind(), Kind::Connection(id) if id.to_string() == "k3j9x2ma.1f"));
    }

    #[test]
    fn invalid_name_returns_its_error() {
        for (name, expected) in [
            ("", ChannelError::Kind),
            ("42", ChannelError::Kind),
            ("usr:42", ChannelError::Kind),
            ("user:", ChannelError::Empty),
            ("user:a b", ChannelError::Character),
            ("user:a\n", ChannelError::Character),
            ("topic:{x}", ChannelError::Character),
            ("conn:nowhere", ChannelError::Connection),
        ] {
            assert_eq!(Channel::parse(name), Err(expected), "{name:?}");
        }
        assert_eq!(Channel::user(&"x".repeat(300)), Err(ChannelError::TooLong));
    }
}
