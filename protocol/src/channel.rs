//! A channel: the address of an event, and what a session listens to.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::connection::ConnectionId;

/// The longest channel name in bytes, kind included.
pub const MAX_CHANNEL_BYTES: usize = 256;

/// `user:42`, `topic:news`, `conn:<connection id>` or `all`. Cheap to clone; equality is that of the name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channel(Arc<str>);

/// What kind of channel it is, with the part behind the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Every session of one user, by the token's `sub`.
    User(&'a str),
    /// Every session that subscribed to the topic.
    Topic(&'a str),
    /// One session.
    Connection(ConnectionId),
    /// Every session of every node.
    All,
}

/// Why a text is not the name of a channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// It does not begin with a kind.
    #[error("expected `user:<id>`, `topic:<name>`, `conn:<connection id>` or `all`")]
    Kind,
    /// Nothing behind the colon.
    #[error("the part behind the colon is empty")]
    Empty,
    /// Longer than [`MAX_CHANNEL_BYTES`].
    #[error("longer than {MAX_CHANNEL_BYTES} bytes")]
    TooLong,
    /// A character that would break Redis' hash tags or a header.
    #[error("a space, a control character, `{{` or `}}` is not allowed in a channel")]
    Character,
    /// A `conn:` channel whose id no node can have given.
    #[error("not a connection id as in `wirebell.welcome`")]
    Connection,
}

impl Channel {
    /// The channel of every session of every node.
    pub fn all() -> Self {
        Self("all".into())
    }

    /// The channel of one user.
    pub fn user(id: &str) -> Result<Self, ChannelError> {
        Self::parse(&format!("user:{id}"))
    }

    /// The channel of a topic.
    pub fn topic(name: &str) -> Result<Self, ChannelError> {
        Self::parse(&format!("topic:{name}"))
    }

    /// The channel of one connection.
    pub fn connection(id: ConnectionId) -> Self {
        Self(format!("conn:{id}").into())
    }

    /// Reads a channel's name.
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

    /// The name as clients and services write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kind, with what stands behind the colon.
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
    fn the_four_kinds_are_read() {
        assert_eq!(Channel::parse("user:42").unwrap().kind(), Kind::User("42"));
        assert_eq!(Channel::parse("user:auth0|a:b").unwrap().kind(), Kind::User("auth0|a:b"));
        assert_eq!(Channel::parse("topic:news").unwrap().kind(), Kind::Topic("news"));
        assert_eq!(Channel::parse("all").unwrap().kind(), Kind::All);
        let connection = Channel::parse("conn:k3j9x2ma.1f").unwrap();
        assert!(matches!(connection.kind(), Kind::Connection(id) if id.to_string() == "k3j9x2ma.1f"));
    }

    #[test]
    fn each_fault_has_its_name() {
        for (name, fault) in [
            ("", ChannelError::Kind),
            ("42", ChannelError::Kind),
            ("usr:42", ChannelError::Kind),
            ("user:", ChannelError::Empty),
            ("user:a b", ChannelError::Character),
            ("user:a\n", ChannelError::Character),
            ("topic:{x}", ChannelError::Character),
            ("conn:nowhere", ChannelError::Connection),
        ] {
            assert_eq!(Channel::parse(name), Err(fault), "{name:?}");
        }
        assert_eq!(Channel::user(&"x".repeat(300)), Err(ChannelError::TooLong));
    }
}
