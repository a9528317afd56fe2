//! What a verified token says about its bearer, and what that permits.

use std::sync::Arc;

use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, ErrorCode, Pattern};

use super::{Mark, Refusal};

/// A verified user. One lives as long as its connection, so it holds no more than is needed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's own channel, to which every session of the user belongs: `user:` and the claim `sub`.
    pub channel: Channel,
    /// The claim `device`.
    pub device: Option<Arc<str>>,
    /// The claims `topics` and `emit`.
    pub permits: Permits,
    /// The claim `exp`, in seconds since 1970, without leeway.
    pub expires: u64,
    /// By what the token can be revoked.
    pub mark: Mark,
}

/// What a token permits. Most tokens permit neither, and then it is one empty word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permits(Option<Box<Lists>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Lists {
    topics: Box<[Pattern]>,
    emit: Box<[Pattern]>,
}

impl Permits {
    /// Subscribing to these topics, and emitting events of these types.
    pub fn new(topics: Box<[Pattern]>, emit: Box<[Pattern]>) -> Self {
        let any = !topics.is_empty() || !emit.is_empty();
        Self(any.then(|| Box::new(Lists { topics, emit })))
    }

    /// Which topics the user may subscribe to.
    pub fn topics(&self) -> &[Pattern] {
        self.0.as_deref().map_or(&[], |lists| &lists.topics)
    }

    /// Events of which types the user may emit.
    pub fn emit(&self) -> &[Pattern] {
        self.0.as_deref().map_or(&[], |lists| &lists.emit)
    }
}

impl Identity {
    /// The claim `sub`.
    pub fn user(&self) -> &str {
        match self.channel.kind() {
            Kind::User(user) => user,
            _ => "",
        }
    }

    /// May the user subscribe to that channel?
    pub fn may_subscribe(&self, channel: &Channel) -> Result<(), Refusal> {
        let name = match channel.kind() {
            Kind::Topic(name) => name,
            Kind::User(_) if *channel == self.channel => {
                return Err(implicit("a session is always in its own user's channel; expected a `topic:`"));
            }
            Kind::User(_) => {
                return Err(Refusal::new(
                    ErrorCode::NotAllowed,
                    "the channel of another user; expected a `topic:` that the token's `topics` permit",
                ));
            }
            Kind::Connection(_) => {
                return Err(implicit(
                    "a session is always in its own connection's channel, and only there; expected a `topic:`",
                ));
            }
            Kind::All => return Err(implicit("a session is always in `all`; expected a `topic:`")),
        };
        if self.permits.topics().iter().any(|pattern| pattern.matches(name)) {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::NotAllowed,
            "the token does not permit this topic; expected one that fits its claim `topics`",
        ))
    }

    /// May the user emit events of that type?
    pub fn may_emit(&self, kind: &str) -> Result<(), Refusal> {
        if self.permits.emit().iter().any(|pattern| pattern.matches(kind)) {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::NotAllowed,
            "the token does not permit events of this type; expected one that fits its claim `emit`",
        ))
    }
}

fn implicit(message: &'static str) -> Refusal {
    Refusal::new(ErrorCode::BadChannel, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_go_by_pattern_and_the_rest_cannot_be_asked_for() {
        let identity = Identity {
            channel: Channel::user("42").unwrap(),
            device: None,
            permits: Permits::new(["news", "room-*"].map(Pattern::topic).into(), Box::default()),
            expires: 0,
            mark: Mark::default(),
        };
        for (name, refused) in [
            ("topic:news", None),
            ("topic:room-7", None),
            ("topic:lobby", Some(ErrorCode::NotAllowed)),
            ("user:42", Some(ErrorCode::BadChannel)),
            ("user:43", Some(ErrorCode::NotAllowed)),
            ("conn:abcdefgh.1", Some(ErrorCode::BadChannel)),
            ("all", Some(ErrorCode::BadChannel)),
        ] {
            let answer = identity.may_subscribe(&Channel::parse(name).unwrap());
            assert_eq!(answer.err().map(|refusal| refusal.fault), refused, "{name}");
        }
    }

    #[test]
    fn without_the_claim_no_topic_is_permitted() {
        let identity = Identity {
            channel: Channel::user("42").unwrap(),
            device: None,
            permits: Permits::default(),
            expires: 0,
            mark: Mark::default(),
        };
        assert!(identity.may_subscribe(&Channel::topic("news").unwrap()).is_err());
        assert!(identity.may_emit("news").is_err());
    }

    #[test]
    fn events_go_by_pattern_over_their_whole_type() {
        let identity = Identity {
            channel: Channel::user("42").unwrap(),
            device: None,
            permits: Permits::new(Box::default(), ["chat.*", "topic:x"].map(Pattern::whole).into()),
            expires: 0,
            mark: Mark::default(),
        };
        for (kind, permitted) in [("chat.send", true), ("chat", false), ("topic:x", true), ("x", false)] {
            assert_eq!(identity.may_emit(kind).is_ok(), permitted, "{kind}");
        }
        assert!(identity.may_subscribe(&Channel::topic("chat.send").unwrap()).is_err());
    }
}
