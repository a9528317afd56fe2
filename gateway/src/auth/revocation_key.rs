//! The claims by which a token can be revoked.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The claims `iat` and `jti` of a token. An identity keeps it for as long as its connection is
/// open, so `jti` is stored as a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RevocationKey {
    /// The claim `iat`, in seconds since 1970; 0 if the token has none.
    pub(super) issued_at: u64,
    /// The hash of the claim `jti`; 0 if the token has none.
    pub(super) token_id: u64,
}

impl RevocationKey {
    pub(super) fn new(issued_at: Option<u64>, token_id: Option<&str>) -> Self {
        Self { issued_at: issued_at.unwrap_or_default(), token_id: token_id.map(hash_token_id).unwrap_or_default() }
    }
}

/// Returns the hash of a `jti`, never 0. Two ids collide so rarely that it does not matter in
/// practice.
pub(super) fn hash_token_id(token_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token_id.hash(&mut hasher);
    hasher.finish().max(1)
}
