//! Retained values: a client that connects gets the last value of each key, then every change, and
//! never an older value after a newer one. Also while pub/sub is cut and while many values change
//! concurrently.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use wirebell_tests::client::{Client, Incoming, is_event};
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::{Issuer, claims, now, with};
use wirebell_tests::{SILENCE, TIMEOUT};

fn token(user: &str) -> String {
    Issuer::default().sign(&with(claims(user), "topics", json!(["*"])))
}

async fn set(node: &Node, to: &str, key: &str, n: u64) {
    let event = json!({"to": to, "type": "status", "class": "retained", "key": key, "data": {"n": n}});
    node.api().publish_accepted(&event).await;
}

/// A client's view: the last value of each key. An older value after a newer one is a failure.
#[derive(Default)]
struct View(HashMap<String, u64>);

impl View {
    fn apply(&mut self, event: &Value) {
        assert!(event.get("cursor").is_none(), "a retained value has no cursor");
        let (key, n) = (event["key"].as_str().unwrap().to_owned(), event["data"]["n"].as_u64().unwrap());
        let before = self.0.insert(key.clone(), n);
        assert!(before.is_none_or(|before| before < n), "{key} went from {before:?} to {n}");
    }

    fn is(&self, key: &str, n: u64) -> bool {
        self.0.get(key) == Some(&n)
    }
}

async fn snapshot(client: &mut Client) -> View {
    let mut view = View::default();
    for event in client.events_until_silence(SILENCE).await {
        view.apply(&event);
    }
    view
}

#[tokio::test(flavor = "multi_thread")]
async fn client_gets_the_last_value_of_each_key_and_then_changes() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    for (key, n) in [("plan", 1), ("mail", 2), ("plan", 3)] {
        set(&a, "user:42", key, n).await;
    }
    set(&a, "all", "banner", 9).await;
    let mut client = Client::connect(b.clients, &token("42")).await;
    let mut view = snapshot(&mut client).await;
    assert!(view.is("plan", 3) && view.is("mail", 2) && view.is("banner", 9) && view.0.len() == 3, "{:?}", view.0);
    set(&a, "user:42", "mail", 4).await;
    view.apply(&client.event().await);
    assert!(view.is("mail", 4));

    // A second tab at the same node. Another user must get none of these values.
    let mut second = Client::connect(b.clients, &token("42")).await;
    assert!(snapshot(&mut second).await.is("mail", 4));
    let mut other = Client::connect(b.clients, &token("43")).await;
    let view = snapshot(&mut other).await;
    assert!(view.is("banner", 9) && view.0.len() == 1, "{:?}", view.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribe_delivers_the_values_of_the_topic() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    set(&node, "topic:room", "seats", 7).await;
    let mut client = Client::connect(node.clients, &token("42")).await;
    let response =
        client.request(&json!({"type": "wirebell.subscribe", "channel": "topic:room", "ref": "1"})).await;
    assert_eq!(response["type"], "wirebell.reply");
    assert!(snapshot(&mut client).await.is("seats", 7));
    client.request(&json!({"type": "wirebell.subscribe", "channel": "topic:empty", "ref": "2"})).await;
    set(&node, "topic:empty", "seats", 8).await;
    assert_eq!(client.event().await["data"]["n"], 8, "the first value of a channel is a change like any other");
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_bus_retains_values() {
    let setup = Setup::bare(&["dev", "--clients-listen", "127.0.0.1:0", "--services-listen", "127.0.0.1:0"]);
    let node = setup.environment("WIREBELL_TELEMETRY_LOG_FORMAT", "json").start().await;
    set(&node, "user:42", "plan", 1).await;
    set(&node, "user:42", "plan", 2).await;
    let issuer = Issuer::with_secret("wirebell-dev-secret");
    // `dev` checks no audience.
    let token = issuer.sign(&json!({"sub": "42", "exp": now() + 600}));
    let mut client = Client::connect(node.clients, &token).await;
    assert!(snapshot(&mut client).await.is("plan", 2));
    set(&node, "user:42", "plan", 3).await;
    assert_eq!(client.event().await["data"]["n"], 3);
}

/// Connects and receives until the last value of every key has arrived. Reconnects from time to
/// time if `visits` is set.
async fn watch(nodes: &[Node], keys: u64, last: u64, visits: bool) -> View {
    let (mut view, mut visit) = (View::default(), 0);
    let all_seen = |view: &View| (0..keys).all(|key| view.is(&format!("k{key}"), last));
    let started = std::time::Instant::now();
    while !all_seen(&view) {
        visit += 1;
        // Each visit begins with all values. They may be the same as before, but never older.
        let before = std::mem::take(&mut view.0);
        let mut client = Client::connect(nodes[visit % nodes.len()].clients, &token("42")).await;
        let until = if visits { Duration::from_millis(fastrand::u64(1..200)) } else { TIMEOUT };
        let leave = tokio::time::Instant::now() + until;
        while tokio::time::Instant::now() < leave && !all_seen(&view) {
            match client.next(Duration::from_millis(100)).await {
                Incoming::Frame(frame) if is_event(&frame) => {
                    view.apply(&frame);
                    let (key, n) = (frame["key"].as_str().unwrap(), frame["data"]["n"].as_u64().unwrap());
                    assert!(
                        before.get(key).is_none_or(|before| *before <= n),
                        "{key} went back across a reconnect"
                    );
                }
                Incoming::Frame(_) | Incoming::Ping | Incoming::Silence => {}
                end => panic!("the connection ended: {end:?}"),
            }
        }
        assert!(started.elapsed() < TIMEOUT, "the last values never arrived: {:?}", view.0);
    }
    view
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_goes_back_while_values_change_and_pub_sub_is_cut() {
    const KEYS: u64 = 5;
    const CHANGES: u64 = 150;
    let redis = Redis::start().await;
    let nodes = [Setup::serve(&redis).start().await, Setup::serve(&redis).start().await];
    let changing = async {
        for n in 0..CHANGES {
            for key in 0..KEYS {
                set(&nodes[usize::from(n % 2 == 0)], "user:42", &format!("k{key}"), n).await;
            }
            if n % 30 == 10 {
                redis.cut_subscribers().await;
            }
        }
    };
    let last = CHANGES - 1;
    let ((), stayed, came_and_went) =
        tokio::join!(changing, watch(&nodes, KEYS, last, false), watch(&nodes, KEYS, last, true));
    assert_eq!((stayed.0.len(), came_and_went.0.len()), (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_client_ends_with_the_newest_values() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("clients.outbox_bytes", "4096").start().await;
    let mut client = Client::connect(node.clients, &token("42")).await;
    // More data than the sockets hold, while the client reads nothing.
    let padding = "x".repeat(20_000);
    let values: Vec<Value> = (0..1_000)
        .map(|n| {
            let data = json!({"n": n, "padding": padding});
            json!({"to": "user:42", "type": "status", "class": "retained", "key": format!("k{}", n % 3), "data": data})
        })
        .collect();
    for batch in values.chunks(100) {
        assert_eq!(node.api().publish(&json!(batch)).await.status, 202);
    }
    let (mut view, mut seen) = (View::default(), 0);
    while !(view.is("k0", 999) && view.is("k1", 997) && view.is("k2", 998)) {
        view.apply(&client.event().await);
        seen += 1;
    }
    assert!(seen < 1_000, "some were replaced before they could be written: {seen}");
}
