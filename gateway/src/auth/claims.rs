//! The second part of a token: who it is for, from whom, and how long.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use wirebell_protocol::{Channel, ErrorCode, Pattern};

use super::header::object;
use super::{Identity, Mark, Permits, Refusal};
use crate::config;

/// The longest name of a device, in bytes.
const MAX_DEVICE_BYTES: usize = 128;

/// What claims must be.
#[derive(Debug)]
pub(super) struct Expected {
    issuer: Option<String>,
    audience: Vec<String>,
    leeway: u64,
}

/// The claims that count here, of whatever type they are.
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

impl Expected {
    pub(super) fn new(config: &config::Auth) -> Self {
        Self { issuer: config.issuer.clone(), audience: config.audience.clone(), leeway: config.leeway.as_secs() }
    }

    /// Who the bearer is, if the claims are good at that time, in seconds since 1970.
    pub(super) fn identify(&self, payload: &str, now: u64) -> Result<Identity, Refusal> {
        let claims: Claims = object(payload).ok_or_else(|| {
            Refusal::malformed("the token's claims cannot be read; expected one JSON object, no claim twice")
        })?;
        let known = || claims.sub.as_ref().and_then(Value::as_str).and_then(|user| Channel::user(user).ok());
        let expires = self.check(&claims, now).map_err(|refusal| refusal.of(known()))?;
        let mark = mark(&claims);
        let channel = user(claims.sub)?;
        let topics = patterns(claims.topics, "topics", "patterns of topics", Pattern::topic)?;
        let emit = patterns(claims.emit, "emit", "patterns of event types", Pattern::whole)?;
        let permits = Permits::new(topics, emit);
        Ok(Identity { channel, device: device(claims.device)?, permits, expires, mark })
    }

    fn check(&self, claims: &Claims, now: u64) -> Result<u64, Refusal> {
        let expires = self.check_time(claims, now)?;
        self.check_issuer(claims.iss.as_ref())?;
        self.check_audience(claims.aud.as_ref())?;
        Ok(expires)
    }

    fn check_time(&self, claims: &Claims, now: u64) -> Result<u64, Refusal> {
        let wrong =
            || Refusal::malformed("the token's `exp` is missing or not a number; expected seconds since 1970");
        let expires = claims.exp.as_ref().and_then(seconds).ok_or_else(wrong)?;
        if now >= expires.saturating_add(self.leeway) {
            return Err(Refusal::new(
                ErrorCode::TokenExpired,
                "the token has expired; expected an `exp` in the future",
            ));
        }
        let wrong = || Refusal::malformed("the token's `nbf` is not a number; expected seconds since 1970");
        let begins = claims.nbf.as_ref().map(|nbf| seconds(nbf).ok_or_else(wrong)).transpose()?;
        if begins.is_some_and(|begins| begins > now.saturating_add(self.leeway)) {
            return Err(Refusal::new(
                ErrorCode::TokenNotYetValid,
                "the token is not valid yet; expected an `nbf` that has come",
            ));
        }
        Ok(expires)
    }

    fn check_issuer(&self, found: Option<&Value>) -> Result<(), Refusal> {
        if found.is_some_and(|issuer| !issuer.is_string()) {
            return Err(Refusal::malformed("the token's `iss` is not a text; expected the issuer's name"));
        }
        match &self.issuer {
            Some(issuer) if found.and_then(Value::as_str) != Some(issuer) => Err(Refusal::new(
                ErrorCode::TokenClaims,
                "the token's `iss` is not the issuer that is trusted here",
            )),
            _ => Ok(()),
        }
    }

    fn check_audience(&self, found: Option<&Value>) -> Result<(), Refusal> {
        let found = match found {
            None => Vec::new(),
            Some(Value::String(one)) => vec![one.as_str()],
            Some(audience) => texts(audience).ok_or_else(|| {
                Refusal::malformed("the token's `aud` is neither a text nor a list of texts; expected one of these")
            })?,
        };
        match (self.audience.is_empty(), found.is_empty()) {
            (true, true) => Ok(()),
            // RFC 7519, 4.1.3: whoever is not among the audience must refuse, and nobody said that we are.
            (true, false) => Err(Refusal::new(
                ErrorCode::TokenClaims,
                "the token has an `aud` and none is expected here; expected none, or `auth.audience` to be set",
            )),
            (false, _) if found.iter().any(|one| self.audience.iter().any(|expected| expected == one)) => Ok(()),
            (false, _) => Err(Refusal::new(
                ErrorCode::TokenClaims,
                "the token's `aud` does not contain the audience that is expected here",
            )),
        }
    }
}

/// A `NumericDate`, which may have a fraction; what is before 1970 is long over in any case.
fn seconds(value: &Value) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from f64 saturates, as is meant"
    )]
    let whole = |fraction: f64| fraction as u64;
    value.as_u64().or_else(|| value.as_f64().map(whole))
}

/// A token without them, or with others than RFC 7519 has them, is known by neither.
fn mark(claims: &Claims) -> Mark {
    Mark::new(claims.iat.as_ref().and_then(seconds), claims.jti.as_ref().and_then(Value::as_str))
}

/// The user's channel.
/// The user's channel.
fn user(sub: Option<Value>) -> Result<Channel, Refusal> {
    let Some(Value::String(user)) = sub else {
        return Err(Refusal::malformed("the token's `sub` is missing or not a text; expected the user's id"));
    };
    let wrong = |error| Refusal::malformed(format!("the token's `sub` cannot name a channel: {error}"));
    Channel::user(&user).map_err(wrong)
}

fn device(claim: Option<Value>) -> Result<Option<Arc<str>>, Refusal> {
    let usable = |name: &String| (1..=MAX_DEVICE_BYTES).contains(&name.len()) && !name.contains(char::is_control);
    match claim {
        None => Ok(None),
        Some(Value::String(name)) if usable(&name) => Ok(Some(name.into())),
        Some(_) => Err(Refusal::malformed(
            "the token's `device` is not usable; expected a text of 1 to 128 bytes without control characters",
        )),
    }
}

fn patterns(
    claim: Option<Value>,
    name: &str,
    expected: &str,
    read: fn(&str) -> Pattern,
) -> Result<Box<[Pattern]>, Refusal> {
    let Some(claim) = claim else { return Ok(Box::default()) };
    let patterns = texts(&claim).map(|patterns| patterns.into_iter().map(read).collect());
    patterns.ok_or_else(|| {
        Refusal::malformed(format!("the token's `{name}` is not a list of texts; expected {expected}"))
    })
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}
