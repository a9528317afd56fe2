//! What a verified token says about its bearer, and what that permits.

use std::sync::Arc;

use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, Fault, Pattern};

use super::Refusal;

/// A verified user. One lives as long as its connection, so it holds no more than is needed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The claim `sub`.
    pub user: String,
    /// The user's own channel, to which every session of the user belongs.
    pub channel: Channel,
    /// The claim `device`.
    pub device: Option<Arc<str>>,
    /// The claim `topics`: which topics the user may subscribe to.
    pub topics: Box<[Pattern]>,
    /// The claim `exp`, in seconds since 1970, without leeway.
    pub expires: u64,
}

impl Identity {
    /// May the user subscribe to that channel?
    pub fn may_subscribe(&self, channel: &Channel) -> Result<(), Refusal> {
        let name = match channel.kind() {
            Kind::Topic(name) => name,
            Kind::User(_) if *channel == self.channel => {
                return Err(implicit("a session is always in its own user's channel; expected a `topic:`"));
            }
            Kind::User(_) => {
                return Err(Refusal::new(
                    Fault::NotAllowed,
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
        if self.topics.iter().any(|pattern| pattern.matches(name)) {
            return Ok(());
        }
        Err(Refusal::new(
            Fault::NotAllowed,
            "the token does not permit this topic; expected one that fits its claim `topics`",
        ))
    }
}

fn implicit(message: &'static str) -> Refusal {
    Refusal::new(Fault::BadChannel, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_go_by_pattern_and_the_rest_cannot_be_asked_for() {
        let identity = Identity {
            user: "42".to_owned(),
            channel: Channel::user("42").unwrap(),
            device: None,
            topics: ["news", "room-*"].map(Pattern::topic).into(),
            expires: 0,
        };
        for (name, refused) in [
            ("topic:news", None),
            ("topic:room-7", None),
            ("topic:lobby", Some(Fault::NotAllowed)),
            ("user:42", Some(Fault::BadChannel)),
            ("user:43", Some(Fault::NotAllowed)),
            ("conn:abcdefgh.1", Some(Fault::BadChannel)),
            ("all", Some(Fault::BadChannel)),
        ] {
            let answer = identity.may_subscribe(&Channel::parse(name).unwrap());
            assert_eq!(answer.err().map(|refusal| refusal.fault), refused, "{name}");
        }
    }

    #[test]
    fn without_the_claim_no_topic_is_permitted() {
        let identity = Identity {
            user: "42".to_owned(),
            channel: Channel::user("42").unwrap(),
            device: None,
            topics: Box::default(),
            expires: 0,
        };
        assert!(identity.may_subscribe(&Channel::topic("news").unwrap()).is_err());
    }
}
