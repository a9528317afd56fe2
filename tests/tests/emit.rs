//! Client events: from a WebSocket through the inbox to a service, and the reply back.

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

/// Starts a service that replies with the event's data and its sender.
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

/// Waits until the worker's consumer groups exist.
async fn wait_until_reading(inbox: &Inbox) {
    let started = Instant::now();
    while inbox.backlog().await.is_err() {
        assert!(started.elapsed() < TIMEOUT, "the service does not read the inbox");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn round_trip(url: &str) {
    let (one, other) = (Setup::serve_at(url).start().await, Setup::serve_at(url).start().await);
    let (inbox, running) = echo(url, "chat").await;
    wait_until_reading(&inbox).await;
    for number in 0..10 {
        let node = if number % 2 == 0 { &one } else { &other };
        // Users of every shard, and of every server of a Cluster.
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
async fn service_replies_on_one_server() {
    let redis = Redis::start().await;
    round_trip(&redis.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_replies_with_sentinels() {
    let sentinels = Sentinels::start().await;
    round_trip(&sentinels.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_replies_on_a_cluster() {
    let cluster = Cluster::start().await;
    round_trip(&cluster.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_the_client_gets_an_error_and_the_event_is_stored() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let mut client = client(&node, "42").await;
    let error = client.request(&json!({"type": "send-message", "data": 1, "ref": "1"})).await;
    assert_eq!((&error["type"], &error["code"]), (&json!("wirebell.error"), &json!("no_service")), "{error}");
    let inbox = Inbox::connect(&redis.url(), "late").await.expect("a worker");
    let mut entry = inbox.next().await.expect("an entry");
    // Presence events have no connection. They may be before or after the client's event.
    if entry.connection.is_none() {
        entry.done(&()).await.expect("Redis accepts the acknowledgement");
        entry = inbox.next().await.expect("an event");
    }
    assert_eq!((entry.user.as_str(), entry.data.as_str()), ("42", "1"));
    entry.done(&()).await.expect("Redis accepts the acknowledgement");
    let mut next_frame = client.next(SILENCE).await;
    if next_frame == Incoming::Ping {
        next_frame = client.next(SILENCE).await;
    }
    assert_eq!(next_frame, Incoming::Silence, "a late reply is not sent");
    assert_eq!(metric(&node, "wirebell_emit_answers_total{outcome=\"late\"}").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_of_a_reply_has_its_code() {
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
    wait_until_reading(&inbox).await;
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
    // No service handles this type.
    let started = Instant::now();
    assert_eq!(code(json!({"type": "send-nothing", "data": 1, "ref": "5"})).await, "no_reply");
    assert!(started.elapsed() >= Duration::from_millis(690), "{:?}", started.elapsed());
    assert_eq!(inbox.backlog().await.expect("Redis responds").dead, 1);
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
async fn repeated_id_is_handled_once_and_gets_the_same_reply() {
    let redis = Redis::start().await;
    let (one, other) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let inbox = Inbox::connect(&redis.url(), "orders").await.expect("a worker");
    let (handled, released) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, gate) = (Arc::clone(&handled), Arc::clone(&released));
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
    wait_until_reading(&inbox).await;
    let order = |reference: &str| json!({"type": "ask", "data": 1, "id": "order 7", "ref": reference});
    let mut first = client(&one, "42").await;
    first.send(&order("1")).await;
    while handled.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The client reconnects to another node before there is a reply.
    drop(first);
    let mut second = client(&other, "42").await;
    second.send(&order("2")).await;
    second.request(&json!({"type": "wirebell.ping", "ref": "p"})).await;
    released.store(true, Ordering::SeqCst);
    let reply = second.frame("wirebell.reply").await;
    assert_eq!((&reply["ref"], &reply["data"]), (&json!("2"), &json!(["order 7", 0])));
    // Repeated once more after the reply. The same id of another user is another event.
    let again = second.request(&order("3")).await;
    assert_eq!((&again["type"], &again["data"]), (&json!("wirebell.reply"), &json!(["order 7", 0])));
    let mut other_user = client(&one, "43").await;
    assert_eq!(other_user.request(&order("1")).await["data"], json!(["order 7", 1]));
    assert_eq!(handled.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_client_are_handled_in_order_by_each_service() {
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
                // Later events take less time, and must not overtake.
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
    // The lag is also a metric, some seconds later.
    let started = Instant::now();
    while metric(&node, "wirebell_inbox_lag{service=\"audit\"}").await != 0 {
        assert!(started.elapsed() < TIMEOUT, "the lag is not exported");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Returns the value of a series, or -1 if there is none.
async fn metric(node: &Node, series: &str) -> i64 {
    let text = node.api().get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    line.unwrap_or(-1)
}
