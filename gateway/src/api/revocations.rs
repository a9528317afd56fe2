//! `POST /v1/revocations`: revokes tokens.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wirebell_protocol::Channel;
use wirebell_protocol::revocation::{Revocation, Tokens};

use super::{Context, bus_problem, publish, query, submission};
use crate::lifecycle::wall_clock;
use crate::problem::Problem;

/// Default lifetime of a revocation, in seconds. Most tokens expire earlier.
const DEFAULT_LIFETIME: u64 = 86_400;
/// Maximum lifetime of a revocation, in seconds.
const MAX_LIFETIME: u64 = 31_536_000;
/// Tolerated seconds by which a service's clock is ahead.
const LEEWAY: u64 = 60;
/// Maximum length of a token's `jti`, in bytes.
const MAX_TOKEN_ID_BYTES: usize = 256;

/// The request body: which tokens to revoke. Members have any type, so that a rejection can name
/// the wrong one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationRequest {
    user: Option<Value>,
    jti: Option<Value>,
    issued_before: Option<Value>,
    until: Option<Value>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct RevocationResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    until: u64,
}

/// Revokes a user's tokens, or one token by its `jti`, or both.
pub(super) async fn revoke(
    State(context): State<Context>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    submission::expect_json(&headers)?;
    let body = body.map_err(|rejection| publish::body_error(&rejection))?;
    let request: RevocationRequest = serde_json::from_slice(&body).map_err(|error| {
        let expected =
            "expected a JSON object with `user`, `jti`, or both, and optionally `issued_before` and `until`";
        query::invalid("body", &format!("{expected}: {error}"))
    })?;
    let response = request.read(wall_clock().as_secs())?;
    for revocation in response.revocations() {
        context.bus.revoke(&revocation).await.map_err(|error| bus_problem(&error, "retrying is safe"))?;
    }
    Ok(Json(response).into_response())
}

impl RevocationRequest {
    fn read(&self, now: u64) -> Result<RevocationResponse, Problem> {
        let user = self.user()?;
        let jti = self.jti()?;
        if user.is_none() && jti.is_none() {
            return Err(query::invalid("user", "expected a `user`, a `jti`, or both"));
        }
        let until = seconds("until", self.until.as_ref(), now + 1, now + MAX_LIFETIME)?;
        let before = seconds("issued_before", self.issued_before.as_ref(), 1, now + LEEWAY)?;
        // Tokens issued within the current second are revoked as well.
        let issued_before = user.is_some().then(|| before.unwrap_or(now + 1));
        Ok(RevocationResponse { user, issued_before, jti, until: until.unwrap_or(now + DEFAULT_LIFETIME) })
    }

    fn user(&self) -> Result<Option<String>, Problem> {
        let Some(value) = &self.user else { return Ok(None) };
        let user = value.as_str().filter(|user| Channel::user(user).is_ok());
        let user = user.ok_or_else(|| query::invalid("user", "expected a user's id, as in a token's `sub`"))?;
        Ok(Some(user.to_owned()))
    }

    fn jti(&self) -> Result<Option<String>, Problem> {
        let Some(value) = &self.jti else { return Ok(None) };
        let name = value.as_str().filter(|name| (1..=MAX_TOKEN_ID_BYTES).contains(&name.len()));
        let expected = format!("expected a text of 1 to {MAX_TOKEN_ID_BYTES} bytes, as in the token's `jti`");
        Ok(Some(name.ok_or_else(|| query::invalid("jti", &expected))?.to_owned()))
    }
}

impl RevocationResponse {
    fn revocations(&self) -> Vec<Revocation> {
        let of_user = self.user.clone().zip(self.issued_before);
        let of_user = of_user.map(|(user, issued_before)| Tokens::OfUser { user, issued_before });
        let tokens = of_user.into_iter().chain(self.jti.clone().map(Tokens::Named));
        tokens.map(|tokens| Revocation { tokens, until: self.until }).collect()
    }
}

fn seconds(name: &str, value: Option<&Value>, min: u64, max: u64) -> Result<Option<u64>, Problem> {
    let Some(value) = value else { return Ok(None) };
    match value.as_u64().filter(|seconds| (min..=max).contains(seconds)) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(query::invalid(name, &format!("expected seconds since 1970, from {min} to {max}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<RevocationResponse, String> {
        let request: RevocationRequest = serde_json::from_str(json).unwrap();
        request.read(1_000).map_err(|problem| problem.document().attribute.clone().unwrap_or_default())
    }

    #[test]
    fn by_default_tokens_issued_until_now_are_revoked_for_a_day() {
        let response = read(r#"{"user":"42"}"#).unwrap();
        assert_eq!(
            response.revocations(),
            [Revocation { tokens: Tokens::OfUser { user: "42".to_owned(), issued_before: 1_001 }, until: 87_400 }]
        );
        let both = read(r#"{"user":"42","jti":"a","issued_before":900,"until":1001}"#).unwrap();
        assert_eq!((both.issued_before, both.until, both.revocations().len()), (Some(900), 1_001, 2));
        assert_eq!(read(r#"{"jti":"a"}"#).unwrap().issued_before, None);
    }

    #[test]
    fn a_rejection_names_the_wrong_member() {
        for (json, wrong) in [
            ("{}", "user"),
            (r#"{"user":7}"#, "user"),
            (r#"{"user":"a b"}"#, "user"),
            (r#"{"jti":""}"#, "jti"),
            (r#"{"jti":7}"#, "jti"),
            (r#"{"user":"42","until":1000}"#, "until"),
            (r#"{"user":"42","until":"tomorrow"}"#, "until"),
            (r#"{"user":"42","issued_before":2000}"#, "issued_before"),
            (r#"{"user":"42","issued_before":0}"#, "issued_before"),
        ] {
            assert_eq!(read(json).err().as_deref(), Some(wrong), "{json}");
        }
    }
}
