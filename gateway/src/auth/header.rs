//! The header of a token, which names its algorithm and key. It is not trusted before the signature
//! is verified.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::IgnoredAny;
use wirebell_protocol::ErrorCode;

use super::rejection::Rejection;
use super::token::Token;

/// Maximum size of a token: larger than any token that a browser can send in a header.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The parts of a token.
pub(super) struct JwtParts<'a> {
    /// The signed text: header and payload as received.
    pub(super) signed: &'a str,
    /// The claims, still encoded.
    pub(super) payload: &'a str,
    /// The signature, still encoded.
    pub(super) signature: &'a str,
    /// The algorithm that the token names.
    pub(super) algorithm: Algorithm,
    /// The key that the token names.
    pub(super) kid: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

impl<'a> JwtParts<'a> {
    /// Splits a token into its parts, and parses the header.
    pub(super) fn parse(token: &'a Token) -> Result<Self, Rejection> {
        let text = token.expose();
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::malformed("the token is too large; expected at most 16384 bytes"));
        }
        let wrong_shape = || Rejection::malformed("not a JWT; expected three base64url parts separated by dots");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(wrong_shape)?;
        let (header, payload) = signed.split_once('.').ok_or_else(wrong_shape)?;
        if payload.contains('.') {
            return Err(wrong_shape());
        }
        let header = Header::parse(header)?;
        let algorithm = Algorithm::from_str(&header.alg).map_err(|_| {
            Rejection::new(
                ErrorCode::TokenAlgorithm,
                "the token's `alg` is not supported; expected an allowed signature algorithm",
            )
        })?;
        Ok(Self { signed, payload, signature, algorithm, kid: header.kid })
    }
}

impl Header {
    fn parse(encoded: &str) -> Result<Self, Rejection> {
        let header: Self = decode_object(encoded).ok_or_else(|| {
            Rejection::malformed(
                "the token's header cannot be parsed; expected a JSON object with strings `alg` and, optionally, `kid`",
            )
        })?;
        // RFC 7515: a recipient must reject a token with a critical extension that it does not
        // support.
        match header.crit {
            Some(_) => Err(Rejection::malformed("the token's header has `crit`; expected no critical extension")),
            None => Ok(header),
        }
    }
}

/// Decodes a JSON object from base64url.
pub(super) fn decode_object<T: for<'de> Deserialize<'de>>(encoded: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    // serde would also accept an array, and take its items as the fields in order.
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    (first == Some(&b'{')).then(|| serde_json::from_slice(&bytes).ok()).flatten()
}
