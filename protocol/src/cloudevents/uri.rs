//! Converts the text of an event's `source` to the URI reference of a CloudEvent (RFC 3986).

use std::borrow::Cow;
use std::fmt::Write;

/// Returns the text as a URI reference. Characters that a reference does not allow are
/// percent-encoded.
pub(super) fn reference(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let colon = colon_without_scheme(text);
    let must_encode = |at: usize| match bytes[at] {
        b'%' => !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        b'#' => text[..at].contains('#'),
        b':' => colon == Some(at),
        byte => !(byte.is_ascii_alphanumeric() || b"-._~/?@!$&'()*+,;=".contains(&byte)),
    };
    if !(0..bytes.len()).any(must_encode) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 8);
    for (at, byte) in bytes.iter().enumerate() {
        if must_encode(at) {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        } else {
            encoded.push(char::from(*byte));
        }
    }
    Cow::Owned(encoded)
}

/// Returns the first colon if no scheme precedes it. A `/`, `?` or `#` before the colon also means
/// that there is no scheme, but then the colon is allowed.
fn colon_without_scheme(text: &str) -> Option<usize> {
    let at = text.find([':', '/', '?', '#']).filter(|at| text[*at..].starts_with(':'))?;
    let scheme = &text[..at];
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    (!is_scheme).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_encoded_only_where_needed() {
        for same in ["payments", "/a/b?c=d#e", "https://shop.example/x%20y", "urn:uuid:1", "a/b:c"] {
            assert_eq!(reference(same), same);
        }
        for (text, expected) in [
            ("my service", "my%20service"),
            ("é", "%C3%A9"),
            ("100%", "100%25"),
            ("1:2", "1%3A2"),
            (":a:b", "%3Aa:b"),
            ("a#b#c", "a#b%23c"),
            ("<a>[b]", "%3Ca%3E%5Bb%5D"),
        ] {
            assert_eq!(reference(text), expected);
        }
    }
}
