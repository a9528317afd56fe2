//! A CloudEvent's attributes as headers, as the specification's HTTP binding has them in binary mode.

use axum::http::{HeaderMap, StatusCode};
use wirebell_protocol::Fault;
use wirebell_protocol::cloudevents::HEADER_PREFIX;

use crate::problem::Problem;

/// Does a request carry a CloudEvent in its headers? One header of it is enough to mean it: what is missing is told then.
pub(super) fn contain_event_attributes(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(HEADER_PREFIX))
}

/// The attributes and their values. A header that stands there twice comes twice.
pub(super) fn attributes(headers: &HeaderMap) -> Result<Vec<(String, String)>, Problem> {
    let theirs =
        headers.iter().filter_map(|(name, value)| Some((name.as_str().strip_prefix(HEADER_PREFIX)?, value)));
    theirs
        .map(|(name, value)| Ok((name.to_owned(), decode(value.as_bytes()).ok_or_else(|| invalid(name))?)))
        .collect()
}

fn invalid(name: &str) -> Problem {
    let detail = format!("`ce-{name}`: expected UTF-8, percent-encoded where it is no visible ASCII");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Fault::InvalidEvent, detail).attribute(name)
}

/// Takes off the quotes that older senders put around a value, and then the percent-encoding, once. A percent sign
/// without two digits behind it stands for itself. None if that does not come to text.
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

/// RFC 7230 §3.2.6: within quotes, a backslash stands before a character that is meant as it is.
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
    fn values_are_decoded_once_and_only_to_text() {
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
    fn only_their_headers_are_attributes() {
        let headers = HeaderMap::from_iter([
            ("ce-id".parse().unwrap(), "1".parse().unwrap()),
            ("cef-id".parse().unwrap(), "2".parse().unwrap()),
        ]);
        assert_eq!(attributes(&headers).unwrap(), [("id".to_owned(), "1".to_owned())]);
        assert!(contain_event_attributes(&headers) && !contain_event_attributes(&HeaderMap::new()));
    }
}
