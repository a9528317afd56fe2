//! Parses a public key in PEM. The key contains its type, so the type needs no setting.

use std::ops::RangeInclusive;

use aws_lc_rs::rsa::PublicKey;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey};
use jsonwebtoken::{Algorithm, DecodingKey};

use super::algorithms::{ED25519_ALGORITHMS, P256_ALGORITHMS, P384_ALGORITHMS, RSA_ALGORITHMS};

/// The expected form of a public key, for error messages.
pub(super) const EXPECTED: &str =
    "a PEM block `PUBLIC KEY` with an RSA key of 2048 to 8192 bits, an EC key on P-256 or P-384, or an Ed25519 key";

/// The allowed sizes of an RSA modulus, 2048 to 8192 bits, in bytes.
pub(super) const MODULUS_BYTES: RangeInclusive<usize> = 256..=1_024;

/// Returns the key and its algorithms, or what was found instead.
pub(super) fn parse(text: &str) -> Result<(DecodingKey, &'static [Algorithm]), &'static str> {
    // A node must not have the signing key.
    if text.contains("PRIVATE KEY-----") {
        return Err("a private key");
    }
    if text.contains("CERTIFICATE-----") {
        return Err("a certificate");
    }
    let pem = text.as_bytes();
    let parsed = DecodingKey::from_rsa_pem(pem)
        .or_else(|_| DecodingKey::from_ec_pem(pem))
        .or_else(|_| DecodingKey::from_ed_pem(pem));
    let key = parsed.map_err(|_| "something else")?;
    let supported = supported_algorithms(&key).ok_or("a key of another type or size")?;
    Ok((key, supported))
}

/// Returns the algorithms of the key, or `None` if the key is not valid.
pub(super) fn supported_algorithms(key: &DecodingKey) -> Option<&'static [Algorithm]> {
    use jsonwebtoken::AlgorithmFamily as Family;
    let bytes = key.try_get_as_bytes().ok()?;
    match key.family() {
        // A modulus of another size would parse, but never verify a signature.
        Family::Rsa => PublicKey::from_der(bytes)
            .ok()
            .filter(|key| MODULUS_BYTES.contains(&key.modulus_len()))
            .map(|_| RSA_ALGORITHMS),
        // The first byte 4 marks an uncompressed point.
        Family::Ec if bytes.first() == Some(&4) && bytes.len() == 65 => {
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).ok().map(|_| P256_ALGORITHMS)
        }
        Family::Ec if bytes.first() == Some(&4) && bytes.len() == 97 => {
            ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, bytes).ok().map(|_| P384_ALGORITHMS)
        }
        Family::Ed => ParsedPublicKey::new(&ED25519, bytes).ok().map(|_| ED25519_ALGORITHMS),
        Family::Ec | Family::Hmac => None,
    }
}
