//! The issuer of a run's tokens: a secret for HS256, or a key pair for ES256, generated for each
//! run.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::{Context, Result};

/// Signs tokens, and has the key with which they are verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Issuer {
    /// HS256 with a secret that the system shares.
    Hs256 {
        /// The secret, of 44 characters.
        secret: String,
    },
    /// ES256 with a key pair.
    Es256 {
        /// The issuer's private key in PEM (`PRIVATE KEY`).
        private: String,
        /// The system's public key in PEM (`PUBLIC KEY`).
        public: String,
    },
}

impl Issuer {
    /// Generates a secret for HS256.
    pub fn hs256() -> Self {
        let bytes: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(32).collect();
        Self::Hs256 { secret: STANDARD.encode(bytes) }
    }

    /// Generates a key pair for ES256.
    pub fn es256() -> Result<Self> {
        let failed = || "making a key for ES256".to_owned();
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).context(failed)?;
        let private = pair.to_pkcs8v1().context(failed)?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().context(failed)?;
        Ok(Self::Es256 {
            private: pem("PRIVATE KEY", private.as_ref()),
            public: pem("PUBLIC KEY", public.as_ref()),
        })
    }

    /// Returns the secret of HS256.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Hs256 { secret } => Some(secret),
            Self::Es256 { .. } => None,
        }
    }

    /// Returns the public key of ES256 in PEM.
    pub fn public(&self) -> Option<&str> {
        match self {
            Self::Hs256 { .. } => None,
            Self::Es256 { public, .. } => Some(public),
        }
    }

    /// Returns a token for this user name that is valid for two hours. `claims` is an object with
    /// further claims.
    pub fn token(&self, claims: &Value, user: &str) -> Result<String> {
        let mut claims = claims.clone();
        claims["sub"] = user.into();
        claims["exp"] = (now() + 7200).into();
        let (algorithm, key) = self.key()?;
        jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).context(|| "signing a token".to_owned())
    }

    fn key(&self) -> Result<(Algorithm, EncodingKey)> {
        match self {
            Self::Hs256 { secret } => Ok((Algorithm::HS256, EncodingKey::from_secret(secret.as_bytes()))),
            Self::Es256 { private, .. } => {
                let key = EncodingKey::from_ec_pem(private.as_bytes()).context(|| "reading a key".to_owned())?;
                Ok((Algorithm::ES256, key))
            }
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}
