//! The request: a body in the form that Standard Webhooks recommends, and an id that is the same
//! for all attempts.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use wirebell_protocol::event::rfc3339;

use super::source::Event;

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: String,
    data: &'a RawValue,
    id: &'a str,
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
}

/// Returns the body: the event's type, time and data, byte for byte, and its user.
pub(super) fn body(event: &Event) -> Result<String, String> {
    let data = serde_json::from_str(&event.data).map_err(|_| "the event's data is not JSON".to_owned())?;
    let body = Body {
        r#type: &event.kind,
        timestamp: timestamp(event.at),
        data,
        id: &event.id,
        user: &event.user,
        device: event.device.as_deref(),
        connection: event.connection.map(|id| id.to_string()),
    };
    serde_json::to_string(&body).map_err(|error| format!("cannot encode the event as JSON: {error}"))
}

/// Returns the message id. An event's id is not enough: another user may use it too, and it may be
/// invalid in a header.
pub(super) fn id(event: &Event) -> String {
    let name = format!("{} {}", event.user, event.id);
    format!("msg_{}", URL_SAFE_NO_PAD.encode(&digest(&SHA256, name.as_bytes()).as_ref()[..18]))
}

fn timestamp(millis: u64) -> String {
    let nanos = i128::from(millis) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).map(rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(user: &str, id: &str) -> Event {
        Event {
            id: id.to_owned(),
            kind: "send".to_owned(),
            user: user.to_owned(),
            connection: "k3j9x2ma.1f".parse().ok(),
            device: None,
            at: 1_763_719_200_123,
            data: r#"{"n" : 1.0}"#.to_owned(),
            traceparent: None,
        }
    }

    #[test]
    fn body_has_the_data_byte_for_byte() {
        let expected = concat!(
            r#"{"type":"send","timestamp":"2025-11-21T10:00:00.123Z","data":{"n" : 1.0},"id":"a","user":"42","#,
            r#""connection":"k3j9x2ma.1f"}"#
        );
        assert_eq!(body(&event("42", "a")).as_deref(), Ok(expected));
    }

    #[test]
    fn message_id_is_unique_per_user_and_valid_in_a_header() {
        assert_eq!(id(&event("42", "ä\u{1F514}")), id(&event("42", "ä\u{1F514}")));
        assert_ne!(id(&event("42", "a")), id(&event("43", "a")));
        assert!(
            id(&event("42", "a b.c")).bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        );
    }
}
