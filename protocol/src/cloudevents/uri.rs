//! A `source` of ours is any text; that of a CloudEvent is a URI reference, RFC 3986.

use std::borrow::Cow;
use std::fmt::Write;

/// The text as a URI reference: itself, if it is one already as far as its characters go, and otherwise
/// percent-encoded where it must be.
pub(super) fn reference(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let colon = first_colon_is_no_schemes(text);
    let must = |at: usize| match bytes[at] {
        b'%' => !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        b'#' => text[..at].contains('#'),
        b':' => colon == Some(at),
        byte => !(byte.is_ascii_alphanumeric() || b"-._~/?@!$&'()*+,;=".contains(&byte)),
    };
    if !(0..bytes.len()).any(must) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 8);
    for (at, byte) in bytes.iter().enumerate() {
        if must(at) {
            // Writing into a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        } else {
            encoded.push(char::from(*byte));
        }
    }
    Cow::Owned(encoded)
}

/// What stands before the first colon of a reference is a scheme, unless a `/`, `?` or `#` comes earlier.
fn first_colon_is_no_schemes(text: &str) -> Option<usize> {
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
    fn a_reference_stays_and_another_text_becomes_one() {
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
