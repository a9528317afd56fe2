//! The API keys with which services authenticate.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};

use super::token::bearer;
use crate::config::Secret;

/// The valid API keys, stored as digests. Digests have equal lengths, so the time of a comparison
/// reveals nothing.
#[derive(Clone)]
pub struct ApiKeys(Vec<Digest>);

impl ApiKeys {
    /// Creates the set of valid keys. Empty ones are ignored.
    pub fn new(keys: &[Secret]) -> Self {
        Self(keys.iter().filter(|key| !key.expose().is_empty()).map(|key| digest_of(key.expose())).collect())
    }

    /// Returns whether the value of an `Authorization` header contains a valid key.
    pub fn accept(&self, authorization: Option<&str>) -> bool {
        let Some(given) = authorization.and_then(bearer).map(digest_of) else { return false };
        // Every key is compared, so the time does not reveal which key matched.
        self.0
            .iter()
            .fold(false, |valid, known| valid | verify_slices_are_equal(known.as_ref(), given.as_ref()).is_ok())
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeys({} not shown)", self.0.len())
    }
}

fn digest_of(key: &str) -> Digest {
    digest(&SHA256, key.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_keys_are_accepted() {
        let keys = ApiKeys::new(&[Secret::new("first-key"), Secret::new("second-key"), Secret::new("")]);
        for (authorization, valid) in [
            (Some("Bearer first-key"), true),
            (Some("bearer second-key"), true),
            (Some("Bearer first-ke"), false),
            (Some("Bearer first-key2"), false),
            (Some("Basic first-key"), false),
            (Some("first-key"), false),
            (Some("Bearer "), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(keys.accept(authorization), valid, "{authorization:?}");
        }
        assert!(!ApiKeys::new(&[]).accept(Some("Bearer first-key")), "without keys, nothing is accepted");
    }

    #[test]
    fn debug_output_contains_no_key() {
        assert_eq!(format!("{:?}", ApiKeys::new(&[Secret::new("first-key")])), "ApiKeys(1 not shown)");
    }
}
