//! A public key in PEM. Its type is found in it, so that nobody has to say it twice.

use std::ops::RangeInclusive;

use aws_lc_rs::rsa::PublicKey;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey};
use jsonwebtoken::{Algorithm, DecodingKey};

use super::algorithms::{OF_ED25519, OF_P256, OF_P384, OF_RSA};

/// What a public key must be.
pub(super) const EXPECTED: &str =
    "a PEM block `PUBLIC KEY` with an RSA key of 2048 to 8192 bits, an EC key on P-256 or P-384, or an Ed25519 key";

/// An RSA modulus of 2048 to 8192 bits, in bytes.
pub(super) const MODULUS_BYTES: RangeInclusive<usize> = 256..=1_024;

/// The key with what it can verify, or what was found instead.
pub(super) fn parse(text: &str) -> Result<(DecodingKey, &'static [Algorithm]), &'static str> {
    // A node has no business with the key that signs.
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
    let fitting = fitting(&key).ok_or("a key of another type or size")?;
    Ok((key, fitting))
}

/// What the key can verify; none if it is not sound.
pub(super) fn fitting(key: &DecodingKey) -> Option<&'static [Algorithm]> {
    use jsonwebtoken::AlgorithmFamily as Family;
    let bytes = key.try_get_as_bytes().ok()?;
    match key.family() {
        // A modulus of another size parses, and then no signature would ever fit.
        Family::Rsa => {
            PublicKey::from_der(bytes).ok().filter(|key| MODULUS_BYTES.contains(&key.modulus_len())).map(|_| OF_RSA)
        }
        // The first byte 4 is a point that is written out in full.
        Family::Ec if bytes.first() == Some(&4) && bytes.len() == 65 => {
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).ok().map(|_| OF_P256)
        }
        Family::Ec if bytes.first() == Some(&4) && bytes.len() == 97 => {
            ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, bytes).ok().map(|_| OF_P384)
        }
        Family::Ed => ParsedPublicKey::new(&ED25519, bytes).ok().map(|_| OF_ED25519),
        Family::Ec | Family::Hmac => None,
    }
}
