//! A client that was away, or that is slow, ends with every durable event once and in order, on whichever node it
//! is; and where the log cannot bring something back, it is told.

use serde_json::{Value, json};
use wirebell_tests::SILENCE;
use wirebell_tests::TIMEOUT;
use wirebell_tests::client::{Client, Incoming};
use wirebell_tests::memory::pss;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::{Issuer, claims, with};

fn token(user: &str) -> String {
    Issuer::default().sign(&with(claims(user), "topics", json!(["*"])))
}

/// Publishes `n` in `range` to the channel, in order.
async fn publish(node: &Node, to: &str, range: std::ops::Range<u64>, padding: usize) {
    let padding = "x".repeat(padding);
    let events: Vec<Value> =
        range.map(|n| json!({"to": to, "type": "n", "data": {"n": n, "padding": padding}})).collect();
    for batch in events.chunks(500) {
        let answer = node.api().publish(&json!(batch)).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
    }
}

/// The next events must be these numbers, in order.
async fn expect(client: &mut Client, range: std::ops::Range<u64>) -> Value {
    let mut last = Value::Null;
    for n in range {
        last = client.event().await;
        assert_eq!(last["data"]["n"], n, "out of order, repeated or lost");
    }
    last["cursor"].clone()
}

async fn nothing_more(client: &mut Client) {
    let more = client.events_until_silence(SILENCE).await;
    assert_eq!(more, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_to_another_node_gets_what_was_missed_and_then_what_comes() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let token = token("42");
    let mut client = Client::connect(a.clients, &token).await;
    publish(&a, "user:42", 0..3, 0).await;
    let cursor = expect(&mut client, 0..3).await;
    client.close().await;
    publish(&a, "user:42", 3..200, 0).await;

    let mut client = Client::resume(b.clients, &token, cursor.as_str().unwrap()).await;
    assert_eq!(client.welcome["recovered"], true);
    publish(&b, "user:42", 200..203, 0).await;
    let cursor = expect(&mut client, 3..203).await;
    nothing_more(&mut client).await;

    // Nothing was missed: nothing comes, and it is still recovered.
    client.close().await;
    let mut client = Client::resume(a.clients, &token, cursor.as_str().unwrap()).await;
    assert_eq!(client.welcome["recovered"], true);
    nothing_more(&mut client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coming_back_again_and_again_while_events_come_loses_and_repeats_nothing() {
    const EVENTS: u64 = 1_500;
    let redis = Redis::start().await;
    let nodes = [
        Setup::serve(&redis).set("bus.log_events", "100000").start().await,
        Setup::serve(&redis).set("bus.log_events", "100000").start().await,
    ];
    let token = token("42");
    let publishing = async {
        for n in 0..EVENTS {
            publish(&nodes[usize::from(n % 2 == 0)], "user:42", n..n + 1, 0).await;
        }
    };
    let listening = async {
        let (mut cursor, mut expected, mut turn) = ("0-0".to_owned(), 0, 0);
        while expected < EVENTS {
            let mut client = Client::resume(nodes[turn % 2].clients, &token, &cursor).await;
            turn += 1;
            // A few events, and away again, in the middle of whatever comes.
            for _ in 0..fastrand::u64(1..40).min(EVENTS - expected) {
                let event = client.event().await;
                assert_eq!(event["data"]["n"], expected, "on visit {turn}");
                expected += 1;
                event["cursor"].as_str().unwrap().clone_into(&mut cursor);
            }
            if turn % 3 == 0 {
                client.close().await;
            }
        }
        assert!(turn > 30, "only {turn} visits");
    };
    tokio::join!(publishing, listening);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_log_no_longer_reaches_back_there_is_a_gap_and_never_silence() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("bus.log_events", "100").start().await;
    let token = token("42");
    publish(&node, "user:42", 0..1, 0).await;
    let mut early = Client::resume(node.clients, &token, "0-0").await;
    let cursor = expect(&mut early, 0..1).await;
    early.close().await;
    publish(&node, "user:42", 1..1_000, 0).await;

    let mut client = Client::resume(node.clients, &token, cursor.as_str().unwrap()).await;
    assert_eq!(client.welcome["recovered"], false);
    assert_eq!(client.frame("wirebell.gap").await["channel"], "user:42");
    let left = client.events_until_silence(SILENCE).await;
    let numbers: Vec<u64> = left.iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect();
    assert!(numbers.len() >= 100 && numbers.len() < 999, "{} are left", numbers.len());
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]) && numbers.last() == Some(&999));

    // A cursor from nowhere, and one that is none.
    let mut client = Client::resume(node.clients, &token, "99999999999999-0").await;
    assert_eq!(client.welcome["recovered"], false);
    assert_eq!(client.frame("wirebell.gap").await["channel"], "user:42");
    let mut from_nowhere = client;
    let mut client = Client::resume(node.clients, &token, "yesterday").await;
    assert_eq!(client.welcome["recovered"], false);
    assert_eq!(client.frame("wirebell.error").await["code"], "bad_cursor");
    assert_eq!(client.frame("wirebell.gap").await["channel"], "user:42");
    publish(&node, "user:42", 1_000..1_001, 0).await;
    expect(&mut client, 1_000..1_001).await;
    expect(&mut from_nowhere, 1_000..1_001).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_redis_has_lost_is_said_to_whoever_is_connected_and_to_whoever_is_slow() {
    let mut redis = Redis::start().await;
    let node = Setup::serve(&redis)
        .set("bus.log_events", "100000")
        .set("clients.outbox_bytes", "65536")
        .set("clients.write_timeout", "120s")
        .start()
        .await;
    let (mut live, mut slow) =
        (Client::connect(node.clients, &token("42")).await, Client::connect(node.clients, &token("slow")).await);
    publish(&node, "user:42", 0..3, 0).await;
    expect(&mut live, 0..3).await;
    publish(&node, "user:slow", 0..20_000, 1_000).await;

    redis.restart().await;
    // Whether it is ready says nothing yet: it may not have noticed.
    let probe = json!({"to": "user:nobody", "type": "probe", "data": null});
    wirebell_tests::eventually("taken again", || async { node.api().publish(&probe).await.status == 202 }).await;
    publish(&node, "user:42", 3..4, 0).await;
    publish(&node, "user:slow", 20_000..20_001, 0).await;

    assert_eq!(live.frame("wirebell.gap").await["channel"], "user:42");
    expect(&mut live, 3..4).await;
    nothing_more(&mut live).await;

    // What was on its way still comes, then the gap, then what is new.
    let (mut expected, mut gaps) = (0, 0);
    loop {
        match slow.next(TIMEOUT).await {
            Incoming::Frame(frame) if frame["type"] == "wirebell.gap" => gaps += 1,
            Incoming::Frame(event) if event["data"]["n"] == 20_000 => break,
            Incoming::Frame(event) => {
                assert_eq!((&event["data"]["n"], gaps), (&json!(expected), 0));
                expected += 1;
            }
            Incoming::Ping => {}
            end => panic!("the connection ended: {end:?}"),
        }
    }
    assert!(expected < 20_000, "nothing was lost, so nothing was tried");
    assert_eq!(gaps, 1);
    nothing_more(&mut slow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_resumed_by_subscribing_with_a_cursor_or_by_a_frame() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    publish(&node, "topic:news", 0..10, 0).await;
    let mut client = Client::connect(node.clients, &token("42")).await;
    let subscribe = json!({"type": "wirebell.subscribe", "channel": "topic:news", "cursor": "0-0", "ref": "1"});
    client.send(&subscribe).await;
    assert_eq!(client.frame("wirebell.reply").await["data"]["channel"], "topic:news");
    let cursor = expect(&mut client, 0..10).await;
    publish(&node, "topic:news", 10..12, 0).await;
    expect(&mut client, 10..12).await;

    let mut other = Client::connect(node.clients, &token("43")).await;
    publish(&node, "user:43", 0..2, 0).await;
    expect(&mut other, 0..2).await;
    other.request(&json!({"type": "wirebell.subscribe", "channel": "topic:news", "ref": "1"})).await;
    let resume =
        json!({"type": "wirebell.resume", "cursors": {"topic:news": cursor, "topic:x": "1-0"}, "ref": "2"});
    other.send(&resume).await;
    let refused = other.frame("wirebell.error").await;
    assert_eq!((&refused["code"], &refused["ref"]), (&json!("bad_channel"), &json!("2")));
    assert_eq!(other.frame("wirebell.reply").await["data"]["recovered"], json!({"topic:news": true}));
    expect(&mut other, 10..12).await;
    // What came live on its own channel is not sent again.
    other.request(&json!({"type": "wirebell.resume", "cursors": {"user:43": "0-0"}, "ref": "3"})).await;
    nothing_more(&mut other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_costs_neither_memory_nor_the_others_and_ends_with_everything() {
    const EVENTS: u64 = 20_000;
    const BYTES: usize = 2_000;
    let redis = Redis::start().await;
    let node = Setup::serve(&redis)
        .set("bus.log_events", "100000")
        // What waits for the hub is not what this test is about.
        .set("bus.queue", "1024")
        .set("clients.outbox_bytes", "65536")
        .set("clients.write_timeout", "120s")
        .start()
        .await;
    let subscribe = json!({"type": "wirebell.subscribe", "channel": "topic:flood", "ref": "1"});
    let mut slow = Client::connect(node.clients, &token("slow")).await;
    slow.request(&subscribe).await;
    let mut others = Vec::new();
    for n in 0..10 {
        let mut client = Client::connect(node.clients, &token(&n.to_string())).await;
        client.request(&subscribe).await;
        others.push(tokio::spawn(async move {
            expect(&mut client, 0..EVENTS).await;
            client
        }));
    }
    let before = pss(node.pid());
    publish(&node, "topic:flood", 0..EVENTS, BYTES).await;
    for other in others {
        nothing_more(&mut other.await.expect("the others get everything")).await;
    }
    let grown = pss(node.pid()).saturating_sub(before);
    let published = EVENTS * BYTES as u64;
    assert!(
        grown < published / 2,
        "{published} bytes were published to one who took none, and the node has grown by {grown}"
    );
    let metrics = node.api().get("/metrics").await.text;
    let overflows =
        metrics.lines().find_map(|line| line.strip_prefix("wirebell_outbox_overflows_total{class=\"durable\"} "));
    assert!(overflows.is_some_and(|count| count != "0"), "the slow client was never behind");

    expect(&mut slow, 0..EVENTS).await;
    publish(&node, "topic:flood", EVENTS..EVENTS + 3, 0).await;
    expect(&mut slow, EVENTS..EVENTS + 3).await;
    nothing_more(&mut slow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_is_dropped_and_can_come_back() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis)
        .set("bus.log_events", "100000")
        .set("clients.outbox_bytes", "65536")
        .set("clients.write_timeout", "1s")
        .start()
        .await;
    let mut stalled = Client::connect(node.clients, &token("42")).await;
    publish(&node, "user:42", 0..20_000, 1_000).await;
    wirebell_tests::eventually("the stalled client is dropped", || async {
        let metrics = node.api().get("/metrics").await.text;
        metrics.contains("wirebell_goodbyes_total{reason=\"stalled\"} 1")
    })
    .await;
    // What the kernel had already taken is still there to be read.
    let (mut expected, mut cursor) = (0, "0-0".to_owned());
    while let Incoming::Frame(event) = stalled.next(TIMEOUT).await {
        assert_eq!(event["data"]["n"], expected);
        expected += 1;
        event["cursor"].as_str().unwrap().clone_into(&mut cursor);
    }
    let mut back = Client::resume(node.clients, &token("42"), &cursor).await;
    expect(&mut back, expected..20_000).await;
}
