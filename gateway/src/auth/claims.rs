//! The claims of a token: its user, issuer, audience, lifetime and permissions.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use wirebell_protocol::{Channel, ErrorCode, Pattern};

use super::header::decode_object;
use super::identity::{Identity, Permissions};
use super::rejection::Rejection;
use super::revocation_key::RevocationKey;
use crate::config;

/// Maximum length of a device name, in bytes.
const MAX_DEVICE_BYTES: usize = 128;

/// Validates claims against the configuration.
#[derive(Debug)]
pub(super) struct ClaimsValidator {
    issuer: Option<String>,
    audience: Vec<String>,
    leeway: u64,
}

/// The claims that the gateway reads, of any type.
#[derive(Deserialize)]
struct Claims {
    sub: Option<Value>,
    exp: Option<Value>,
    nbf: Option<Value>,
    iss: Option<Value>,
    aud: Option<Value>,
    topics: Option<Value>,
    emit: Option<Value>,
    device: Option<Value>,
    iat: Option<Value>,
    jti: Option<Value>,
}

impl ClaimsValidator {
    pub(super) fn new(config: &config::Auth) -> Self {
        Self { issuer: config.issuer.clone(), audience: config.audience.clone(), leeway: config.leeway.as_secs() }
    }

    /// Returns the identity of the bearer if the claims are valid at `now`, in seconds since 1970.
    pub(super) fn validate(&self, payload: &str, now: u64) -> Result<Identity, Rejection> {
        let claims: Claims = decode_object(payload).ok_or_else(|| {
            Rejection::malformed(
                "the token's claims cannot be parsed; expected one JSON object without duplicate claims",
            )
        })?;
        let user_channel = || claims.sub.as_ref().and_then(Value::as_str).and_then(|user| Channel::user(user).ok());
        let expires = self.check(&claims, now).map_err(|rejection| rejection.with_user(user_channel()))?;
        let revocation_key = revocation_key(&claims);
        let channel = user(claims.sub)?;
        let topics = patterns(claims.topics, "topics", "patterns of topics", Pattern::topic)?;
        let emit = patterns(claims.emit, "emit", "patterns of event types", Pattern::new)?;
        let permissions = Permissions::new(topics, emit);
        Ok(Identity { channel, device: device(claims.device)?, permissions, expires, revocation_key })
    }

    fn check(&self, claims: &Claims, now: u64) -> Result<u64, Rejection> {
        let expires = self.check_time(claims, now)?;
        self.check_issuer(claims.iss.as_ref())?;
        self.check_audience(claims.aud.as_ref())?;
        Ok(expires)
    }

    fn check_time(&self, claims: &Claims, now: u64) -> Result<u64, Rejection> {
        let invalid =
            || Rejection::malformed("the token's `exp` is missing or not a number; expected seconds since 1970");
        let expires = claims.exp.as_ref().and_then(seconds).ok_or_else(invalid)?;
        if now >= expires.saturating_add(self.leeway) {
            return Err(Rejection::new(
                ErrorCode::TokenExpired,
                "the token has expired; request a new one from the issuer",
            ));
        }
        let invalid = || Rejection::malformed("the token's `nbf` is not a number; expected seconds since 1970");
        let begins = claims.nbf.as_ref().map(|nbf| seconds(nbf).ok_or_else(invalid)).transpose()?;
        if begins.is_some_and(|begins| begins > now.saturating_add(self.leeway)) {
            return Err(Rejection::new(
                ErrorCode::TokenNotYetValid,
                "the token is not valid yet; expected an `nbf` in the past",
            ));
        }
        Ok(expires)
    }

    fn check_issuer(&self, found: Option<&Value>) -> Result<(), Rejection> {
        if found.is_some_and(|issuer| !issuer.is_string()) {
            return Err(Rejection::malformed("the token's `iss` is not a string; expected the issuer's name"));
        }
        match &self.issuer {
            Some(issuer) if found.and_then(Value::as_str) != Some(issuer) => Err(Rejection::new(
                ErrorCode::TokenClaims,
                "the token's `iss` is not the trusted issuer; expected the one in `auth.issuer`",
            )),
            _ => Ok(()),
        }
    }

    fn check_audience(&self, found: Option<&Value>) -> Result<(), Rejection> {
        let found = match found {
            None => Vec::new(),
            Some(Value::String(one)) => vec![one.as_str()],
            Some(audience) => strings(audience).ok_or_else(|| {
                Rejection::malformed("the token's `aud` is not valid; expected a string or a list of strings")
            })?,
        };
        match (self.audience.is_empty(), found.is_empty()) {
            (true, true) => Ok(()),
            // RFC 7519, 4.1.3: a recipient that is not in the audience must reject the token.
            // Without `auth.audience`, this node is in no audience.
            (true, false) => Err(Rejection::new(
                ErrorCode::TokenClaims,
                "the token has an `aud`, and `auth.audience` is not set; set it, or omit `aud`",
            )),
            (false, _) if found.iter().any(|one| self.audience.iter().any(|expected| expected == one)) => Ok(()),
            (false, _) => Err(Rejection::new(
                ErrorCode::TokenClaims,
                "the token's `aud` does not contain an audience in `auth.audience`",
            )),
        }
    }
}

/// Parses a `NumericDate`, which may have a fraction. A time before 1970 becomes 0, and has expired
/// in any case.
fn seconds(value: &Value) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from f64 saturates, as intended"
    )]
    let truncate = |fraction: f64| fraction as u64;
    value.as_u64().or_else(|| value.as_f64().map(truncate))
}

/// Returns the key by which the token can be revoked. Claims that are missing, or of another type
/// than in RFC 7519, are ignored.
fn revocation_key(claims: &Claims) -> RevocationKey {
    RevocationKey::new(claims.iat.as_ref().and_then(seconds), claims.jti.as_ref().and_then(Value::as_str))
}

/// The user's channel.
/// Returns the user's channel.
fn user(sub: Option<Value>) -> Result<Channel, Rejection> {
    let Some(Value::String(user)) = sub else {
        return Err(Rejection::malformed("the token's `sub` is missing or not a string; expected the user's id"));
    };
    let invalid = |error| Rejection::malformed(format!("the token's `sub` cannot name a channel: {error}"));
    Channel::user(&user).map_err(invalid)
}

fn device(claim: Option<Value>) -> Result<Option<Arc<str>>, Rejection> {
    let usable = |name: &String| (1..=MAX_DEVICE_BYTES).contains(&name.len()) && !name.contains(char::is_control);
    match claim {
        None => Ok(None),
        Some(Value::String(name)) if usable(&name) => Ok(Some(name.into())),
        Some(_) => Err(Rejection::malformed(
            "the token's `device` is not valid; expected a string of 1 to 128 bytes without control characters",
        )),
    }
}

fn patterns(
    claim: Option<Value>,
    name: &str,
    expected: &str,
    read: fn(&str) -> Pattern,
) -> Result<Box<[Pattern]>, Rejection> {
    let Some(claim) = claim else { return Ok(Box::default()) };
    let patterns = strings(&claim).map(|patterns| patterns.into_iter().map(read).collect());
    patterns.ok_or_else(|| {
        Rejection::malformed(format!("the token's `{name}` is not a list of strings; expected {expected}"))
    })
}

fn strings(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}
