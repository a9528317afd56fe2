//! Bad input from everybody: clients' tokens and frames, services' events, operators' configuration. One table; after
//! each row the node must still live, and at the end its log must hold no token, no key and no payload.

mod configuration;
mod events;
mod frames;
mod row;
mod tokens;
mod unfinished;
mod users;

use std::time::Instant;

use row::{Bench, Input, PAYLOAD, Row};
use wirebell_tests::client::Client;
use wirebell_tests::node::API_KEY;
use wirebell_tests::token::{Issuer, SECRET};

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_input_is_answered_and_survived() {
    let bench = Bench::start().await;
    let rows = [tokens::rows(&bench), frames::rows(), events::rows(), users::rows(), configuration::rows()];
    let table: Vec<Row> = rows.into_iter().flatten().collect();
    assert!(table.len() >= 40, "{} rows", table.len());
    let mut faults = Vec::new();
    for row in &table {
        let begun = Instant::now();
        let answer = bench.answer(&row.input).await;
        println!("{:<44} {:>6} ms  {answer}", row.name, begun.elapsed().as_millis());
        if !row.accepts(&answer) {
            faults.push(format!("{}: expected {:?}, found {answer:?}", row.name, row.expected));
        }
        if !bench.lives().await {
            faults.push(format!("{}: /livez does not say 200 any more", row.name));
            break;
        }
    }
    faults.extend(told_too_much(&bench, &table));
    faults.extend(still_serves(&bench).await);
    assert!(faults.is_empty(), "{} of {} rows:\n{}", faults.len(), table.len(), faults.join("\n"));
}

/// No line of a log may hold what only the two ends should know.
fn told_too_much(bench: &Bench, table: &[Row]) -> Vec<String> {
    // `eyJ` is how the first part of every JWT begins.
    let mut secrets = vec![PAYLOAD, SECRET, API_KEY, "eyJ", row::BOGUS];
    let tokens = table.iter().filter_map(|row| match &row.input {
        Input::Token { token, .. } if !token.is_empty() => Some(token.as_str()),
        _ => None,
    });
    secrets.extend(tokens);
    let lines = bench.logs().into_iter().flat_map(|log| log.lines_containing(&secrets));
    lines.map(|line| format!("the log tells too much: {line}")).collect()
}

/// After all of it, an ordinary client still gets its event.
async fn still_serves(bench: &Bench) -> Option<String> {
    let mut client = Client::connect(bench.node.clients, &Issuer::default().token("after")).await;
    let event = serde_json::json!({"to": "user:after", "type": "t", "data": PAYLOAD});
    bench.node.api().publish_accepted(&event).await;
    let got = client.event().await;
    (got["data"] != PAYLOAD).then(|| format!("an ordinary event came as {got}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_published_again_changes_nothing() {
    let bench = Bench::start().await;
    let mut client = Client::connect(bench.node.clients, &Issuer::default().token("42")).await;
    let event = serde_json::json!({"to": "user:42", "type": "t", "data": 1, "id": "same"});
    let first = bench.node.api().publish_accepted(&event).await;
    let other = serde_json::json!({"to": "user:42", "type": "other", "data": 2, "id": "same"});
    for again in [&event, &event, &other] {
        assert_eq!(
            bench.node.api().publish_accepted(again).await,
            first,
            "the same id is answered as the first time"
        );
    }
    let batch = bench.node.api().publish_accepted(&serde_json::json!([event, event])).await;
    for item in batch.as_array().expect("an array of outcomes") {
        assert_eq!((&item["id"], &item["cursor"]), (&first["id"], &first["cursor"]));
    }
    let got = client.event().await;
    assert_eq!((&got["data"], &got["cursor"]), (&serde_json::json!(1), &first["cursor"]));
    assert_eq!(client.events_until_silence(wirebell_tests::SILENCE).await, Vec::<serde_json::Value>::new());
    // The same id in another channel is another event.
    bench
        .node
        .api()
        .publish_accepted(&serde_json::json!({"to": "all", "type": "t", "data": 3, "id": "same"}))
        .await;
    assert_eq!(client.event().await["data"], 3);
}
