//! The keys that services show when they publish.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};

use super::token::bearer;
use crate::config::Secret;

/// The known keys, as digests: these are of equal length, so that comparing them tells nothing by its time.
#[derive(Clone)]
pub struct ServiceKeys(Vec<Digest>);

impl ServiceKeys {
    /// Those keys.
    pub fn new(keys: &[Secret]) -> Self {
        Self(keys.iter().filter(|key| !key.expose().is_empty()).map(|key| of(key.expose())).collect())
    }

    /// Does the value of an `Authorization` header show one of the keys?
    pub fn permits(&self, authorization: Option<&str>) -> bool {
        let Some(shown) = authorization.and_then(bearer).map(of) else { return false };
        // Every key is compared, so that the time does not tell which one it was.
        self.0
            .iter()
            .fold(false, |good, known| good | verify_slices_are_equal(known.as_ref(), shown.as_ref()).is_ok())
    }
}

impl fmt::Debug for ServiceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceKeys({} not shown)", self.0.len())
    }
}

fn of(key: &str) -> Digest {
    digest(&SHA256, key.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_key_permits() {
        let keys = ServiceKeys::new(&[Secret::new("first-key"), Secret::new("second-key"), Secret::new("")]);
        for (authorization, good) in [
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
            assert_eq!(keys.permits(authorization), good, "{authorization:?}");
        }
        assert!(!ServiceKeys::new(&[]).permits(Some("Bearer first-key")), "no key permits nobody");
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", ServiceKeys::new(&[Secret::new("first-key")])), "ServiceKeys(1 not shown)");
    }
}
