//! The first part of a token, which says how it is signed. Nothing in it is to be believed before the signature is.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::IgnoredAny;
use wirebell_protocol::ErrorCode;

use super::{Refusal, Token};

/// Larger than any token that a browser could send in a header.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A token taken apart.
pub(super) struct Parts<'a> {
    /// What is signed: header and payload as they came.
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

impl<'a> Parts<'a> {
    /// Takes a token apart.
    pub(super) fn of(token: &'a Token) -> Result<Self, Refusal> {
        let text = token.expose();
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::malformed("the token is too large; expected at most 16384 bytes"));
        }
        let shape = || Refusal::malformed("not a JWT; expected three parts in base64url with dots between");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(shape)?;
        let (header, payload) = signed.split_once('.').ok_or_else(shape)?;
        if payload.contains('.') {
            return Err(shape());
        }
        let header = Header::of(header)?;
        let algorithm = Algorithm::from_str(&header.alg).map_err(|_| {
            Refusal::new(
                ErrorCode::TokenAlgorithm,
                "the token's `alg` is not allowed; expected a signature that is verified here",
            )
        })?;
        Ok(Self { signed, payload, signature, algorithm, kid: header.kid })
    }
}

impl Header {
    fn of(encoded: &str) -> Result<Self, Refusal> {
        let header: Self = object(encoded).ok_or_else(|| {
            Refusal::malformed(
                "the token's header cannot be read; expected a JSON object with texts `alg` and, if any, `kid`",
            )
        })?;
        // RFC 7515: whoever does not understand an extension that is critical must refuse.
        match header.crit {
            Some(_) => Err(Refusal::malformed("the token's header has `crit`; expected no critical extension")),
            None => Ok(header),
        }
    }
}

/// A JSON object that is encoded in base64url.
pub(super) fn object<T: for<'de> Deserialize<'de>>(encoded: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    // Without this an array would do as well, its items taken for the fields in their order.
    let begins = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    (begins == Some(&b'{')).then(|| serde_json::from_slice(&bytes).ok()).flatten()
}
