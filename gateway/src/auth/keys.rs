//! Keys, each bound to the algorithms that it may verify, and the choice of the right one.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey};
use wirebell_protocol::ErrorCode;

use super::Refusal;

/// A key that verifies signatures.
pub(super) struct Key {
    /// Its `kid`, if it came with one.
    pub(super) id: Option<String>,
    /// What it may verify: what fits its type, itself allows, and the configuration allows. Never empty.
    pub(super) algorithms: Vec<Algorithm>,
    /// The key itself.
    pub(super) decoding: DecodingKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

/// The keys that are known at one time.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<Arc<Key>>);

/// Why no key was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miss {
    /// No key has that `kid`; a newer set may have one.
    Unknown,
    /// There is a key, and the algorithm is not one of its own.
    Algorithm,
    /// Several keys fit, and the token does not say which.
    Ambiguous,
}

impl KeySet {
    pub(super) fn new(keys: Vec<Key>) -> Self {
        Self(keys.into_iter().map(Arc::new).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key for a token of that algorithm and `kid`. Without a `kid` it must be the only one that fits.
    pub(super) fn choose(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<Arc<Key>, Miss> {
        let named: Vec<_> = self.0.iter().filter(|key| kid.is_none() || key.id.as_deref() == kid).collect();
        let mut fitting = named.iter().filter(|key| key.algorithms.contains(&algorithm));
        match (fitting.next(), fitting.next()) {
            _ if named.is_empty() => Err(Miss::Unknown),
            (None, _) => Err(Miss::Algorithm),
            (Some(_), Some(_)) if kid.is_none() => Err(Miss::Ambiguous),
            (Some(key), _) => Ok(Arc::clone(key)),
        }
    }
}

impl From<Miss> for Refusal {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Unknown => Self::new(
                ErrorCode::TokenSignature,
                "the token's `kid` is none of the issuer's keys; expected one of them",
            ),
            Miss::Algorithm => Self::new(
                ErrorCode::TokenAlgorithm,
                "the token's `alg` is not one of its key's; expected one that fits the key",
            ),
            Miss::Ambiguous => Self::new(
                ErrorCode::TokenSignature,
                "the token has no `kid` and several keys fit; expected the `kid` of the key that signed it",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use Algorithm::{ES256, HS256, RS256};

    use super::*;

    fn key(id: Option<&str>, algorithms: &[Algorithm]) -> Key {
        Key {
            id: id.map(str::to_owned),
            algorithms: algorithms.to_vec(),
            decoding: DecodingKey::from_secret(b"hunter2"),
        }
    }

    #[test]
    fn the_kid_decides_and_without_one_the_only_key_that_fits() {
        let set = KeySet::new(vec![key(Some("a"), &[RS256]), key(Some("b"), &[ES256]), key(Some("c"), &[RS256])]);
        let chosen = |algorithm, kid| set.choose(algorithm, kid).map(|key| key.id.clone().unwrap_or_default());
        assert_eq!(chosen(RS256, Some("c")), Ok("c".to_owned()));
        assert_eq!(chosen(ES256, Some("c")), Err(Miss::Algorithm));
        assert_eq!(chosen(RS256, Some("d")), Err(Miss::Unknown));
        assert_eq!(chosen(ES256, None), Ok("b".to_owned()));
        assert_eq!(chosen(RS256, None), Err(Miss::Ambiguous));
        assert_eq!(chosen(HS256, None), Err(Miss::Algorithm));
        assert_eq!(KeySet::default().choose(RS256, None).err(), Some(Miss::Unknown));
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", KeySet::new(vec![key(Some("a"), &[HS256])]));
        assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    }
}
