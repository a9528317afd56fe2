//! Events from clients: from a WebSocket over the inbox to a service, and its answer back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use wirebell_publisher::{Inbox, InboxEvent};
use wirebell_tests::client::{Client, Incoming};
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::{Cluster, Redis, Sentinels};
use wirebell_tests::token::{Issuer, claims, with};
use wirebell_tests::{SILENCE, TIMEOUT};

fn token(user: &str) -> String {
    let device = with(claims(user), "device", json!("phone"));
    Issuer::default().sign(&with(device, "emit", json!(["send-*", "ask"])))
}

async fn client(node: &Node, user: &str) -> Client {
    Client::connect(node.clients, &token(user)).await
}

/// A service that answers with who has emitted what.
async fn echo(url: &str, service: &str) -> (Inbox, JoinHandle<()>) {
    let inbox = Inbox::connect(url, service).await.expect("a worker");
    inbox.on("send-message", |event: InboxEvent| async move {
        let data: Value = event.data()?;
        let connection = event.connection.map(|id| id.to_string());
        Ok::<_, serde_json::Error>(json!({
            "data": data, "user": event.user, "device": event.device, "connection": connection,
            "traceparent": event.traceparent, "tries": event.tries,
        }))
    });
    let running = inbox.clone();
    (inbox, tokio::spawn(async move { running.run().await }))
}

/// A worker that is there: others wait until its groups are made.
async fn until_it_reads(inbox: &Inbox) {
    let begun = Instant::now();
    while inbox.backlog().await.is_err() {
        assert!(begun.elapsed() < TIMEOUT, "the service does not read");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn round_trip(url: &str) {
    let (one, other) = (Setup::serve_at(url).start().await, Setup::serve_at(url).start().await);
    let (inbox, running) = echo(url, "chat").await;
    until_it_reads(&inbox).await;
    for number in 0..10 {
        let node = if number % 2 == 0 { &one } else { &other };
        // Users of every shard, and of every part of a Cluster.
        let mut client = client(node, &format!("user-{number}")).await;
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let emitted = json!({"type": "send-message", "data": {"n": number}, "ref": "8", "traceparent": trace});
        let reply = client.request(&emitted).await;
        let expected = json!({
            "data": {"n": number}, "user": format!("user-{number}"), "device": "phone",
            "connection": client.connection(), "traceparent": trace, "tries": 1,
        });
        assert_eq!(reply, json!({"type": "wirebell.reply", "ref": "8", "data": expected}));
    }
    assert_eq!(inbox.close(TIMEOUT).await, 0);
    running.await.expect("the service ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_answers_on_one_server() {
    let redis = Redis::start().await;
    round_trip(&redis.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_answers_over_sentinels() {
    let sentinels = Sentinels::start().await;
    round_trip(&sentinels.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_answers_over_a_cluster() {
    let cluster = Cluster::start().await;
    round_trip(&cluster.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_it_is_said_and_the_event_waits_for_the_first_one() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let mut client = client(&node, "42").await;
    let error = client.request(&json!({"type": "send-message", "data": 1, "ref": "1"})).await;
    assert_eq!((&error["type"], &error["code"]), (&json!("wirebell.error"), &json!("no_service")), "{error}");
    let inbox = Inbox::connect(&redis.url(), "late").await.expect("a worker");
    let mut claim = inbox.next().await.expect("an entry");
    // What presence tells has no connection, and may stand before it or behind it.
    if claim.connection.is_none() {
        claim.done(&()).await.expect("Redis is told");
        claim = inbox.next().await.expect("an event");
    }
    assert_eq!((claim.user.as_str(), claim.data.as_str()), ("42", "1"));
    claim.done(&()).await.expect("Redis is told");
    let mut said = client.next(SILENCE).await;
    if said == Incoming::Ping {
        said = client.next(SILENCE).await;
    }
    assert_eq!(said, Incoming::Silence, "an answer that nobody waits for is not told");
    assert_eq!(metric(&node, "wirebell_emit_answers_total{outcome=\"late\"}").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_having_no_answer_has_its_code() {
    let mut redis = Redis::start().await;
    let node =
        Setup::serve(&redis).set("inbox.reply_timeout", "700ms").set("clients.emit_burst", "6").start().await;
    let inbox = Inbox::builder(&redis.url(), "chat")
        .tries(2)
        .backoff(Duration::from_millis(10), Duration::from_millis(10))
        .connect()
        .await
        .expect("a worker");
    inbox.on("ask", |_: InboxEvent| async { Err::<(), _>("no") });
    let running = inbox.clone();
    tokio::spawn(async move { running.run().await });
    until_it_reads(&inbox).await;
    let mut client = client(&node, "42").await;
    let mut code = async |frame: Value| {
        let error = client.request(&frame).await;
        assert_eq!((&error["type"], &error["ref"]), (&json!("wirebell.error"), &frame["ref"]), "{error}");
        error["code"].as_str().unwrap_or_default().to_owned()
    };
    let large = "x".repeat(33_000);
    assert_eq!(code(json!({"type": "delete-all", "data": 1, "ref": "1"})).await, "not_allowed");
    assert_eq!(code(json!({"type": "user.offline", "data": 1, "ref": "2"})).await, "reserved_type");
    assert_eq!(code(json!({"type": "ask", "data": large, "ref": "3"})).await, "data_too_large");
    assert_eq!(code(json!({"type": "ask", "data": 1, "ref": "4"})).await, "service_failed");
    // Of a type that no service handles.
    let begun = Instant::now();
    assert_eq!(code(json!({"type": "send-nothing", "data": 1, "ref": "5"})).await, "no_reply");
    assert!(begun.elapsed() >= Duration::from_millis(690), "{:?}", begun.elapsed());
    assert_eq!(inbox.backlog().await.expect("Redis answers").dead, 1);
    redis.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(code(json!({"type": "ask", "data": 1, "ref": "6"})).await, "unavailable");
    for _ in 0..50 {
        client.send(&json!({"type": "send-nothing"})).await;
    }
    let error = client.request(&json!({"type": "ask", "ref": "7"})).await;
    assert_eq!(error["code"], "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_handled_once_and_whoever_asks_again_is_told_the_same() {
    let redis = Redis::start().await;
    let (one, other) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let inbox = Inbox::connect(&redis.url(), "orders").await.expect("a worker");
    let (handled, go_on) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, gate) = (Arc::clone(&handled), Arc::clone(&go_on));
    inbox.on("ask", move |event: InboxEvent| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let gate = Arc::clone(&gate);
        async move {
            while !gate.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok::<_, String>(json!([event.id, number]))
        }
    });
    let running = inbox.clone();
    tokio::spawn(async move { running.run().await });
    until_it_reads(&inbox).await;
    let order = |reference: &str| json!({"type": "ask", "data": 1, "id": "order 7", "ref": reference});
    let mut first = client(&one, "42").await;
    first.send(&order("1")).await;
    while handled.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // It goes and comes back, to another node, before there is an answer.
    drop(first);
    let mut second = client(&other, "42").await;
    second.send(&order("2")).await;
    second.request(&json!({"type": "wirebell.ping", "ref": "p"})).await;
    go_on.store(true, Ordering::SeqCst);
    let reply = second.frame("wirebell.reply").await;
    assert_eq!((&reply["ref"], &reply["data"]), (&json!("2"), &json!(["order 7", 0])));
    // And again, once it is finished; but another user's id is another event.
    let again = second.request(&order("3")).await;
    assert_eq!((&again["type"], &again["data"]), (&json!("wirebell.reply"), &json!(["order 7", 0])));
    let mut somebody = client(&one, "43").await;
    assert_eq!(somebody.request(&order("1")).await["data"], json!(["order 7", 1]));
    assert_eq!(handled.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_emits_in_a_row_is_handled_in_that_order_and_by_each_service() {
    let redis = Redis::start().await;
    let node =
        Setup::serve(&redis).set("clients.emit_burst", "1000").set("clients.emit_rate", "1000").start().await;
    let (send, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mut services = Vec::new();
    for service in ["chat", "audit"] {
        let inbox = Inbox::connect(&redis.url(), service).await.expect("a worker");
        let send = send.clone();
        inbox.on("send-message", move |event: InboxEvent| {
            let send = send.clone();
            async move {
                // Whoever comes later takes less time, and must not overtake.
                let number: u64 = event.data()?;
                tokio::time::sleep(Duration::from_millis(if number.is_multiple_of(5) { 4 } else { 0 })).await;
                let _ = send.send((service, event.user, number));
                Ok::<_, serde_json::Error>(())
            }
        });
        let running = inbox.clone();
        tokio::spawn(async move { running.run().await });
        services.push(inbox);
    }
    let mut clients = [client(&node, "1").await, client(&node, "2").await, client(&node, "3").await];
    for number in 0..60 {
        for client in &mut clients {
            client.send(&json!({"type": "send-message", "data": number})).await;
        }
    }
    let mut next = std::collections::HashMap::new();
    for _ in 0..2 * 3 * 60 {
        let (service, user, number) =
            tokio::time::timeout(TIMEOUT, seen.recv()).await.expect("in time").expect("the services live");
        let expected = next.entry((service, user.clone())).or_insert(0);
        assert_eq!(number, *expected, "{user}'s, at {service}");
        *expected += 1;
    }
    // What waits is also a number for operators, some seconds later.
    let begun = Instant::now();
    while metric(&node, "wirebell_inbox_lag{service=\"audit\"}").await != 0 {
        assert!(begun.elapsed() < TIMEOUT, "the lag is not told");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The value of a series, or -1 if there is none.
async fn metric(node: &Node, series: &str) -> i64 {
    let text = node.api().get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    line.unwrap_or(-1)
}
