//! Tokens that must be rejected, and connections without a token.

use serde_json::{Value, json};
use wirebell_tests::client::TokenLocation;
use wirebell_tests::token::{Issuer, claims, confused, now, tampered, unsigned, with};

use crate::row::{Bench, Input, Row};

/// Returns the rows.
pub(crate) fn rows(bench: &Bench) -> Vec<Row> {
    let issuer = Issuer::default();
    let without = |name: &str| with(claims("42"), name, Value::Null);
    let but = |name: &str, value: Value| issuer.sign(&with(claims("42"), name, value));
    let mut rows = vec![
        header("algorithm `none`", unsigned(&claims("42")), "token_algorithm 4401"),
        header("another key", Issuer::with_secret("another").token("42"), "token_signature 4401"),
        header("another audience", but("aud", json!("shop")), "token_claims 4401"),
        header("no audience", issuer.sign(&without("aud")), "token_claims 4401 | token_malformed 4401"),
        header("another issuer", but("iss", json!("https://evil.test")), "token_claims 4401"),
        header("no issuer", issuer.sign(&without("iss")), "token_claims 4401 | token_malformed 4401"),
        header("no exp", issuer.sign(&without("exp")), "token_malformed 4401"),
        header("exp as a string", but("exp", json!((now() + 3600).to_string())), "token_malformed 4401"),
        header("exp below zero", but("exp", json!(-1)), "token_malformed 4401 | token_expired 4401"),
        header("expired", issuer.token_for("42", -120), "token_expired 4401"),
        header("nbf in the future", but("nbf", json!(now() + 600)), "token_not_yet_valid 4401"),
        header("no sub", issuer.sign(&without("sub")), "token_malformed 4401"),
        header("an empty sub", but("sub", json!("")), "token_malformed 4401"),
        header("sub as a number", but("sub", json!(42)), "token_malformed 4401"),
        header("a sub that is no channel", but("sub", json!("a b")), "token_malformed 4401"),
        header("topics as a text", but("topics", json!("news")), "token_malformed 4401"),
        header("changed after it was signed", tampered(&issuer.token("42"), &claims("1")), "token_signature 4401"),
        header("garbage", "no-token-at-all".to_owned(), "token_malformed 4401"),
        header("three parts of garbage", "a.b.c".to_owned(), "token_malformed 4401"),
        header("empty in the header", String::new(), NOTHING),
        Row::new("in none of the four locations", Input::NoToken, "auth_timeout 4408"),
    ];
    let confused = confused(&bench.pair, &claims("42"));
    let input = Input::Token { location: TokenLocation::Header, token: confused, public_key: true };
    rows.push(Row::new("the public key as an HMAC secret", input, "token_algorithm 4401"));
    let input = Input::Token { location: TokenLocation::Header, token: unsigned(&claims("42")), public_key: true };
    rows.push(Row::new("algorithm `none`, at the node with a public key", input, "token_algorithm 4401"));
    for location in [TokenLocation::Subprotocol, TokenLocation::Query, TokenLocation::Frame] {
        let at = |what: &str| format!("{what} in {location:?}");
        let row = |name: String, token: String, expected: &str| {
            Row::new(&name, Input::Token { location, token, public_key: false }, expected)
        };
        rows.push(row(at("another key"), Issuer::with_secret("another").token("42"), "token_signature 4401"));
        rows.push(row(at("expired"), issuer.token_for("42", -120), "token_expired 4401"));
        rows.push(row(at("garbage"), "garbage".to_owned(), "token_malformed 4401"));
    }
    rows.push(Row::new("empty in the query", empty(TokenLocation::Query), NOTHING));
    rows.push(Row::new(
        "empty in the frame",
        empty(TokenLocation::Frame),
        "token_malformed 4401 | token_missing 4401",
    ));
    rows
}

/// An empty token counts as none, and one may still follow, or as an invalid one.
const NOTHING: &str = "token_malformed 4401 | token_missing 4401 | auth_timeout 4408";

fn header(name: &str, token: String, expected: &str) -> Row {
    Row::new(name, Input::Token { location: TokenLocation::Header, token, public_key: false }, expected)
}

fn empty(location: TokenLocation) -> Input {
    Input::Token { location, token: String::new(), public_key: false }
}
