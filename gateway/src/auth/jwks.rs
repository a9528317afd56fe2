//! A JSON Web Key Set. What is not a sound key for signatures is passed over, as RFC 7517 asks.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::algorithms::{OF_ED25519, OF_P256, OF_P384, OF_RSA, OF_SECRET};
use super::keys::{Key, KeySet};
use super::pem;

/// As with `auth.secret`.
const LEAST_SECRET_BYTES: usize = 16;

/// Each key stays raw until it is looked at, so that a strange one does not spoil the set.
#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// The usable keys of a set; a set without one is a fault, since it is rather broken than meant.
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

fn usable(jwk: &Jwk, allowed: &[Algorithm]) -> Option<Key> {
    let common = &jwk.common;
    let for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let may_verify = common.key_operations.as_ref().is_none_or(|may| may.contains(&KeyOperations::Verify));
    if !for_signatures || !may_verify {
        return None;
    }
    let fitting = fitting(jwk)?;
    let own = match common.key_algorithm {
        Some(named) => Some(Algorithm::try_from(named).ok()?),
        None => None,
    };
    let is_own = |algorithm: &Algorithm| own.is_none_or(|own| own == *algorithm);
    let may = |algorithm: &Algorithm| is_own(algorithm) && allowed.contains(algorithm);
    let algorithms: Vec<_> = fitting.iter().copied().filter(may).collect();
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    (!algorithms.is_empty()).then(|| Key { id: common.key_id.clone(), algorithms, decoding })
}

/// What the key can verify by its type; none if it is not sound.
fn fitting(jwk: &Jwk) -> Option<&'static [Algorithm]> {
    let point = |expected: &'static [Algorithm]| {
        pem::fitting(&DecodingKey::from_jwk(jwk).ok()?).filter(|fitting| *fitting == expected)
    };
    match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            let leading = modulus.iter().take_while(|byte| **byte == 0).count();
            pem::MODULUS_BYTES.contains(&(modulus.len() - leading)).then_some(OF_RSA)
        }
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => point(OF_P256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P384 => point(OF_P384),
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => point(OF_ED25519),
        AlgorithmParameters::OctetKey(secret) => {
            (URL_SAFE_NO_PAD.decode(&secret.value).ok()?.len() >= LEAST_SECRET_BYTES).then_some(OF_SECRET)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use Algorithm::{ES256, EdDSA, HS256, RS256};

    use super::*;
    use crate::auth::algorithms::{OF_ANY, OF_PUBLIC};
    use crate::auth::keys::Miss;

    const ED: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    const OCT: &str = r#""kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY""#;

    fn choose(keys: &str, allowed: &[Algorithm], algorithm: Algorithm, kid: &str) -> Result<(), Option<Miss>> {
        let set = parse(format!("{{\"keys\":[{keys}]}}").as_bytes(), allowed).map_err(|_| None)?;
        set.choose(algorithm, Some(kid)).map(|_| ()).map_err(Some)
    }

    #[test]
    fn a_strange_key_does_not_spoil_the_set() {
        let keys = format!(
            r#"7, {{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"k"}}, {{"kty":"new"}}, {{{ED},"kid":"e"}}"#
        );
        assert_eq!(choose(&keys, OF_ANY, EdDSA, "e"), Ok(()));
        assert_eq!(choose(&keys, OF_ANY, ES256, "k"), Err(Some(Miss::Unknown)));
    }

    #[test]
    fn use_and_operations_and_alg_are_respected() {
        for (extra, good) in [
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
            assert_eq!(choose(&keys, OF_ANY, EdDSA, "e").is_ok(), good, "{extra}");
        }
    }

    #[test]
    fn a_symmetric_key_counts_only_where_symmetric_algorithms_may() {
        let keys = format!(r#"{{{OCT},"kid":"o"}}, {{{ED},"kid":"e"}}"#);
        assert_eq!(choose(&keys, OF_ANY, HS256, "o"), Ok(()));
        assert_eq!(choose(&keys, OF_PUBLIC, HS256, "o"), Err(Some(Miss::Unknown)));
    }

    #[test]
    fn keys_that_are_not_sound_are_passed_over() {
        for key in [
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"k"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB","kid":"k"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"AQAB","kid":"k"}"#,
            r#"{"kty":"OKP","crv":"P-256","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k"}"#,
            r#"{"kty":"oct","k":"AQAB","kid":"k"}"#,
        ] {
            for algorithm in [RS256, ES256, EdDSA, HS256] {
                assert_eq!(choose(key, OF_ANY, algorithm, "k"), Err(None), "{key}");
            }
        }
    }

    #[test]
    fn what_is_no_set_is_said_to_be_none() {
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, "<html>"] {
            assert!(parse(text.as_bytes(), OF_ANY).is_err(), "{text}");
        }
    }
}
