//! Asymmetric keys, generated for each run. No private key is in the repository.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey};

/// A key pair: the private key to sign with, and the public key as PEM for a node.
pub struct Pair {
    /// The algorithm of the key.
    pub algorithm: Algorithm,
    /// Key for the issuer.
    pub private: EncodingKey,
    /// Key for the node.
    pub public_pem: String,
}

impl Pair {
    /// Generates an RSA key of 2048 bits.
    pub fn rs256() -> Self {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
        let private: Pkcs8V1Der<'_> = pair.as_der().expect("DER");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("DER");
        let private = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes()).expect("PEM");
        Self { algorithm: Algorithm::RS256, private, public_pem: pem("PUBLIC KEY", public.as_ref()) }
    }

    /// Generates a key on the curve P-256.
    pub fn es256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let private = pair.to_pkcs8v1().expect("DER");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("DER");
        let private = EncodingKey::from_ec_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes()).expect("PEM");
        Self { algorithm: Algorithm::ES256, private, public_pem: pem("PUBLIC KEY", public.as_ref()) }
    }

    /// Generates a key on the curve Ed25519.
    pub fn eddsa() -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let private = pair.to_pkcs8v1().expect("DER");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("DER");
        let private = EncodingKey::from_ed_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes()).expect("PEM");
        Self { algorithm: Algorithm::EdDSA, private, public_pem: pem("PUBLIC KEY", public.as_ref()) }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
