//! Tokens that were revoked, in memory: they are few, and every admission looks here.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{PoisonError, RwLock};

use wirebell_protocol::ErrorCode;
use wirebell_protocol::revocation::{Revocation, Tokens};

use super::{Identity, Refusal};

/// By what a token can be revoked. One lives as long as its connection, so the name is a number made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// The claim `iat`, in seconds since 1970; 0 if there is none.
    issued: u64,
    /// Made of the claim `jti`; 0 if there is none.
    name: u64,
}

/// What is revoked.
#[derive(Debug, Default)]
pub struct Revoked(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By user: issued before, until.
    users: HashMap<String, (u64, u64)>,
    /// By name: until.
    names: HashMap<u64, u64>,
}

/// Whose tokens were revoked that were good before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Of these users.
    pub users: Vec<String>,
    /// Of somebody, whose name alone does not tell.
    pub anybody: bool,
}

impl Mark {
    pub(super) fn new(issued: Option<u64>, name: Option<&str>) -> Self {
        Self { issued: issued.unwrap_or_default(), name: name.map(number).unwrap_or_default() }
    }
}

impl Revoked {
    /// From now on these are revoked, and no others. Answers what is new.
    pub fn replace(&self, all: &[Revocation]) -> News {
        let mut known = Known::default();
        for revocation in all {
            match &revocation.tokens {
                Tokens::OfUser { user, issued_before } => {
                    _ = known.users.insert(user.clone(), (*issued_before, revocation.until));
                }
                Tokens::Named(name) => _ = known.names.insert(number(name), revocation.until),
            }
        }
        let mut before = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = known.users.iter().filter(|(user, of)| before.users.get(*user) != Some(of));
        let news = News {
            users: changed.map(|(user, _)| user.clone()).collect(),
            anybody: known.names.keys().any(|name| !before.names.contains_key(name)),
        };
        *before = known;
        news
    }

    /// Is the token still good, at that second?
    pub(super) fn check(&self, identity: &Identity, now: u64) -> Result<(), Refusal> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let of_user = known.users.get(identity.user());
        let by_user = of_user.is_some_and(|(before, until)| now <= *until && identity.mark.issued < *before);
        // No token is known by the number 0.
        let by_name = known.names.get(&identity.mark.name).is_some_and(|until| now <= *until);
        if !by_user && !by_name {
            return Ok(());
        }
        let refusal = Refusal::new(ErrorCode::TokenRevoked, "the token was revoked; expected a newer one");
        Err(refusal.of(Some(identity.channel.clone())))
    }
}

/// A number for a name; two names have the same by an accident that nobody will see.
fn number(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::Channel;

    use super::*;

    fn identity(user: &str, mark: Mark) -> Identity {
        let channel = Channel::user(user).unwrap();
        Identity { channel, device: None, permits: super::super::Permits::default(), expires: 0, mark }
    }

    fn of_user(user: &str, issued_before: u64, until: u64) -> Revocation {
        Revocation { tokens: Tokens::OfUser { user: user.to_owned(), issued_before }, until }
    }

    #[test]
    fn tokens_of_before_are_refused_until_they_have_expired() {
        let revoked = Revoked::default();
        let news = revoked.replace(&[of_user("42", 100, 500)]);
        assert_eq!(news, News { users: vec!["42".to_owned()], anybody: false });
        for (user, issued, now, good) in [
            ("42", Some(99), 200, false),
            ("42", None, 200, false),
            ("42", Some(100), 200, true),
            ("42", Some(99), 501, true),
            ("43", Some(99), 200, true),
        ] {
            let answer = revoked.check(&identity(user, Mark::new(issued, None)), now);
            assert_eq!(answer.is_ok(), good, "{user} {issued:?} {now}");
        }
    }

    #[test]
    fn a_name_is_refused_whoever_it_is_of() {
        let revoked = Revoked::default();
        let named = Revocation { tokens: Tokens::Named("a".to_owned()), until: 500 };
        assert_eq!(revoked.replace(std::slice::from_ref(&named)), News { users: Vec::new(), anybody: true });
        let is_good = |name, now| revoked.check(&identity("42", Mark::new(Some(9), name)), now).is_ok();
        assert!(!is_good(Some("a"), 500));
        assert!(is_good(Some("a"), 501) && is_good(Some("b"), 500) && is_good(None, 500));
        assert!(!revoked.replace(&[named, of_user("42", 1, 2)]).anybody, "it is no news");
    }

    #[test]
    fn what_was_known_is_no_news() {
        let revoked = Revoked::default();
        revoked.replace(&[of_user("42", 100, 500), of_user("43", 100, 500)]);
        assert_eq!(revoked.replace(&[of_user("42", 100, 500), of_user("43", 101, 500)]).users, ["43"]);
    }
}
