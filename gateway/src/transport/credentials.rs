//! Finds the token of an HTTP request. A browser sends a cookie by itself, for any page. So a token
//! in a cookie counts only if the page's origin is trusted.

use axum::http::{HeaderMap, header};
use wirebell_protocol::ErrorCode;

use super::Context;
use crate::auth::{Rejection, Token};

/// Returns the token, by the protocol's precedence: `Authorization`, the cookie, the query.
pub(super) fn token(context: &Context, headers: &HeaderMap, query: Option<&str>) -> Result<Token, Rejection> {
    let authorization = text(headers, &header::AUTHORIZATION).and_then(Token::from_authorization);
    if let Some(token) = authorization {
        return Ok(token);
    }
    if let Some(token) = cookie(context, headers) {
        return if is_trusted_page(context, headers) { Ok(token) } else { Err(untrusted_page()) };
    }
    query.and_then(Token::from_query).ok_or_else(missing_token)
}

fn cookie(context: &Context, headers: &HeaderMap) -> Option<Token> {
    let name = context.cookie.as_deref()?;
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, value)| *found == name && !value.is_empty()).map(|(_, token)| Token::new(token.to_owned()))
}

/// Returns whether the page has the node's own origin, or one listed by name. A request without an
/// `Origin` is not from a page, or is a page's own GET; browsers then state the relation in
/// `Sec-Fetch-Site`.
fn is_trusted_page(context: &Context, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return text(headers, &SEC_FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none"));
    };
    let origin = origin.to_str().unwrap_or("?");
    let own = text(headers, &header::HOST).is_some_and(|host| {
        origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    });
    own || context.origins.lists(origin)
}

const SEC_FETCH_SITE: header::HeaderName = header::HeaderName::from_static("sec-fetch-site");

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn untrusted_page() -> Rejection {
    Rejection::new(
        ErrorCode::NotAllowed,
        "a cookie is accepted only from pages of this host, or of origins listed in `clients.allowed_origins`",
    )
}

fn missing_token() -> Rejection {
    Rejection::new(
        ErrorCode::TokenMissing,
        "no token; send `Authorization: Bearer`, the cookie named by `clients.cookie`, or the query `access_token`",
    )
}
