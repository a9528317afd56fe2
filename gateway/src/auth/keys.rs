//! Keys, each bound to the algorithms that it may verify, and the selection of the key of a token.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey};
use wirebell_protocol::ErrorCode;

use super::rejection::Rejection;

/// A key that verifies signatures.
pub(super) struct Key {
    /// The `kid`, if the key has one.
    pub(super) id: Option<String>,
    /// The algorithms that the key's type supports, and that the key and the configuration allow.
    /// Never empty.
    pub(super) algorithms: Vec<Algorithm>,
    /// The key itself.
    pub(super) decoding: DecodingKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

/// A set of keys.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<Arc<Key>>);

/// Why no key was selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyError {
    /// No key has this `kid`; a newer set may have one.
    Unknown,
    /// The key does not allow the algorithm.
    Algorithm,
    /// Several keys match, and the token has no `kid`.
    Ambiguous,
}

impl KeySet {
    pub(super) fn new(keys: Vec<Key>) -> Self {
        Self(keys.into_iter().map(Arc::new).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the key for a token of this algorithm and `kid`. Without a `kid`, exactly one key
    /// must match.
    pub(super) fn select(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<Arc<Key>, KeyError> {
        let named: Vec<_> = self.0.iter().filter(|key| kid.is_none() || key.id.as_deref() == kid).collect();
        let mut matching = named.iter().filter(|key| key.algorithms.contains(&algorithm));
        match (matching.next(), matching.next()) {
            _ if named.is_empty() => Err(KeyError::Unknown),
            (None, _) => Err(KeyError::Algorithm),
            (Some(_), Some(_)) if kid.is_none() => Err(KeyError::Ambiguous),
            (Some(key), _) => Ok(Arc::clone(key)),
        }
    }
}

impl From<KeyError> for Rejection {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown => Self::new(
                ErrorCode::TokenSignature,
                "the token's `kid` names none of the issuer's keys; expected one of them",
            ),
            KeyError::Algorithm => Self::new(
                ErrorCode::TokenAlgorithm,
                "the token's `alg` does not match its key; expected one that the key allows",
            ),
            KeyError::Ambiguous => Self::new(
                ErrorCode::TokenSignature,
                "the token has no `kid`, and several keys match; expected the `kid` of the signing key",
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
    fn key_is_selected_by_kid_or_by_being_the_only_match() {
        let set = KeySet::new(vec![key(Some("a"), &[RS256]), key(Some("b"), &[ES256]), key(Some("c"), &[RS256])]);
        let selected = |algorithm, kid| set.select(algorithm, kid).map(|key| key.id.clone().unwrap_or_default());
        assert_eq!(selected(RS256, Some("c")), Ok("c".to_owned()));
        assert_eq!(selected(ES256, Some("c")), Err(KeyError::Algorithm));
        assert_eq!(selected(RS256, Some("d")), Err(KeyError::Unknown));
        assert_eq!(selected(ES256, None), Ok("b".to_owned()));
        assert_eq!(selected(RS256, None), Err(KeyError::Ambiguous));
        assert_eq!(selected(HS256, None), Err(KeyError::Algorithm));
        assert_eq!(KeySet::default().select(RS256, None).err(), Some(KeyError::Unknown));
    }

    #[test]
    fn debug_output_contains_no_key() {
        let shown = format!("{:?}", KeySet::new(vec![key(Some("a"), &[HS256])]));
        assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    }
}
