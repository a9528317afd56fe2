//! Where a request carries a token. No other module sees its text.

use std::fmt;

use wirebell_protocol::frame::BEARER_SUBPROTOCOL;

/// A token that is not verified yet.
#[derive(Clone)]
pub struct Token(Box<str>);

impl Token {
    /// Creates a token from the frame `wirebell.auth`.
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// Returns the token of a request to the client API, in the protocol's order: the
    /// `Authorization` header, the `Sec-WebSocket-Protocol` header, the query.
    pub fn from_request(
        authorization: Option<&str>,
        subprotocols: Option<&str>,
        query: Option<&str>,
    ) -> Option<Self> {
        authorization
            .and_then(Self::from_authorization)
            .or_else(|| subprotocols.and_then(Self::from_subprotocols))
            .or_else(|| query.and_then(Self::from_query))
    }

    /// Returns the token in the value of an `Authorization: Bearer` header.
    pub fn from_authorization(value: &str) -> Option<Self> {
        bearer(value).map(Self::from_text)
    }

    /// Returns the token that is offered as the subprotocol `wirebell.bearer.<jwt>`, in the value
    /// of a `Sec-WebSocket-Protocol` header.
    pub fn from_subprotocols(value: &str) -> Option<Self> {
        let offered = value.split(',').filter_map(|offer| offer.trim().strip_prefix(BEARER_SUBPROTOCOL));
        offered.filter(|token| !token.is_empty()).map(Self::from_text).next()
    }

    /// Returns the token in a raw query, `access_token=`.
    pub fn from_query(query: &str) -> Option<Self> {
        let values = query.split('&').filter_map(|pair| pair.strip_prefix("access_token="));
        values.filter(|token| !token.is_empty()).map(|token| Self::new(percent_decoded(token))).next()
    }

    /// Returns the text, for the caller that minted the token.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn from_text(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}

/// Returns the text after the scheme `Bearer`, which is case-insensitive.
pub(super) fn bearer(value: &str) -> Option<&str> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !rest.is_empty()).then_some(rest)
}

/// Decodes percent-encoding. Invalid sequences stay unchanged, and make the token invalid.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = (*first == b'%').then(|| tail.get(..2).and_then(hex_byte)).flatten();
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(digits.first()?)? * 16 + digit(digits.get(1)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(token: Option<Token>) -> Option<String> {
        token.map(|token| token.expose().to_owned())
    }

    #[test]
    fn token_is_read_from_the_authorization_header() {
        for (value, expected) in [
            ("Bearer a.b.c", Some("a.b.c")),
            ("bearer   a.b.c ", Some("a.b.c")),
            ("Basic a.b.c", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("a.b.c", None),
            ("", None),
        ] {
            assert_eq!(text(Token::from_authorization(value)).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn token_is_read_from_the_subprotocols() {
        for (value, expected) in [
            ("wirebell.v1, wirebell.bearer.a.b.c", Some("a.b.c")),
            ("wirebell.bearer.a.b.c,wirebell.v1", Some("a.b.c")),
            ("wirebell.v1", None),
            ("wirebell.bearer.", None),
            ("xwirebell.bearer.a.b.c", None),
        ] {
            assert_eq!(text(Token::from_subprotocols(value)).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn token_is_read_from_the_query() {
        for (query, expected) in [
            ("access_token=a.b.c", Some("a.b.c")),
            ("cursor=1-0&access_token=a%2Eb%2ec&x=y", Some("a.b.c")),
            ("xaccess_token=a.b.c", None),
            ("access_token=", None),
            ("access_token", None),
            ("access_token=%", Some("%")),
            ("access_token=%2", Some("%2")),
            ("access_token=%+1%zz", Some("%+1%zz")),
            ("access_token=%c3%a9", Some("é")),
        ] {
            assert_eq!(text(Token::from_query(query)).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn header_precedes_subprotocol_and_query() {
        let (header, offer, query) = (Some("Bearer h"), Some("wirebell.bearer.s"), Some("access_token=q"));
        assert_eq!(text(Token::from_request(header, offer, query)).as_deref(), Some("h"));
        assert_eq!(text(Token::from_request(Some("Basic x"), offer, query)).as_deref(), Some("s"));
        assert_eq!(text(Token::from_request(None, Some("wirebell.v1"), query)).as_deref(), Some("q"));
        assert!(Token::from_request(None, None, None).is_none());
    }

    #[test]
    fn debug_output_contains_no_token() {
        assert_eq!(format!("{:?}", Token::new("a.b.c".to_owned())), "Token(not shown)");
    }
}
