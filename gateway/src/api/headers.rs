//! Reads a CloudEvent's attributes from headers, in the binary mode of the CloudEvents HTTP
//! binding.

use axum::http::{HeaderMap, StatusCode};
use wirebell_protocol::ErrorCode;
use wirebell_protocol::cloudevents::HEADER_PREFIX;

use crate::problem::Problem;

/// Returns whether the headers contain a CloudEvent. One `ce-` header is enough; missing ones are
/// reported later.
pub(super) fn contain_event_attributes(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(HEADER_PREFIX))
}

/// Returns the attributes and their values. A header that occurs twice is returned twice.
pub(super) fn attributes(headers: &HeaderMap) -> Result<Vec<(String, String)>, Problem> {
    let attributes =
        headers.iter().filter_map(|(name, value)| Some((name.as_str().strip_prefix(HEADER_PREFIX)?, value)));
    attributes
        .map(|(name, value)| Ok((name.to_owned(), decode(value.as_bytes()).ok_or_else(|| invalid(name))?)))
        .collect()
}

fn invalid(name: &str) -> Problem {
    let detail = format!("`ce-{name}`: expected UTF-8, percent-encoded except for visible ASCII");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidEvent, detail).attribute(name)
}

/// Removes the quotes that older senders put around a value, then decodes percent-encoding once. A
/// percent sign that is not followed by two hex digits stays. Returns `None` if the result is not
/// UTF-8.
fn decode(value: &[u8]) -> Option<String> {
    let value = unquoted(value);
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_slice();
    while let [first, tail @ ..] = rest {
        let byte = (*first == b'%').then(|| tail.first_chunk().copied().and_then(hex)).flatten();
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(decoded).ok()
}

fn hex(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

/// Removes quotes. Within them a backslash escapes the next character (RFC 7230 §3.2.6).
fn unquoted(value: &[u8]) -> Vec<u8> {
    let [b'"', inside @ .., b'"'] = value else { return value.to_vec() };
    let mut escaped = false;
    let mut plain = inside.to_vec();
    plain.retain(|byte| {
        escaped = *byte == b'\\' && !escaped;
        !escaped
    });
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_once_and_must_be_utf8() {
        for (value, text) in [
            ("/payments", Some("/payments")),
            ("Euro%20%E2%82%AC%20%f0%9f%98%80", Some("Euro \u{20ac} \u{1f600}")),
            ("100%25%2520", Some("100%%20")),
            ("100%", Some("100%")),
            ("50%zz", Some("50%zz")),
            ("%C0%A0", None),
            (r#""a b""#, Some("a b")),
            (r#""a \"b\" \\ %20""#, Some(r#"a "b" \  "#)),
            ("\"", Some("\"")),
            ("\u{e9}", Some("\u{e9}")),
        ] {
            assert_eq!(decode(value.as_bytes()).as_deref(), text, "{value}");
        }
        assert_eq!(decode(&[0xff]), None);
    }

    #[test]
    fn only_ce_headers_are_attributes() {
        let headers = HeaderMap::from_iter([
            ("ce-id".parse().unwrap(), "1".parse().unwrap()),
            ("cef-id".parse().unwrap(), "2".parse().unwrap()),
        ]);
        assert_eq!(attributes(&headers).unwrap(), [("id".to_owned(), "1".to_owned())]);
        assert!(contain_event_attributes(&headers) && !contain_event_attributes(&HeaderMap::new()));
    }
}
