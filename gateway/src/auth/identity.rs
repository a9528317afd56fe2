//! The identity that a verified token proves, and what it permits.

use std::sync::Arc;

use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, ErrorCode, Pattern};

use super::rejection::Rejection;
use super::revocation_key::RevocationKey;

/// A verified user. It lives as long as its connection, so it stores only what is needed until
/// then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's own channel, `user:` and the claim `sub`. Every session of the user is subscribed
    /// to it.
    pub channel: Channel,
    /// The claim `device`.
    pub device: Option<Arc<str>>,
    /// The claims `topics` and `emit`.
    pub permissions: Permissions,
    /// The claim `exp`, in seconds since 1970, without leeway.
    pub expires: u64,
    /// The claims by which the token can be revoked.
    pub revocation_key: RevocationKey,
}

/// The permissions of a token. Most tokens have none, and then this is one null pointer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions(Option<Box<Lists>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Lists {
    topics: Box<[Pattern]>,
    emit: Box<[Pattern]>,
}

impl Permissions {
    /// Permits subscribing to these topics, and emitting events of these types.
    pub fn new(topics: Box<[Pattern]>, emit: Box<[Pattern]>) -> Self {
        let any = !topics.is_empty() || !emit.is_empty();
        Self(any.then(|| Box::new(Lists { topics, emit })))
    }

    /// Returns the patterns of topics to which the user may subscribe.
    pub fn topics(&self) -> &[Pattern] {
        self.0.as_deref().map_or(&[], |lists| &lists.topics)
    }

    /// Returns the patterns of event types that the user may emit.
    pub fn emit(&self) -> &[Pattern] {
        self.0.as_deref().map_or(&[], |lists| &lists.emit)
    }
}

impl Identity {
    /// Returns the user's id, the claim `sub`.
    pub fn user(&self) -> &str {
        match self.channel.kind() {
            Kind::User(user) => user,
            _ => "",
        }
    }

    /// Checks that the user may subscribe to the channel.
    pub fn may_subscribe(&self, channel: &Channel) -> Result<(), Rejection> {
        let name = match channel.kind() {
            Kind::Topic(name) => name,
            Kind::User(_) if *channel == self.channel => {
                return Err(implicit("a session is always subscribed to its user's channel; expected a `topic:`"));
            }
            Kind::User(_) => {
                return Err(Rejection::new(
                    ErrorCode::NotAllowed,
                    "this is the channel of another user; expected a `topic:` that the token's claim `topics` permits",
                ));
            }
            Kind::Connection(_) => {
                return Err(implicit(
                    "a session is always subscribed to its own connection's channel, and to no other; expected a `topic:`",
                ));
            }
            Kind::All => return Err(implicit("a session is always subscribed to `all`; expected a `topic:`")),
        };
        if self.permissions.topics().iter().any(|pattern| pattern.matches(name)) {
            return Ok(());
        }
        Err(Rejection::new(
            ErrorCode::NotAllowed,
            "the token does not permit this topic; expected one that matches its claim `topics`",
        ))
    }

    /// Checks that the user may emit events of the type.
    pub fn may_emit(&self, kind: &str) -> Result<(), Rejection> {
        if self.permissions.emit().iter().any(|pattern| pattern.matches(kind)) {
            return Ok(());
        }
        Err(Rejection::new(
            ErrorCode::NotAllowed,
            "the token does not permit this event type; expected one that matches its claim `emit`",
        ))
    }
}

fn implicit(message: &'static str) -> Rejection {
    Rejection::new(ErrorCode::BadChannel, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_permitted_topics_can_be_subscribed() {
        let identity = Identity {
            channel: Channel::user("42").unwrap(),
            device: None,
            permissions: Permissions::new(["news", "room-*"].map(Pattern::topic).into(), Box::default()),
            expires: 0,
            revocation_key: RevocationKey::default(),
        };
        for (name, rejected) in [
            ("topic:news", None),
            ("topic:room-7", None),
            ("topic:lobby", Some(ErrorCode::NotAllowed)),
            ("user:42", Some(ErrorCode::BadChannel)),
            ("user:43", Some(ErrorCode::NotAllowed)),
            ("conn:abcdefgh.1", Some(ErrorCode::BadChannel)),
            ("all", Some(ErrorCode::BadChannel)),
        ] {
            let answer = identity.may_subscribe(&Channel::parse(name).unwrap());
            assert_eq!(answer.err().map(|rejection| rejection.code), rejected, "{name}");
        }
    }

    #[test]
    fn token_without_claims_permits_nothing() {
        let identity = Identity {
            channel: Channel::user("42").unwrap(),
            device: None,
            permissions: Permissions::default(),
            expires: 0,
            revocation_key: RevocationKey::default(),
        };
        assert!(identity.may_subscribe(&Channel::topic("news").unwrap()).is_err());
        assert!(identity.may_emit("news").is_err());
    }

    #[test]
    fn emit_patterns_match_the_complete_event_type() {
        let identity = Identity {
            channel: Channel::user("42").unwrap(),
            device: None,
            permissions: Permissions::new(Box::default(), ["chat.*", "topic:x"].map(Pattern::new).into()),
            expires: 0,
            revocation_key: RevocationKey::default(),
        };
        for (kind, permitted) in [("chat.send", true), ("chat", false), ("topic:x", true), ("x", false)] {
            assert_eq!(identity.may_emit(kind).is_ok(), permitted, "{kind}");
        }
        assert!(identity.may_subscribe(&Channel::topic("chat.send").unwrap()).is_err());
    }
}
