//! Parses a JSON Web Key Set. Entries that are not valid signature keys are ignored, as RFC 7517
//! requires.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::algorithms::{ED25519_ALGORITHMS, P256_ALGORITHMS, P384_ALGORITHMS, RSA_ALGORITHMS, SECRET_ALGORITHMS};
use super::keys::{Key, KeySet};
use super::pem;

/// Minimum length of a symmetric key, the same as for `auth.secret`.
const MIN_SECRET_BYTES: usize = 16;

/// Keys are parsed one by one, so an unknown one does not invalidate the set.
#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// Returns the usable keys of a set. A set without one is an error, since it is most likely broken.
pub(super) fn parse(document: &[u8], allowed: &[Algorithm]) -> Result<KeySet, &'static str> {
    let document: Document =
        serde_json::from_slice(document).map_err(|_| "something that is not a JSON Web Key Set")?;
    let jwks = document.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    let keys: Vec<_> = jwks.filter_map(|jwk| usable(&jwk, allowed)).collect();
    if keys.is_empty() {
        return Err("a JSON Web Key Set without a key that may verify any allowed algorithm");
    }
    Ok(KeySet::new(keys))
}

/// Returns the key, if it may verify signatures with one of the allowed algorithms.
fn usable(jwk: &Jwk, allowed: &[Algorithm]) -> Option<Key> {
    let common = &jwk.common;
    let for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let may_verify = common.key_operations.as_ref().is_none_or(|may| may.contains(&KeyOperations::Verify));
    if !for_signatures || !may_verify {
        return None;
    }
    let supported = supported_algorithms(jwk)?;
    let own = match common.key_algorithm {
        Some(named) => Some(Algorithm::try_from(named).ok()?),
        None => None,
    };
    let is_own = |algorithm: &Algorithm| own.is_none_or(|own| own == *algorithm);
    let is_usable = |algorithm: &Algorithm| is_own(algorithm) && allowed.contains(algorithm);
    let algorithms: Vec<_> = supported.iter().copied().filter(is_usable).collect();
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    (!algorithms.is_empty()).then(|| Key { id: common.key_id.clone(), algorithms, decoding })
}

/// Returns the algorithms of the key's type, or `None` if the key is not valid.
fn supported_algorithms(jwk: &Jwk) -> Option<&'static [Algorithm]> {
    let point = |expected: &'static [Algorithm]| {
        pem::supported_algorithms(&DecodingKey::from_jwk(jwk).ok()?).filter(|supported| *supported == expected)
    };
    match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            let leading = modulus.iter().take_while(|byte| **byte == 0).count();
            pem::MODULUS_BYTES.contains(&(modulus.len() - leading)).then_some(RSA_ALGORITHMS)
        }
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => point(P256_ALGORITHMS),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P384 => point(P384_ALGORITHMS),
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            point(ED25519_ALGORITHMS)
        }
        AlgorithmParameters::OctetKey(secret) => {
            (URL_SAFE_NO_PAD.decode(&secret.value).ok()?.len() >= MIN_SECRET_BYTES).then_some(SECRET_ALGORITHMS)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use Algorithm::{ES256, EdDSA, HS256, RS256};

    use super::*;
    use crate::auth::algorithms::{ALL_ALGORITHMS, PUBLIC_KEY_ALGORITHMS};
    use crate::auth::keys::KeyError;

    const ED: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    const OCT: &str = r#""kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY""#;

    fn select(keys: &str, allowed: &[Algorithm], algorithm: Algorithm, kid: &str) -> Result<(), Option<KeyError>> {
        let set = parse(format!("{{\"keys\":[{keys}]}}").as_bytes(), allowed).map_err(|_| None)?;
        set.select(algorithm, Some(kid)).map(|_| ()).map_err(Some)
    }

    #[test]
    fn unknown_key_does_not_invalidate_the_set() {
        let keys = format!(
            r#"7, {{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"k"}}, {{"kty":"new"}}, {{{ED},"kid":"e"}}"#
        );
        assert_eq!(select(&keys, ALL_ALGORITHMS, EdDSA, "e"), Ok(()));
        assert_eq!(select(&keys, ALL_ALGORITHMS, ES256, "k"), Err(Some(KeyError::Unknown)));
    }

    #[test]
    fn use_key_ops_and_alg_are_respected() {
        for (extra, usable) in [
            (r#""use":"sig""#, true),
            (r#""use":"enc""#, false),
            (r#""key_ops":["verify"]"#, true),
            (r#""key_ops":["sign"]"#, false),
            (r#""alg":"EdDSA""#, true),
            (r#""alg":"RS256""#, false),
            (r#""alg":"ECDH-ES""#, false),
            (r#""alg":"none""#, false),
        ] {
            let keys = format!(r#"{{{ED},"kid":"e",{extra}}}"#);
            assert_eq!(select(&keys, ALL_ALGORITHMS, EdDSA, "e").is_ok(), usable, "{extra}");
        }
    }

    #[test]
    fn symmetric_key_is_used_only_if_symmetric_algorithms_are_allowed() {
        let keys = format!(r#"{{{OCT},"kid":"o"}}, {{{ED},"kid":"e"}}"#);
        assert_eq!(select(&keys, ALL_ALGORITHMS, HS256, "o"), Ok(()));
        assert_eq!(select(&keys, PUBLIC_KEY_ALGORITHMS, HS256, "o"), Err(Some(KeyError::Unknown)));
    }

    #[test]
    fn invalid_keys_are_ignored() {
        for key in [
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"k"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB","kid":"k"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"AQAB","kid":"k"}"#,
            r#"{"kty":"OKP","crv":"P-256","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k"}"#,
            r#"{"kty":"oct","k":"AQAB","kid":"k"}"#,
        ] {
            for algorithm in [RS256, ES256, EdDSA, HS256] {
                assert_eq!(select(key, ALL_ALGORITHMS, algorithm, "k"), Err(None), "{key}");
            }
        }
    }

    #[test]
    fn invalid_document_is_an_error() {
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, "<html>"] {
            assert!(parse(text.as_bytes(), ALL_ALGORITHMS).is_err(), "{text}");
        }
    }
}
