//! An issuer of tokens: a generated key, with its public half in the forms that issuers publish.

use std::error::Error;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::{SECRET, now};

const OF_RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// A signing key.
pub(crate) struct Issuer {
    /// The public half in PEM; empty for a secret.
    pub(crate) public_pem: String,
    /// The private half in PEM; empty for a secret.
    pub(crate) private_pem: String,
    /// The algorithms with which the key can sign.
    pub(crate) algorithms: &'static [Algorithm],
    signing: EncodingKey,
}

type Made = Result<Issuer, Box<dyn Error>>;

impl Issuer {
    pub(crate) fn secret() -> Self {
        Self {
            public_pem: String::new(),
            private_pem: String::new(),
            algorithms: &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512],
            signing: EncodingKey::from_secret(SECRET.as_bytes()),
        }
    }

    pub(crate) fn rsa(size: KeySize) -> Made {
        let pair = RsaKeyPair::generate(size)?;
        let (private, public): (Pkcs8V1Der<'_>, PublicKeyX509Der<'_>) =
            (pair.as_der()?, pair.public_key().as_der()?);
        let (private_pem, public_pem) = (pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref()));
        let signing = EncodingKey::from_rsa_pem(private_pem.as_bytes())?;
        Ok(Self { public_pem, private_pem, algorithms: OF_RSA, signing })
    }

    pub(crate) fn p256() -> Made {
        Self::ec(&ECDSA_P256_SHA256_FIXED_SIGNING, &[Algorithm::ES256])
    }

    pub(crate) fn p384() -> Made {
        Self::ec(&ECDSA_P384_SHA384_FIXED_SIGNING, &[Algorithm::ES384])
    }

    fn ec(curve: &'static EcdsaSigningAlgorithm, algorithms: &'static [Algorithm]) -> Made {
        let pair = EcdsaKeyPair::generate(curve)?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        let (private_pem, public_pem) =
            (pem("PRIVATE KEY", pair.to_pkcs8v1()?.as_ref()), pem("PUBLIC KEY", public.as_ref()));
        let signing = EncodingKey::from_ec_pem(private_pem.as_bytes())?;
        Ok(Self { public_pem, private_pem, algorithms, signing })
    }

    pub(crate) fn ed25519() -> Made {
        let pair = Ed25519KeyPair::generate()?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        let (private_pem, public_pem) =
            (pem("PRIVATE KEY", pair.to_pkcs8v1()?.as_ref()), pem("PUBLIC KEY", public.as_ref()));
        let signing = EncodingKey::from_ed_pem(private_pem.as_bytes())?;
        Ok(Self { public_pem, private_pem, algorithms: &[Algorithm::EdDSA], signing })
    }

    /// Signs a token with these claims.
    pub(crate) fn sign(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
        claims: &Value,
    ) -> Result<String, Box<dyn Error>> {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
        Ok(encode(&header, claims, &self.signing)?)
    }

    /// Signs a valid token for the user 42.
    pub(crate) fn valid(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<String, Box<dyn Error>> {
        self.sign(algorithm, kid, &json!({"sub": "42", "exp": now() + 600}))
    }

    /// Returns the public half as a JSON Web Key. For a secret, that is the secret itself, which no
    /// issuer should publish.
    pub(crate) fn jwk(&self, kid: &str) -> Result<Value, Box<dyn Error>> {
        let algorithm = self.algorithms.first().copied().unwrap_or_default();
        let mut jwk = Jwk::from_encoding_key(&self.signing, algorithm)?;
        jwk.common.key_id = Some(kid.to_owned());
        jwk.common.key_algorithm = None;
        Ok(serde_json::to_value(jwk)?)
    }
}

/// Signs any header and claims with HS256 and the secret, regardless of the algorithm in the
/// header.
pub(crate) fn raw(header: &str, claims: &str, secret: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let signature = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
