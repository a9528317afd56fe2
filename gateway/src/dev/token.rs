//! `POST /dev/token`: a token for whoever the page wants to be.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use wirebell_protocol::Fault;

use super::request;
use crate::auth::{Grant, MintError, Minter};
use crate::problem::Problem;

/// Seconds that a token lives when nothing else is asked for.
const LIFETIME: u64 = 60 * 60;
/// The most seconds that may be asked for.
const LONGEST: u64 = 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    user: String,
    device: Option<String>,
    /// Seconds; a short one shows how a token is renewed.
    lifetime: Option<u64>,
}

/// `POST /dev/token`
pub(super) async fn mint(
    State(minter): State<Arc<Minter>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked: Asked = request::json(&headers, &body)?;
    let grant = Grant {
        user: asked.user,
        topics: vec!["*".to_owned()],
        emit: vec!["*".to_owned()],
        device: request::device(asked.device)?,
        lifetime: lifetime(asked.lifetime)?,
    };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    let token = minter.mint(&grant).map_err(|error| refused(&error))?;
    Ok((headers, json!({ "token": token.expose() }).to_string()).into_response())
}

fn refused(error: &MintError) -> Problem {
    match error {
        MintError::User(_) => request::wrong("user", error.to_string()),
        MintError::Sign(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Fault::Internal, error.to_string()),
    }
}

fn lifetime(asked: Option<u64>) -> Result<Duration, Problem> {
    match asked.unwrap_or(LIFETIME) {
        seconds @ 1..=LONGEST => Ok(Duration::from_secs(seconds)),
        _ => Err(request::wrong("lifetime", format!("`lifetime`: expected 1 to {LONGEST} seconds"))),
    }
}

#[cfg(test)]
mod tests {
    use super::lifetime;

    #[test]
    fn a_lifetime_has_bounds() {
        assert_eq!(lifetime(None).unwrap().as_secs(), 3600);
        assert_eq!(lifetime(Some(20)).unwrap().as_secs(), 20);
        assert!(lifetime(Some(0)).is_err());
        assert!(lifetime(Some(86_401)).is_err());
    }
}
