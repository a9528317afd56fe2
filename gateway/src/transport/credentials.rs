//! The token of a request for a stream. A cookie is one that a browser sends by itself, for whichever page: it counts
//! only where the page is known to be one of ours.

use axum::http::{HeaderMap, header};
use wirebell_protocol::Fault;

use super::Context;
use crate::auth::{Refusal, Token};

/// The token, in the contract's order: `Authorization`, the cookie, the query.
pub(super) fn token(context: &Context, headers: &HeaderMap, query: Option<&str>) -> Result<Token, Refusal> {
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

/// A page of the node's own origin, or of one that is listed by name. A request without an `Origin` is no page's, or a
/// page's own GET; browsers say in `Sec-Fetch-Site` whose it is.
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

fn untrusted_page() -> Refusal {
    Refusal::new(
        Fault::NotAllowed,
        "a token in a cookie counts for pages of this host, and of origins that `clients.allowed_origins` lists by name",
    )
}

fn missing_token() -> Refusal {
    Refusal::new(
        Fault::TokenMissing,
        "no token; expected `Authorization: Bearer`, the cookie that `clients.cookie` names, or the query `access_token`",
    )
}
