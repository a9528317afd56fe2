//! Reading what the page sends, before anything is done with it.

use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use wirebell_protocol::media::MediaType;
use wirebell_protocol::{Channel, Fault};

use crate::problem::Problem;

/// The largest body; the page sends some dozen bytes.
const MAX_BYTES: usize = 4096;
/// The longest name of a device, in characters.
const MAX_DEVICE_CHARS: usize = 64;

/// Reads a body of JSON. The media type is insisted on: a browser lets a foreign page post a form or plain text
/// without asking, and JSON only where the gateway has agreed, which it never does.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !MediaType::parse(kind).is("application/json") {
        let detail = "expected a body of application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Fault::BadRequest, detail));
    }
    if body.len() > MAX_BYTES {
        let detail = format!("{} bytes; at most {MAX_BYTES}", body.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Fault::TooLarge, detail));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, Fault::BadRequest, error.to_string()))
}

/// A value that cannot be taken.
pub(super) fn invalid(attribute: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Fault::BadRequest, detail).attribute(attribute)
}

/// A user that can be told something.
pub(super) fn user_channel(id: &str) -> Result<Channel, Problem> {
    Channel::user(id).map_err(|error| invalid("user", format!("`user`: {error}")))
}

/// A device's name, if there is one.
pub(super) fn device(name: Option<String>) -> Result<Option<String>, Problem> {
    match name {
        Some(name) if name.chars().count() > MAX_DEVICE_CHARS || name.chars().any(char::is_control) => {
            let detail = format!("`device`: expected at most {MAX_DEVICE_CHARS} characters, none of control");
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
    fn only_json_is_read() {
        assert!(read("application/json; charset=utf-8", "{}").is_ok());
        assert_eq!(read("text/plain", "{}"), Err(415));
        assert_eq!(read("application/json", "{"), Err(400));
    }

    #[test]
    fn a_user_is_one_that_a_channel_can_name() {
        assert_eq!(user_channel("42").unwrap().as_str(), "user:42");
        assert!(user_channel("").is_err());
        assert!(user_channel("a b").is_err());
    }

    #[test]
    fn a_device_without_a_name_is_none() {
        assert_eq!(device(Some(String::new())).unwrap(), None);
        assert!(device(Some("x".repeat(65))).is_err());
        assert!(device(Some("a\nb".to_owned())).is_err());
    }
}
