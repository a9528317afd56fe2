//! Tokens that are revoked are good no longer, on any node: nobody comes in with one, and whoever did is sent away.

use serde_json::{Value, json};
use wirebell_tests::client::{Client, Incoming, TokenLocation};
use wirebell_tests::eventually;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::{Issuer, claims, now, with};

/// A token that was issued so many seconds ago, under that name.
fn token(user: &str, ago: i64, name: &str) -> String {
    Issuer::default().sign(&with(with(claims(user), "iat", json!(now() - ago)), "jti", json!(name)))
}

async fn revoke(node: &Node, what: &Value) -> Value {
    let headers = [("content-type", "application/json")];
    let answer = node.api().send("POST", "/v1/revocations", &headers, what.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The error with which the token is refused, and the close code; nothing if it is let in.
async fn refusal(node: &Node, token: &str) -> Option<(String, Incoming)> {
    let mut client = Client::open(node.clients, Some((TokenLocation::Header, token))).await.expect("an upgrade");
    match client.next(wirebell_tests::TIMEOUT).await {
        Incoming::Frame(frame) if frame["type"] == "wirebell.welcome" => None,
        Incoming::Frame(frame) => {
            Some((frame["code"].as_str().unwrap_or_default().to_owned(), client.ending().await.1))
        }
        end => panic!("neither a welcome nor an error: {end:?}"),
    }
}

async fn is_sent_away(client: &mut Client) {
    let (frames, end) = client.ending().await;
    let last = frames.last().expect("a last word");
    assert_eq!((&last["code"], end), (&json!("token_revoked"), Incoming::Closed(Some(4403))), "{frames:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_old_tokens_are_good_nowhere_any_more() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let old = token("42", 100, "old");
    let mut here = Client::connect(a.clients, &old).await;
    let mut there = Client::connect(b.clients, &old).await;
    let mut newer = Client::connect(b.clients, &token("42", 5, "newer")).await;
    let mut other = Client::connect(b.clients, &token("43", 100, "other")).await;
    let done = revoke(&a, &json!({"user": "42", "issued_before": now() - 50})).await;
    assert_eq!((&done["user"], done["until"].as_i64() > Some(now() + 80_000)), (&json!("42"), true), "{done}");
    is_sent_away(&mut here).await;
    is_sent_away(&mut there).await;
    let refused = Some(("token_revoked".to_owned(), Incoming::Closed(Some(4403))));
    for node in [&a, &b] {
        assert_eq!(refusal(node, &old).await, refused);
        assert_eq!(refusal(node, &token("42", 5, "newest")).await, None);
    }
    // A renewal with an old one is refused, and the session goes on with the one that it has.
    let renewal = newer.request(&json!({"type": "wirebell.auth", "token": old, "ref": "1"})).await;
    assert_eq!(renewal["code"], "token_revoked");
    for client in [&mut newer, &mut other] {
        assert_eq!(client.request(&json!({"type": "wirebell.ping", "ref": "2"})).await["type"], "wirebell.pong");
    }
    // A node that comes later knows it as well.
    let c = Setup::serve(&redis).start().await;
    eventually("the new node refuses it", || async { refusal(&c, &old).await == refused }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_revoked_by_its_name() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let lost = token("42", 0, "lost");
    let mut with_it = Client::connect(b.clients, &lost).await;
    let mut without = Client::connect(b.clients, &token("42", 0, "kept")).await;
    revoke(&a, &json!({"jti": "lost"})).await;
    is_sent_away(&mut with_it).await;
    assert_eq!(without.request(&json!({"type": "wirebell.ping", "ref": "1"})).await["type"], "wirebell.pong");
    eventually("nobody comes in with it", || async { refusal(&a, &lost).await.is_some() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_outlives_its_redis_on_the_nodes_that_know_it() {
    let mut redis = Redis::start_durable().await;
    let node = Setup::serve(&redis).start().await;
    let old = token("42", 100, "old");
    revoke(&node, &json!({"user": "42"})).await;
    eventually("it is refused", || async { refusal(&node, &old).await.is_some() }).await;
    redis.kill();
    assert_eq!(refusal(&node, &old).await.map(|(code, _)| code).as_deref(), Some("token_revoked"));
    redis.restart().await;
    let other = Setup::serve(&redis).start().await;
    eventually("another node refuses it", || async { refusal(&other, &old).await.is_some() }).await;
}
