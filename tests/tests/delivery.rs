//! Two nodes, one Redis, many users with two connections each. Every connection receives each event
//! of its user exactly once and in order, and no event of another user. `WIREBELL_TEST_FULL=1` runs
//! it with 10,000 connections and 250,000 events. Tests in `src/audit/mod.rs` show that the audit
//! reports violations.

use serde_json::json;
use wirebell_tests::audit::delivery::{Scale, run};
use wirebell_tests::client::Client;
use wirebell_tests::node::Setup;
use wirebell_tests::redis::Redis;
use wirebell_tests::token::{Issuer, claims, with};
use wirebell_tests::{SILENCE, full_size};

#[tokio::test(flavor = "multi_thread")]
async fn each_connection_receives_each_event_of_its_user_once() {
    let report = Box::pin(run(if full_size() { Scale::FULL } else { Scale::SMALL })).await;
    println!("{report}");
    assert!(report.passed(), "\n{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_lost_by_pub_sub_are_repaired_from_the_log() {
    let report = Box::pin(run(Scale::CUT)).await;
    println!("{report}");
    assert!(report.cuts() > 0 && report.repaired() > 0, "nothing was lost, so the run proves nothing\n{report}");
    assert!(report.passed(), "\n{report}");
}

#[tokio::test]
async fn every_kind_of_channel_reaches_its_subscribers() {
    let redis = Redis::start().await;
    let nodes = [Setup::serve(&redis).start().await, Setup::serve(&redis).start().await];
    let issuer = Issuer::default();
    let token = |user: &str| issuer.sign(&with(claims(user), "topics", json!(["news", "room-*"])));
    let mut first = Client::connect(nodes[0].clients, &token("1")).await;
    let mut second = Client::connect(nodes[1].clients, &token("1")).await;
    let mut other = Client::connect(nodes[1].clients, &token("2")).await;
    for (client, topic) in [(&mut first, "topic:news"), (&mut other, "topic:room-7")] {
        let reply = client.request(&json!({"type": "wirebell.subscribe", "channel": topic, "ref": "s"})).await;
        assert_eq!((&reply["type"], &reply["data"]["channel"]), (&json!("wirebell.reply"), &json!(topic)));
    }
    let connection = format!("conn:{}", first.connection());
    // Publish on the node that does not hold the connection, if there is one.
    for (to, wanted) in [
        (json!("user:1"), [true, true, false]),
        (json!("user:2"), [false, false, true]),
        (json!(connection), [true, false, false]),
        (json!("topic:news"), [true, false, false]),
        (json!("topic:room-7"), [false, false, true]),
        (json!("topic:unheard"), [false, false, false]),
        (json!("all"), [true, true, true]),
        (json!(["user:2", "topic:news"]), [true, false, true]),
        (json!("user:nobody"), [false, false, false]),
    ] {
        nodes[1].api().publish_accepted(&json!({"to": to, "type": "t", "data": to})).await;
        for (client, wanted) in [&mut first, &mut second, &mut other].into_iter().zip(wanted) {
            let events = client.events_until_silence(SILENCE).await;
            let data: Vec<_> = events.iter().map(|event| event["data"].clone()).collect();
            assert_eq!(data, vec![to.clone(); usize::from(wanted)], "{to} for user {}", client.user());
        }
    }
    let reply = first.request(&json!({"type": "wirebell.unsubscribe", "channel": "topic:news", "ref": "u"})).await;
    assert_eq!(reply["type"], "wirebell.reply");
    nodes[1].api().publish_accepted(&json!({"to": "topic:news", "type": "t", "data": 1})).await;
    assert!(first.events_until_silence(SILENCE).await.is_empty(), "no longer subscribed");
}

#[tokio::test]
async fn volatile_event_has_no_cursor_and_data_is_unchanged() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let mut client = Client::connect(node.clients, &Issuer::default().token("42")).await;
    let json = [("content-type", "application/json")];
    let body = r#"{"to":"user:42","type":"t","class":"volatile","source":"s","data":{"b": 1.50, "a":"\u00e9"}}"#;
    let response = node.api().send("POST", "/v1/events", &json, body.to_owned()).await;
    assert_eq!(response.status, 202, "{}", response.text);
    assert_eq!((&response.json()["cursor"], &response.json()["nodes"]), (&json!(null), &json!(1)));
    let event = client.event().await;
    assert_eq!((&event["channel"], &event["source"]), (&json!("user:42"), &json!("s")));
    assert!(event.get("cursor").is_none(), "{event}");
    assert!(client.last_text().contains(r#""data":{"b": 1.50, "a":"\u00e9"}"#), "{}", client.last_text());
}
