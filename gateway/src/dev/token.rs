//! `POST /dev/token`: creates a token for any user of the page.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use wirebell_protocol::ErrorCode;

use super::request;
use crate::auth::{Grant, MintError, Minter};
use crate::problem::Problem;

/// Default lifetime of a token, in seconds.
const DEFAULT_LIFETIME: u64 = 60 * 60;
/// Maximum lifetime of a token, in seconds.
const MAX_LIFETIME: u64 = 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    user: String,
    device: Option<String>,
    /// Lifetime in seconds. A short one demonstrates renewal.
    lifetime: Option<u64>,
}

/// `POST /dev/token`
pub(super) async fn mint(
    State(minter): State<Arc<Minter>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let request: TokenRequest = request::json(&headers, &body)?;
    let grant = Grant {
        user: request.user,
        topics: vec!["*".to_owned()],
        emit: vec!["*".to_owned()],
        device: request::device(request.device)?,
        lifetime: lifetime(request.lifetime)?,
    };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    let token = minter.mint(&grant).map_err(|error| mint_problem(&error))?;
    Ok((headers, json!({ "token": token.expose() }).to_string()).into_response())
}

fn mint_problem(error: &MintError) -> Problem {
    match error {
        MintError::User(_) => request::invalid("user", error.to_string()),
        MintError::Sign(_) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, error.to_string())
        }
    }
}

fn lifetime(requested: Option<u64>) -> Result<Duration, Problem> {
    match requested.unwrap_or(DEFAULT_LIFETIME) {
        seconds @ 1..=MAX_LIFETIME => Ok(Duration::from_secs(seconds)),
        _ => Err(request::invalid("lifetime", format!("`lifetime`: expected 1 to {MAX_LIFETIME} seconds"))),
    }
}

#[cfg(test)]
mod tests {
    use super::lifetime;

    #[test]
    fn lifetime_is_bounded() {
        assert_eq!(lifetime(None).unwrap().as_secs(), 3600);
        assert_eq!(lifetime(Some(20)).unwrap().as_secs(), 20);
        assert!(lifetime(Some(0)).is_err());
        assert!(lifetime(Some(86_401)).is_err());
    }
}
