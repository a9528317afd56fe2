//! Revoked tokens are rejected on every node, and sessions that use them are closed.

use serde_json::{Value, json};
use wirebell_tests::client::{Client, Incoming, TokenLocation};
use wirebell_tests::eventually;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::{Issuer, claims, now, with};

/// Returns a token that was issued this many seconds ago, with this id.
fn token(user: &str, ago: i64, name: &str) -> String {
    Issuer::default().sign(&with(with(claims(user), "iat", json!(now() - ago)), "jti", json!(name)))
}

async fn revoke(node: &Node, what: &Value) -> Value {
    let headers = [("content-type", "application/json")];
    let response = node.api().send("POST", "/v1/revocations", &headers, what.to_string()).await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

/// Returns the error code and close code for the token; `None` if it is accepted.
async fn rejection(node: &Node, token: &str) -> Option<(String, Incoming)> {
    let mut client = Client::open(node.clients, Some((TokenLocation::Header, token))).await.expect("an upgrade");
    match client.next(wirebell_tests::TIMEOUT).await {
        Incoming::Frame(frame) if frame["type"] == "wirebell.welcome" => None,
        Incoming::Frame(frame) => {
            Some((frame["code"].as_str().unwrap_or_default().to_owned(), client.ending().await.1))
        }
        end => panic!("neither a welcome nor an error: {end:?}"),
    }
}

async fn is_closed_as_revoked(client: &mut Client) {
    let (frames, end) = client.ending().await;
    let last = frames.last().expect("a last frame");
    assert_eq!((&last["code"], end), (&json!("token_revoked"), Incoming::Closed(Some(4403))), "{frames:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_tokens_of_a_user_are_rejected_on_all_nodes() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let old = token("42", 100, "old");
    let mut here = Client::connect(a.clients, &old).await;
    let mut there = Client::connect(b.clients, &old).await;
    let mut newer = Client::connect(b.clients, &token("42", 5, "newer")).await;
    let mut other = Client::connect(b.clients, &token("43", 100, "other")).await;
    let done = revoke(&a, &json!({"user": "42", "issued_before": now() - 50})).await;
    assert_eq!((&done["user"], done["until"].as_i64() > Some(now() + 80_000)), (&json!("42"), true), "{done}");
    is_closed_as_revoked(&mut here).await;
    is_closed_as_revoked(&mut there).await;
    let rejected = Some(("token_revoked".to_owned(), Incoming::Closed(Some(4403))));
    for node in [&a, &b] {
        assert_eq!(rejection(node, &old).await, rejected);
        assert_eq!(rejection(node, &token("42", 5, "newest")).await, None);
    }
    // A renewal with a revoked token is rejected. The session continues with its current token.
    let renewal = newer.request(&json!({"type": "wirebell.auth", "token": old, "ref": "1"})).await;
    assert_eq!(renewal["code"], "token_revoked");
    for client in [&mut newer, &mut other] {
        assert_eq!(client.request(&json!({"type": "wirebell.ping", "ref": "2"})).await["type"], "wirebell.pong");
    }
    // A node that starts later knows the revocation as well.
    let c = Setup::serve(&redis).start().await;
    eventually("the new node rejects the token", || async { rejection(&c, &old).await == rejected }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn token_is_revoked_by_its_id() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let lost = token("42", 0, "lost");
    let mut with_it = Client::connect(b.clients, &lost).await;
    let mut without = Client::connect(b.clients, &token("42", 0, "kept")).await;
    revoke(&a, &json!({"jti": "lost"})).await;
    is_closed_as_revoked(&mut with_it).await;
    assert_eq!(without.request(&json!({"type": "wirebell.ping", "ref": "1"})).await["type"], "wirebell.pong");
    eventually("the token is rejected", || async { rejection(&a, &lost).await.is_some() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_survives_a_redis_outage() {
    let mut redis = Redis::start_durable().await;
    let node = Setup::serve(&redis).start().await;
    let old = token("42", 100, "old");
    revoke(&node, &json!({"user": "42"})).await;
    eventually("the token is rejected", || async { rejection(&node, &old).await.is_some() }).await;
    redis.kill();
    assert_eq!(rejection(&node, &old).await.map(|(code, _)| code).as_deref(), Some("token_revoked"));
    redis.restart().await;
    let other = Setup::serve(&redis).start().await;
    eventually("another node rejects the token", || async { rejection(&other, &old).await.is_some() }).await;
}
