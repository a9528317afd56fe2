//! The life of a session: four ways to bring a token, heartbeats, expiry and renewal.

use std::time::{Duration, Instant};

use serde_json::json;
use wirebell_tests::TIMEOUT;
use wirebell_tests::client::{Client, Incoming, TokenLocation};
use wirebell_tests::keys::Pair;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::raw::{End, RawClient, masked};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::{Issuer, claims, now, with};

async fn node(setup: impl FnOnce(Setup) -> Setup) -> (Redis, Node) {
    let redis = Redis::start().await;
    let node = setup(Setup::serve(&redis)).start().await;
    (redis, node)
}

#[tokio::test]
async fn a_token_may_come_in_four_places() {
    let (_redis, node) = node(|setup| setup).await;
    for location in TokenLocation::ALL {
        let token = Issuer::default().sign(&with(claims("42"), "device", json!("phone")));
        let client = Client::connect_with(node.clients, location, &token).await;
        let welcome = &client.welcome;
        assert_eq!((&welcome["user"], &welcome["device"]), (&json!("42"), &json!("phone")), "{location:?}");
        assert_eq!((&welcome["heartbeat"], &welcome["recovered"]), (&json!(25), &json!(true)), "{location:?}");
        assert!(welcome["expires"].as_i64().is_some_and(|expires| expires > now()), "{location:?}: {welcome}");
        assert!(client.connection().parse::<wirebell_protocol::ConnectionId>().is_ok(), "{location:?}: {welcome}");
        assert_eq!(
            client.subprotocol.as_deref(),
            Some("wirebell.v1"),
            "{location:?}: a token is not to be repeated"
        );
    }
}

#[tokio::test]
async fn keys_of_every_family_admit() {
    let redis = Redis::start().await;
    for pair in [Pair::rs256(), Pair::es256(), Pair::eddsa()] {
        let setup = Setup::serve(&redis).unset("auth.secret").set("auth.public_key", &pair.public_pem);
        let node = setup.start().await;
        let client = Client::connect(node.clients, &Issuer::with_pair(&pair).token("42")).await;
        assert_eq!(client.user(), "42", "{:?}", pair.algorithm);
    }
}

#[tokio::test]
async fn http_and_websocket_share_the_clients_door() {
    let (_redis, node) = node(|setup| setup).await;
    let api = wirebell_tests::server_api::ServerApi::new(node.clients, None);
    assert_eq!(api.get("/nothing").await.status, 404);
    let plain = api.get("/ws").await.status;
    assert!(matches!(plain, 400 | 405 | 426), "a plain request for /ws is answered by {plain}");
    assert_eq!(api.get("/metrics").await.status, 404, "what operators see is not for clients");
    assert_eq!(api.publish(&json!({"to": "all", "type": "t", "data": 1})).await.status, 404, "nor is publishing");
    Client::connect(node.clients, &Issuer::default().token("42")).await;
}

/// The one place besides the Redis outage where a time is looked at, and from below only: two pings in a row may not
/// come much faster than the heartbeat, and they must come.
#[tokio::test]
async fn a_quiet_client_is_pinged_and_kept() {
    let (_redis, node) = node(|setup| setup.set("clients.heartbeat", "1s")).await;
    let mut client = Client::connect(node.clients, &Issuer::default().token("42")).await;
    assert_eq!(client.welcome["heartbeat"], 1);
    let mut last = Instant::now();
    for round in 0..4 {
        assert_eq!(client.next(TIMEOUT).await, Incoming::Ping, "round {round}");
        let (since, now) = (last.elapsed(), Instant::now());
        assert!(round == 0 || since > Duration::from_millis(400), "round {round}: only {since:?} after the last");
        last = now;
    }
    let pong = client.request(&json!({"type": "wirebell.ping", "ref": "p"})).await;
    assert_eq!(pong["type"], "wirebell.pong");
}

#[tokio::test]
async fn a_goodbye_is_said_once_whoever_begins() {
    let (_redis, node) = node(|setup| setup).await;
    let mut leaving = RawClient::connect(node.clients, &Issuer::default().token("42")).await;
    leaving.send(&masked(0x88, &1000u16.to_be_bytes())).await;
    assert_eq!(leaving.end().await, End::Closed(1000));
    assert!(matches!(leaving.next(TIMEOUT).await, Err(End::Dropped)), "nothing comes behind the answer");

    let mut refused = RawClient::connect(node.clients, "not a token").await;
    assert_eq!(refused.end().await, End::Closed(4401));
    refused.send(&masked(0x88, &4401u16.to_be_bytes())).await;
    assert!(matches!(refused.next(TIMEOUT).await, Err(End::Dropped)), "an answer is not answered");
}

#[tokio::test]
async fn a_peer_that_never_answers_is_dropped() {
    let (_redis, node) = node(|setup| setup.set("clients.heartbeat", "1s")).await;
    let mut silent = RawClient::connect(node.clients, &Issuer::default().token("42")).await;
    let mut pings = 0;
    let end = loop {
        match silent.next(TIMEOUT).await {
            Ok(frame) if frame.opcode == 9 => pings += 1,
            Ok(frame) if frame.opcode == 8 => break End::Closed(0),
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    assert_ne!(end, End::Open, "still there after {pings} pings without an answer");
    assert!(pings > 0, "it was never asked for a sign of life");
}

#[tokio::test]
async fn a_token_ends_its_session_after_a_notice() {
    let (_redis, node) = node(|setup| setup.set("clients.expiring_notice", "60s").set("auth.leeway", "0s")).await;
    let mut client = Client::connect(node.clients, &Issuer::default().token_for("42", 3)).await;
    let (frames, end) = client.ending().await;
    let kinds: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap_or("")).collect();
    assert_eq!(kinds[0], "wirebell.expiring", "{frames:?}");
    assert_eq!(frames[0]["expires"], client.welcome["expires"]);
    assert_eq!(end, Incoming::Closed(Some(4401)));
}

#[tokio::test]
async fn a_renewed_token_prolongs_the_session() {
    let (_redis, node) = node(|setup| setup.set("auth.leeway", "0s")).await;
    let issuer = Issuer::default();
    let mut client = Client::connect(node.clients, &issuer.token_for("42", 3)).await;
    let first = client.welcome["expires"].as_i64().expect("seconds");
    let renewal = json!({"type": "wirebell.auth", "token": issuer.token_for("42", 600), "ref": "r"});
    let reply = client.request(&renewal).await;
    assert_eq!(reply["type"], "wirebell.reply", "{reply}");
    assert!(reply["data"]["expires"].as_i64().is_some_and(|expires| expires > first + 500), "{reply}");
    while now() < first + 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    node.api().publish_accepted(&json!({"to": "user:42", "type": "t", "data": 1})).await;
    assert_eq!(client.event().await["data"], 1);
}

#[tokio::test]
async fn a_node_that_is_full_says_so() {
    let (_redis, node) = node(|setup| setup.set("clients.max_connections", "2")).await;
    let issuer = Issuer::default();
    let _held = [
        Client::connect(node.clients, &issuer.token("1")).await,
        Client::connect(node.clients, &issuer.token("2")).await,
    ];
    match Client::open(node.clients, Some((TokenLocation::Header, &issuer.token("3")))).await {
        Err(refused) => assert_eq!(refused.status, 503, "{}", refused.body),
        Ok(mut client) => {
            let (frames, end) = client.ending().await;
            assert_eq!((&frames[0]["code"], end), (&json!("too_many"), Incoming::Closed(Some(4429))));
        }
    }
}

/// A client's patience for a connection that opens is not the node's patience for its bus.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_opens_before_a_silent_bus_answers() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    redis.signal("STOP");
    let token = Issuer::default().token("u1");
    let opened = Client::open(node.clients, Some((TokenLocation::Header, &token))).await;
    redis.signal("CONT");
    // Had it opened only when the node gave up waiting, this were an error.
    opened.expect("an upgrade").frame("wirebell.welcome").await;
}
