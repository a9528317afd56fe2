//! The signature algorithms of each type of key. The key decides which algorithm is valid, because
//! the algorithm that a token names is not trusted.

use std::str::FromStr;

use jsonwebtoken::Algorithm::{
    self, ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512,
};

use crate::config::ConfigErrors;

/// The algorithms of a shared secret.
pub(super) const SECRET_ALGORITHMS: &[Algorithm] = &[HS256, HS384, HS512];
/// The algorithms of an RSA key.
pub(super) const RSA_ALGORITHMS: &[Algorithm] = &[RS256, RS384, RS512, PS256, PS384, PS512];
/// The algorithm of a key on the curve P-256.
pub(super) const P256_ALGORITHMS: &[Algorithm] = &[ES256];
/// The algorithm of a key on the curve P-384.
pub(super) const P384_ALGORITHMS: &[Algorithm] = &[ES384];
/// The algorithm of an Ed25519 key.
pub(super) const ED25519_ALGORITHMS: &[Algorithm] = &[EdDSA];
/// The algorithms of all public keys.
pub(super) const PUBLIC_KEY_ALGORITHMS: &[Algorithm] =
    &[RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA];
/// The algorithms of all keys.
pub(super) const ALL_ALGORITHMS: &[Algorithm] =
    &[HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA];

/// Returns the allowed algorithms among those that the keys support. A configured algorithm that no
/// key supports is an error: the configuration assumes a key or a protection that does not exist.
pub(super) fn allowed(names: &[String], supported: &[Algorithm]) -> Result<Vec<Algorithm>, ConfigErrors> {
    if names.is_empty() {
        return Ok(supported.to_vec());
    }
    let of_name = |name: &String| Algorithm::from_str(name).ok().filter(|algorithm| supported.contains(algorithm));
    let known: Option<Vec<_>> = names.iter().map(of_name).collect();
    known.ok_or_else(|| {
        let expected = format!("only algorithms that fit the key: {}", list(supported));
        ConfigErrors::single("auth.algorithms", format!("`{}`", names.join(", ")), expected)
    })
}

/// Returns the names, separated by commas.
pub(super) fn list(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect::<Vec<_>>().join(", ")
}
