//! Which signature algorithms go with which keys. A token names its algorithm itself, and whoever wrote it may lie;
//! so the key decides.

use std::str::FromStr;

use jsonwebtoken::Algorithm::{
    self, ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512,
};

use crate::config::ConfigErrors;

/// What a shared secret verifies.
pub(super) const OF_SECRET: &[Algorithm] = &[HS256, HS384, HS512];
/// What an RSA key verifies.
pub(super) const OF_RSA: &[Algorithm] = &[RS256, RS384, RS512, PS256, PS384, PS512];
/// What a key on the curve P-256 verifies.
pub(super) const OF_P256: &[Algorithm] = &[ES256];
/// What a key on the curve P-384 verifies.
pub(super) const OF_P384: &[Algorithm] = &[ES384];
/// What an Ed25519 key verifies.
pub(super) const OF_ED25519: &[Algorithm] = &[EdDSA];
/// What public keys verify.
pub(super) const OF_PUBLIC: &[Algorithm] = &[RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA];
/// What any key verifies.
pub(super) const OF_ANY: &[Algorithm] =
    &[HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA];

/// Of what the keys can verify, what is allowed. An allowed one that fits no key is a fault: whoever wrote it
/// believes in a protection, or a key, that is not there.
pub(super) fn allowed(names: &[String], fitting: &[Algorithm]) -> Result<Vec<Algorithm>, ConfigErrors> {
    if names.is_empty() {
        return Ok(fitting.to_vec());
    }
    let of_name = |name: &String| Algorithm::from_str(name).ok().filter(|algorithm| fitting.contains(algorithm));
    let known: Option<Vec<_>> = names.iter().map(of_name).collect();
    known.ok_or_else(|| {
        let expected = format!("only algorithms that fit the key: {}", list(fitting));
        ConfigErrors::single("auth.algorithms", format!("`{}`", names.join(", ")), expected)
    })
}

/// Their names, with commas between.
pub(super) fn list(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect::<Vec<_>>().join(", ")
}
