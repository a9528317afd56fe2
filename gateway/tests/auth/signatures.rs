//! Signatures: every algorithm, and the known attacks.

use aws_lc_rs::rsa::KeySize;
use jsonwebtoken::Algorithm::{self, EdDSA, HS256, HS512, PS256, RS256, RS384};
use serde_json::json;
use wirebell_protocol::ErrorCode;

use crate::issuer::{Issuer, raw};
use crate::{SECRET, Tested, error_code, no_keys, now, verifier, verify, with_public_key, with_secret};

/// A valid key that is too small to be safe.
const RSA_OF_1024_BITS: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+k3e9IlULoUqLJ+WH7V+8VZCc
57d9sLlHyLyyFFVGM2dS2EIfGt1864rs6XMlq9h29mdtwxnmogOJo84AvBGEsClr
9b8LNCf+7a2axslvNI4JBwb3qSSuVWhFV6DGe0XvES1wI5jsIHlusiN9wpWo3Glv
s0oydVBbTCuJ1VWC0wIDAQAB
-----END PUBLIC KEY-----";

/// A key of the same length as one on P-256, on another curve.
const ON_SECP256K1: &str = "-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEgcKDZ3fSvsFhTb0sUZOJGJoJVs8G45J5
GOwku5qXnVCF9mHAMF0lKH9DS5bTP9pzQ2A1kTQix14CoCDK42vdxQ==
-----END PUBLIC KEY-----";

/// A key on Ed448, the larger variant of Ed25519.
const ED448: &str = "-----BEGIN PUBLIC KEY-----
MEMwBQYDK2VxAzoAiiJ8NbKvnWg1oObkKCtjDL+cuS/7Yf5Y8c+tOV5s95/Wp5xI
liIEso0cumE4Le4kl6K7gpvRNTOA
-----END PUBLIC KEY-----";

#[tokio::test]
async fn each_algorithm_is_verified_only_by_its_own_key() -> Tested {
    for (issuer, stranger) in [
        (Issuer::rsa(KeySize::Rsa2048)?, Issuer::rsa(KeySize::Rsa2048)?),
        (Issuer::p256()?, Issuer::p256()?),
        (Issuer::p384()?, Issuer::p384()?),
        (Issuer::ed25519()?, Issuer::ed25519()?),
    ] {
        let verifier = verifier(&with_public_key(&issuer.public_pem))?;
        for &algorithm in issuer.algorithms {
            let identity = verify(&verifier, &issuer.valid(algorithm, None)?).await?;
            assert_eq!((identity.user(), identity.channel.as_str()), ("42", "user:42"), "{algorithm:?}");
            let found = error_code(&verifier, &stranger.valid(algorithm, None)?).await;
            assert_eq!(found, Some(ErrorCode::TokenSignature), "{algorithm:?}");
            assert_eq!(
                error_code(&verifier, &changed(&issuer.valid(algorithm, None)?)).await,
                Some(ErrorCode::TokenSignature)
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn secret_verifies_its_three_algorithms() -> Tested {
    let (issuer, verifier) = (Issuer::secret(), verifier(&with_secret())?);
    for &algorithm in issuer.algorithms {
        let valid = issuer.valid(algorithm, Some("any kid is accepted with one key"))?;
        assert_eq!(error_code(&verifier, &valid).await, None, "{algorithm:?}");
        assert_eq!(error_code(&verifier, &changed(&valid)).await, Some(ErrorCode::TokenSignature), "{algorithm:?}");
    }
    let claims = json!({"sub": "42", "exp": now() + 600}).to_string();
    let stranger = raw(r#"{"alg":"HS256"}"#, &claims, b"another secret of thirty-two byt");
    assert_eq!(error_code(&verifier, &stranger).await, Some(ErrorCode::TokenSignature));
    Ok(())
}

#[tokio::test]
async fn algorithm_of_another_key_type_is_rejected() -> Tested {
    let (rsa, p256, ed25519) = (Issuer::rsa(KeySize::Rsa2048)?, Issuer::p256()?, Issuer::ed25519()?);
    let with_rsa = verifier(&with_public_key(&rsa.public_pem))?;
    // The public key is known to attackers. A token signed with it as a secret must be rejected.
    let claims = json!({"sub": "42", "exp": now() + 600}).to_string();
    for secret in [rsa.public_pem.as_bytes(), rsa.public_pem.trim().as_bytes()] {
        let confused = raw(r#"{"alg":"HS256","typ":"JWT"}"#, &claims, secret);
        assert_eq!(error_code(&with_rsa, &confused).await, Some(ErrorCode::TokenAlgorithm));
    }
    for (issuer, algorithm) in [(&p256, Algorithm::ES256), (&ed25519, EdDSA)] {
        assert_eq!(error_code(&with_rsa, &issuer.valid(algorithm, None)?).await, Some(ErrorCode::TokenAlgorithm));
        let of_another_curve = verifier(&with_public_key(&Issuer::p384()?.public_pem))?;
        assert_eq!(
            error_code(&of_another_curve, &issuer.valid(algorithm, None)?).await,
            Some(ErrorCode::TokenAlgorithm)
        );
    }
    let with_secret = verifier(&with_secret())?;
    assert_eq!(error_code(&with_secret, &rsa.valid(RS256, None)?).await, Some(ErrorCode::TokenAlgorithm));
    Ok(())
}

#[tokio::test]
async fn unsigned_token_is_rejected() -> Tested {
    let rsa = Issuer::rsa(KeySize::Rsa2048)?;
    let claims = json!({"sub": "42", "exp": now() + 600}).to_string();
    for config in [with_secret(), with_public_key(&rsa.public_pem)] {
        let verifier = verifier(&config)?;
        for alg in ["none", "None", "NONE", "nOnE", "", "hs256", "RS257"] {
            let token = raw(&format!(r#"{{"alg":"{alg}"}}"#), &claims, SECRET.as_bytes());
            let unsigned = token.rsplit_once('.').map(|(signed, _)| format!("{signed}.")).unwrap_or_default();
            assert_eq!(error_code(&verifier, &unsigned).await, Some(ErrorCode::TokenAlgorithm), "{alg}");
            assert_eq!(error_code(&verifier, &token).await, Some(ErrorCode::TokenAlgorithm), "{alg}");
        }
    }
    let verifier = verifier(&with_secret())?;
    let valid = Issuer::secret().valid(HS256, None)?;
    let cut = valid.rsplit_once('.').map(|(signed, _)| format!("{signed}.")).unwrap_or_default();
    assert_eq!(error_code(&verifier, &cut).await, Some(ErrorCode::TokenSignature));
    Ok(())
}

#[tokio::test]
async fn configured_algorithms_restrict_the_key() -> Tested {
    let rsa = Issuer::rsa(KeySize::Rsa2048)?;
    let mut config = with_public_key(&rsa.public_pem);
    config.algorithms = vec!["RS256".to_owned(), "PS256".to_owned()];
    let verifier = verifier(&config)?;
    for (algorithm, found) in [(RS256, None), (PS256, None), (RS384, Some(ErrorCode::TokenAlgorithm))] {
        assert_eq!(error_code(&verifier, &rsa.valid(algorithm, None)?).await, found, "{algorithm:?}");
    }
    Ok(())
}

#[test]
fn algorithm_that_no_key_supports_is_a_configuration_error() -> Tested {
    let rsa = Issuer::rsa(KeySize::Rsa2048)?;
    let url = "https://id.example.com/jwks".to_owned();
    for (mut config, names) in [
        (with_public_key(&rsa.public_pem), vec!["RS256", "HS256"]),
        (with_public_key(&Issuer::p256()?.public_pem), vec!["ES384"]),
        (with_secret(), vec!["RS256"]),
        (gateway::config::Auth { jwks_url: Some(url), ..no_keys() }, vec!["HS256", "RS256"]),
    ] {
        config.algorithms = names.iter().map(|name| (*name).to_owned()).collect();
        let text = verifier(&config).err().map(|errors| errors.to_string()).unwrap_or_default();
        assert!(text.contains("auth.algorithms: found") && text.contains("that fit the key"), "{names:?}: {text}");
    }
    Ok(())
}

#[test]
fn invalid_public_key_is_a_configuration_error() -> Tested {
    let rsa = Issuer::rsa(KeySize::Rsa2048)?;
    let certificate = rsa.public_pem.replace("PUBLIC KEY", "CERTIFICATE");
    for (pem, expected) in [
        (rsa.private_pem.as_str(), "found a private key"),
        (&certificate, "found a certificate"),
        (RSA_OF_1024_BITS, "found a key of another type or size"),
        (ON_SECP256K1, "found a key of another type or size"),
        (ED448, "found something else"),
        ("ssh-ed25519 AAAA", "found something else"),
    ] {
        let text = verifier(&with_public_key(pem)).err().map(|errors| errors.to_string()).unwrap_or_default();
        assert!(text.contains("auth.public_key") && text.contains(expected), "{text}");
        assert!(!text.contains("-----"), "the key is shown: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn text_that_is_not_a_jwt_is_malformed() -> Tested {
    let verifier = verifier(&with_secret())?;
    let claims = json!({"sub": "42", "exp": now() + 600}).to_string();
    let raw = |header: &str| raw(header, &claims, SECRET.as_bytes());
    let valid = Issuer::secret().valid(HS512, None)?;
    for token in [
        "",
        "hunter2",
        "a.b",
        "...",
        "hunter2.hunter2.hunter2",
        "a.b.c.d.e",
        &format!("{valid}.hunter2"),
        &format!(" {valid}"),
        &valid.repeat(100),
        &raw("[]"),
        &raw(r#"["HS256"]"#),
        &raw(r#"{"typ":"JWT"}"#),
        &raw(r#"{"alg":256}"#),
        &raw(r#"{"alg":"HS256","kid":7}"#),
        &raw(r#"{"alg":"HS256","crit":["exp"]}"#),
        &raw("alg: HS256"),
    ] {
        assert_eq!(error_code(&verifier, token).await, Some(ErrorCode::TokenMalformed), "{token}");
    }
    Ok(())
}

/// Replaces the claims of a token, which makes its signature invalid.
fn changed(token: &str) -> String {
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    if let Some(claims) = parts.get_mut(1) {
        use base64::Engine;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        *claims = URL_SAFE_NO_PAD.encode(json!({"sub": "1", "exp": now() + 600}).to_string());
    }
    parts.join(".")
}
