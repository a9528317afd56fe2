//! Parses and validates the page's requests.

use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use wirebell_protocol::media::MediaType;
use wirebell_protocol::{Channel, ErrorCode};

use crate::problem::Problem;

/// Maximum size of a body. The page sends some dozen bytes.
const MAX_BYTES: usize = 4096;
/// Maximum length of a device name, in characters.
const MAX_DEVICE_CHARS: usize = 64;

/// Parses a JSON body. It requires the JSON media type: a browser lets a foreign page post a form
/// or plain text without a preflight request, but JSON only after a preflight, which the gateway
/// never allows.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !MediaType::parse(kind).is("application/json") {
        let detail = "expected `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::BadRequest, detail));
    }
    if body.len() > MAX_BYTES {
        let detail = format!("the body has {} bytes; at most {MAX_BYTES} are allowed", body.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, detail));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, error.to_string()))
}

/// Returns the problem for an invalid value.
pub(super) fn invalid(attribute: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::BadRequest, detail).attribute(attribute)
}

/// Returns the channel of a user.
pub(super) fn user_channel(id: &str) -> Result<Channel, Problem> {
    Channel::user(id).map_err(|error| invalid("user", format!("`user`: {error}")))
}

/// Validates a device name. An empty one counts as none.
pub(super) fn device(name: Option<String>) -> Result<Option<String>, Problem> {
    match name {
        Some(name) if name.chars().count() > MAX_DEVICE_CHARS || name.chars().any(char::is_control) => {
            let detail =
                format!("`device`: expected at most {MAX_DEVICE_CHARS} characters without control characters");
            Err(invalid("device", detail))
        }
        name => Ok(name.filter(|name| !name.is_empty())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, body: &'static str) -> Result<serde_json::Value, u16> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
        json(&headers, &Bytes::from_static(body.as_bytes())).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn only_json_is_accepted() {
        assert!(read("application/json; charset=utf-8", "{}").is_ok());
        assert_eq!(read("text/plain", "{}"), Err(415));
        assert_eq!(read("application/json", "{"), Err(400));
    }

    #[test]
    fn a_user_id_must_fit_a_channel_name() {
        assert_eq!(user_channel("42").unwrap().as_str(), "user:42");
        assert!(user_channel("").is_err());
        assert!(user_channel("a b").is_err());
    }

    #[test]
    fn an_empty_device_name_is_none() {
        assert_eq!(device(Some(String::new())).unwrap(), None);
        assert!(device(Some("x".repeat(65))).is_err());
        assert!(device(Some("a\nb".to_owned())).is_err());
    }
}
