//! An issuer of tokens: valid ones, and invalid ones for tests.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::keys::Pair;

/// The secret that [`crate::node::Setup`] gives to nodes. [`Issuer::default`] signs with it.
pub const SECRET: &str = "a-secret-of-the-tests-that-no-log-may-show";
/// `iss` of valid tokens.
pub const ISSUER: &str = "https://issuer.test";
/// `aud` of valid tokens.
pub const AUDIENCE: &str = "wirebell-tests";

/// Signs claims.
pub struct Issuer {
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Default for Issuer {
    fn default() -> Self {
        Self::with_secret(SECRET)
    }
}

impl Issuer {
    /// Returns an issuer for HS256 with this secret.
    pub fn with_secret(secret: &str) -> Self {
        Self { algorithm: Algorithm::HS256, key: EncodingKey::from_secret(secret.as_bytes()) }
    }

    /// Returns an issuer with the algorithm and private key of this pair.
    pub fn with_pair(pair: &Pair) -> Self {
        Self { algorithm: pair.algorithm, key: pair.private.clone() }
    }

    /// Returns a valid token that lasts an hour.
    pub fn token(&self, user: &str) -> String {
        self.sign(&claims(user))
    }

    /// Returns a valid token that lasts this many seconds; with a negative number it has expired.
    pub fn token_for(&self, user: &str, seconds: i64) -> String {
        self.sign(&with(claims(user), "exp", json!(now() + seconds)))
    }

    /// Signs any claims.
    pub fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&Header::new(self.algorithm), claims, &self.key).expect("claims can be signed")
    }
}

/// Returns the claims of a valid token.
pub fn claims(user: &str) -> Value {
    json!({"sub": user, "exp": now() + 3600, "iss": ISSUER, "aud": AUDIENCE})
}

/// Returns the claims with one value replaced; `null` removes it.
pub fn with(mut claims: Value, name: &str, value: Value) -> Value {
    if let Some(members) = claims.as_object_mut() {
        members.remove(name);
        if !value.is_null() {
            members.insert(name.to_owned(), value);
        }
    }
    claims
}

/// Returns the seconds since the Unix epoch.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_secs()).expect("a clock before the year 292 billion")
}

/// Returns a token with the algorithm `none`.
pub fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(claims))
}

/// Returns a token signed by HS256 with a public key as the secret. A careless verifier accepts it.
pub fn confused(pair: &Pair, claims: &Value) -> String {
    Issuer::with_secret(&pair.public_pem).sign(claims)
}

/// Returns a token whose claims were changed after it was signed.
pub fn tampered(valid: &str, claims: &Value) -> String {
    let parts: Vec<&str> = valid.split('.').collect();
    format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2])
}
