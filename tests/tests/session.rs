//! The life of a session: four token locations, heartbeats, expiry and renewal.

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
async fn token_is_accepted_in_four_locations() {
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
            "{location:?}: the response must not contain the token"
        );
    }
}

#[tokio::test]
async fn keys_of_every_family_are_accepted() {
    let redis = Redis::start().await;
    for pair in [Pair::rs256(), Pair::es256(), Pair::eddsa()] {
        let setup = Setup::serve(&redis).unset("auth.secret").set("auth.public_key", &pair.public_pem);
        let node = setup.start().await;
        let client = Client::connect(node.clients, &Issuer::with_pair(&pair).token("42")).await;
        assert_eq!(client.user(), "42", "{:?}", pair.algorithm);
    }
}

#[tokio::test]
async fn http_and_websocket_share_the_client_port() {
    let (_redis, node) = node(|setup| setup).await;
    let api = wirebell_tests::server_api::ServerApi::new(node.clients, None);
    assert_eq!(api.get("/nothing").await.status, 404);
    let plain = api.get("/ws").await.status;
    assert!(matches!(plain, 400 | 405 | 426), "a plain request for /ws is answered by {plain}");
    assert_eq!(api.get("/metrics").await.status, 404, "metrics are not on the client port");
    assert_eq!(
        api.publish(&json!({"to": "all", "type": "t", "data": 1})).await.status,
        404,
        "publishing is not on the client port"
    );
    Client::connect(node.clients, &Issuer::default().token("42")).await;
}

/// Besides the Redis outage, only this test checks a time, and only a lower bound: two pings may
/// not arrive much faster than the heartbeat, and they must arrive.
#[tokio::test]
async fn idle_client_is_pinged_and_stays_connected() {
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
async fn close_frame_is_sent_once_by_each_side() {
    let (_redis, node) = node(|setup| setup).await;
    let mut leaving = RawClient::connect(node.clients, &Issuer::default().token("42")).await;
    leaving.send(&masked(0x88, &1000u16.to_be_bytes())).await;
    assert_eq!(leaving.end().await, End::Closed(1000));
    assert!(matches!(leaving.next(TIMEOUT).await, Err(End::Dropped)), "a frame arrived after the close frame");

    let mut rejected = RawClient::connect(node.clients, "not a token").await;
    assert_eq!(rejected.end().await, End::Closed(4401));
    rejected.send(&masked(0x88, &4401u16.to_be_bytes())).await;
    assert!(matches!(rejected.next(TIMEOUT).await, Err(End::Dropped)), "an response is not answered");
}

#[tokio::test]
async fn client_that_never_responds_is_dropped() {
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
    assert_ne!(end, End::Open, "still connected after {pings} pings without a pong");
    assert!(pings > 0, "no ping was sent");
}

#[tokio::test]
async fn session_ends_with_its_token_after_a_notice() {
    let (_redis, node) = node(|setup| setup.set("clients.expiring_notice", "60s").set("auth.leeway", "0s")).await;
    let mut client = Client::connect(node.clients, &Issuer::default().token_for("42", 3)).await;
    let (frames, end) = client.ending().await;
    let kinds: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap_or("")).collect();
    assert_eq!(kinds[0], "wirebell.expiring", "{frames:?}");
    assert_eq!(frames[0]["expires"], client.welcome["expires"]);
    assert_eq!(end, Incoming::Closed(Some(4401)));
}

#[tokio::test]
async fn renewed_token_extends_the_session() {
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
async fn full_node_rejects_connections() {
    let (_redis, node) = node(|setup| setup.set("clients.max_connections", "2")).await;
    let issuer = Issuer::default();
    let _held = [
        Client::connect(node.clients, &issuer.token("1")).await,
        Client::connect(node.clients, &issuer.token("2")).await,
    ];
    match Client::open(node.clients, Some((TokenLocation::Header, &issuer.token("3")))).await {
        Err(rejected) => assert_eq!(rejected.status, 503, "{}", rejected.body),
        Ok(mut client) => {
            let (frames, end) = client.ending().await;
            assert_eq!((&frames[0]["code"], end), (&json!("too_many"), Incoming::Closed(Some(4429))));
        }
    }
}

/// A connection must open sooner than the node's timeout for its bus.
#[tokio::test(flavor = "multi_thread")]
async fn connection_opens_although_the_bus_does_not_respond() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    redis.signal("STOP");
    let token = Issuer::default().token("u1");
    let opened = Client::open(node.clients, Some((TokenLocation::Header, &token))).await;
    redis.signal("CONT");
    // If the upgrade had waited for the bus timeout, this would be an error.
    opened.expect("an upgrade").frame("wirebell.welcome").await;
}
