//! A client that was disconnected, or that is slow, ends with every durable event once and in
//! order, on any node. Where the log no longer has an event, the client gets a gap.

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
        let response = node.api().publish(&json!(batch)).await;
        assert_eq!(response.status, 202, "{}", response.text);
    }
}

/// Checks that the next events have these numbers, in order. Returns the last cursor.
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
async fn resume_on_another_node_replays_missed_events_before_live_ones() {
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

    // Nothing was missed: no event arrives, and the session is recovered.
    client.close().await;
    let mut client = Client::resume(a.clients, &token, cursor.as_str().unwrap()).await;
    assert_eq!(client.welcome["recovered"], true);
    nothing_more(&mut client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_resume_during_publishing_loses_and_repeats_nothing() {
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
        let (mut cursor, mut expected, mut visit) = ("0-0".to_owned(), 0, 0);
        while expected < EVENTS {
            let mut client = Client::resume(nodes[visit % 2].clients, &token, &cursor).await;
            visit += 1;
            // The client receives some events and disconnects in the middle of the stream.
            for _ in 0..fastrand::u64(1..40).min(EVENTS - expected) {
                let event = client.event().await;
                assert_eq!(event["data"]["n"], expected, "on visit {visit}");
                expected += 1;
                event["cursor"].as_str().unwrap().clone_into(&mut cursor);
            }
            if visit % 3 == 0 {
                client.close().await;
            }
        }
        assert!(visit > 30, "only {visit} visits");
    };
    tokio::join!(publishing, listening);
}

#[tokio::test(flavor = "multi_thread")]
async fn resume_before_the_start_of_the_log_reports_a_gap() {
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

    // A cursor that never existed, and an invalid one.
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
async fn data_loss_of_redis_is_reported_as_a_gap_to_live_and_slow_clients() {
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
    // Readiness proves nothing here, since the node may not have noticed the restart.
    let probe = json!({"to": "user:nobody", "type": "probe", "data": null});
    wirebell_tests::eventually("publishing is accepted again", || async {
        node.api().publish(&probe).await.status == 202
    })
    .await;
    publish(&node, "user:42", 3..4, 0).await;
    publish(&node, "user:slow", 20_000..20_001, 0).await;

    assert_eq!(live.frame("wirebell.gap").await["channel"], "user:42");
    expect(&mut live, 3..4).await;
    nothing_more(&mut live).await;

    // First the events that were in flight, then the gap, then the new event.
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
    assert!(expected < 20_000, "nothing was lost, so the test proves nothing");
    assert_eq!(gaps, 1);
    nothing_more(&mut slow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_resume_by_subscribe_cursor_or_resume_frame() {
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
    let rejected = other.frame("wirebell.error").await;
    assert_eq!((&rejected["code"], &rejected["ref"]), (&json!("bad_channel"), &json!("2")));
    assert_eq!(other.frame("wirebell.reply").await["data"]["recovered"], json!({"topic:news": true}));
    expect(&mut other, 10..12).await;
    // Events that arrived live on its own channel are not sent again.
    other.request(&json!({"type": "wirebell.resume", "cursors": {"user:43": "0-0"}, "ref": "3"})).await;
    nothing_more(&mut other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_client_costs_little_memory_and_receives_everything() {
    const EVENTS: u64 = 20_000;
    const BYTES: usize = 2_000;
    let redis = Redis::start().await;
    let node = Setup::serve(&redis)
        .set("bus.log_events", "100000")
        // A small bus queue keeps its memory out of the measurement.
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
        nothing_more(&mut other.await.expect("the other clients receive everything")).await;
    }
    let growth = pss(node.pid()).saturating_sub(before);
    let published = EVENTS * BYTES as u64;
    assert!(
        growth < published / 2,
        "{published} bytes were published to a client that read none, and the node grew by {growth}"
    );
    let metrics = node.api().get("/metrics").await.text;
    let overflows =
        metrics.lines().find_map(|line| line.strip_prefix("wirebell_outbox_overflows_total{class=\"durable\"} "));
    assert!(overflows.is_some_and(|count| count != "0"), "the slow client never lagged");

    expect(&mut slow, 0..EVENTS).await;
    publish(&node, "topic:flood", EVENTS..EVENTS + 3, 0).await;
    expect(&mut slow, EVENTS..EVENTS + 3).await;
    nothing_more(&mut slow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_reads_nothing_is_dropped_and_can_resume() {
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
    // The data that the kernel had already accepted can still be read.
    let (mut expected, mut cursor) = (0, "0-0".to_owned());
    while let Incoming::Frame(event) = stalled.next(TIMEOUT).await {
        assert_eq!(event["data"]["n"], expected);
        expected += 1;
        event["cursor"].as_str().unwrap().clone_into(&mut cursor);
    }
    let mut resumed = Client::resume(node.clients, &token("42"), &cursor).await;
    expect(&mut resumed, expected..20_000).await;
}
