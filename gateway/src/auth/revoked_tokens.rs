//! The revoked tokens, in memory. They are few, and every authentication looks them up.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use wirebell_protocol::ErrorCode;
use wirebell_protocol::revocation::{Revocation, Tokens};

use super::identity::Identity;
use super::rejection::Rejection;
use super::revocation_key::hash_token_id;

/// The revocations that this node knows.
#[derive(Debug, Default)]
pub struct RevokedTokens(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    users: HashMap<String, UserRevocation>,
    /// By the hash of the `jti`: the second until which the revocation holds.
    token_ids: HashMap<u64, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct UserRevocation {
    issued_before: u64,
    until: u64,
}

/// The users and tokens that a replaced list revokes and the previous one did not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NewRevocations {
    /// Users with newly revoked tokens.
    pub users: Vec<String>,
    /// Whether a token was revoked by its `jti`, which does not say whose token it is.
    pub by_token_id: bool,
}

impl RevokedTokens {
    /// Replaces all revocations, and returns what is new among them.
    pub fn replace(&self, all: &[Revocation]) -> NewRevocations {
        let mut known = Known::default();
        for revocation in all {
            let until = revocation.until;
            match &revocation.tokens {
                Tokens::OfUser { user, issued_before } => {
                    let revocation = UserRevocation { issued_before: *issued_before, until };
                    _ = known.users.insert(user.clone(), revocation);
                }
                Tokens::Named(token_id) => _ = known.token_ids.insert(hash_token_id(token_id), until),
            }
        }
        let mut before = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = known.users.iter().filter(|(user, revocation)| before.users.get(*user) != Some(revocation));
        let new = NewRevocations {
            users: changed.map(|(user, _)| user.clone()).collect(),
            by_token_id: known.token_ids.keys().any(|token_id| !before.token_ids.contains_key(token_id)),
        };
        *before = known;
        new
    }

    /// Rejects the identity if its token is revoked at `now`, in seconds since 1970.
    pub(super) fn check(&self, identity: &Identity, now: u64) -> Result<(), Rejection> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let key = identity.revocation_key;
        let of_user = known.users.get(identity.user());
        let by_user = of_user.is_some_and(|of_user| now <= of_user.until && key.issued_at < of_user.issued_before);
        // The hash 0 stands for a token without `jti`, and is never in the map.
        let by_token_id = known.token_ids.get(&key.token_id).is_some_and(|until| now <= *until);
        if !by_user && !by_token_id {
            return Ok(());
        }
        let rejection = Rejection::new(ErrorCode::TokenRevoked, "the token was revoked; expected a newer one");
        Err(rejection.with_user(Some(identity.channel.clone())))
    }
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::Channel;

    use super::super::identity::Permissions;
    use super::super::revocation_key::RevocationKey;
    use super::*;

    fn identity(user: &str, revocation_key: RevocationKey) -> Identity {
        let channel = Channel::user(user).unwrap();
        Identity { channel, device: None, permissions: Permissions::default(), expires: 0, revocation_key }
    }

    fn of_user(user: &str, issued_before: u64, until: u64) -> Revocation {
        Revocation { tokens: Tokens::OfUser { user: user.to_owned(), issued_before }, until }
    }

    #[test]
    fn older_tokens_of_a_user_are_rejected_until_the_revocation_expires() {
        let revoked = RevokedTokens::default();
        let new = revoked.replace(&[of_user("42", 100, 500)]);
        assert_eq!(new, NewRevocations { users: vec!["42".to_owned()], by_token_id: false });
        for (user, issued_at, now, valid) in [
            ("42", Some(99), 200, false),
            ("42", None, 200, false),
            ("42", Some(100), 200, true),
            ("42", Some(99), 501, true),
            ("43", Some(99), 200, true),
        ] {
            let answer = revoked.check(&identity(user, RevocationKey::new(issued_at, None)), now);
            assert_eq!(answer.is_ok(), valid, "{user} {issued_at:?} {now}");
        }
    }

    #[test]
    fn revoked_token_id_is_rejected_for_any_user() {
        let revoked = RevokedTokens::default();
        let named = Revocation { tokens: Tokens::Named("a".to_owned()), until: 500 };
        let new = revoked.replace(std::slice::from_ref(&named));
        assert_eq!(new, NewRevocations { users: Vec::new(), by_token_id: true });
        let is_valid =
            |token_id, now| revoked.check(&identity("42", RevocationKey::new(Some(9), token_id)), now).is_ok();
        assert!(!is_valid(Some("a"), 500));
        assert!(is_valid(Some("a"), 501) && is_valid(Some("b"), 500) && is_valid(None, 500));
        assert!(!revoked.replace(&[named, of_user("42", 1, 2)]).by_token_id, "the token id was known before");
    }

    #[test]
    fn known_revocations_are_not_reported_as_new() {
        let revoked = RevokedTokens::default();
        revoked.replace(&[of_user("42", 100, 500), of_user("43", 100, 500)]);
        assert_eq!(revoked.replace(&[of_user("42", 100, 500), of_user("43", 101, 500)]).users, ["43"]);
    }
}
