//! `POST /v1/revocations`: tokens that are good no longer.

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

use super::{Context, asked, failed, publish, submission};
use crate::lifecycle::wall_clock;
use crate::problem::Problem;

/// Until when a revocation holds if nobody says so, in seconds: longer than most tokens live.
const USUAL_LIFE: u64 = 86_400;
/// The longest that it may hold.
const LONGEST_LIFE: u64 = 31_536_000;
/// How far ahead a service's clock may be.
const LEEWAY: u64 = 60;
/// The longest name of a token, in bytes.
const MOST_NAME_BYTES: usize = 256;

/// What is to be revoked. Values of any type, so that a wrong one is refused by its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    user: Option<Value>,
    jti: Option<Value>,
    issued_before: Option<Value>,
    until: Option<Value>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Done {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    until: u64,
}

/// Revokes a user's tokens, or one by its name, or both.
pub(super) async fn revoke(
    State(context): State<Context>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    submission::expect_json(&headers)?;
    let body = body.map_err(|rejection| publish::unreadable(&rejection))?;
    let wish: Wish = serde_json::from_slice(&body).map_err(|error| {
        let expected =
            "expected a JSON object with `user`, `jti`, or both, and `issued_before` and `until` if need be";
        asked::wrong("body", &format!("{expected}: {error}"))
    })?;
    let done = wish.read(wall_clock().as_secs())?;
    for revocation in done.revocations() {
        context.bus.revoke(&revocation).await.map_err(|error| failed(&error, "asking again is safe"))?;
    }
    Ok(Json(done).into_response())
}

impl Wish {
    fn read(&self, now: u64) -> Result<Done, Problem> {
        let user = self.user()?;
        let jti = self.jti()?;
        if user.is_none() && jti.is_none() {
            return Err(asked::wrong("user", "expected a `user`, a `jti`, or both"));
        }
        let until = seconds("until", self.until.as_ref(), now + 1, now + LONGEST_LIFE)?;
        let before = seconds("issued_before", self.issued_before.as_ref(), 1, now + LEEWAY)?;
        // A token of this very second was issued before, too.
        let issued_before = user.is_some().then(|| before.unwrap_or(now + 1));
        Ok(Done { user, issued_before, jti, until: until.unwrap_or(now + USUAL_LIFE) })
    }

    fn user(&self) -> Result<Option<String>, Problem> {
        let Some(value) = &self.user else { return Ok(None) };
        let user = value.as_str().filter(|user| Channel::user(user).is_ok());
        let user = user.ok_or_else(|| asked::wrong("user", "expected a user's id, as tokens have it in `sub`"))?;
        Ok(Some(user.to_owned()))
    }

    fn jti(&self) -> Result<Option<String>, Problem> {
        let Some(value) = &self.jti else { return Ok(None) };
        let name = value.as_str().filter(|name| (1..=MOST_NAME_BYTES).contains(&name.len()));
        let expected = format!("expected a text of 1 to {MOST_NAME_BYTES} bytes, as the token has it in `jti`");
        Ok(Some(name.ok_or_else(|| asked::wrong("jti", &expected))?.to_owned()))
    }
}

impl Done {
    fn revocations(&self) -> Vec<Revocation> {
        let of_user = self.user.clone().zip(self.issued_before);
        let of_user = of_user.map(|(user, issued_before)| Tokens::OfUser { user, issued_before });
        let tokens = of_user.into_iter().chain(self.jti.clone().map(Tokens::Named));
        tokens.map(|tokens| Revocation { tokens, until: self.until }).collect()
    }
}

fn seconds(name: &str, value: Option<&Value>, least: u64, most: u64) -> Result<Option<u64>, Problem> {
    let Some(value) = value else { return Ok(None) };
    match value.as_u64().filter(|seconds| (least..=most).contains(seconds)) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(asked::wrong(name, &format!("expected seconds since 1970, from {least} to {most}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Done, String> {
        let wish: Wish = serde_json::from_str(json).unwrap();
        wish.read(1_000).map_err(|problem| problem.document().attribute.clone().unwrap_or_default())
    }

    #[test]
    fn a_users_tokens_of_up_to_now_are_revoked_for_a_day() {
        let done = read(r#"{"user":"42"}"#).unwrap();
        assert_eq!(
            done.revocations(),
            [Revocation { tokens: Tokens::OfUser { user: "42".to_owned(), issued_before: 1_001 }, until: 87_400 }]
        );
        let both = read(r#"{"user":"42","jti":"a","issued_before":900,"until":1001}"#).unwrap();
        assert_eq!((both.issued_before, both.until, both.revocations().len()), (Some(900), 1_001, 2));
        assert_eq!(read(r#"{"jti":"a"}"#).unwrap().issued_before, None);
    }

    #[test]
    fn whatever_is_wrong_is_named() {
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
