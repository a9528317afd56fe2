//! Invalid input from all sides: tokens and frames of clients, events of services, configuration of
//! operators. All inputs are in one table. After each row the node must still be alive. At the end
//! its log must contain no token, no key and no payload.

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
async fn invalid_input_is_rejected_and_the_node_survives() {
    let bench = Bench::start().await;
    let rows = [tokens::rows(&bench), frames::rows(), events::rows(), users::rows(), configuration::rows()];
    let table: Vec<Row> = rows.into_iter().flatten().collect();
    assert!(table.len() >= 40, "{} rows", table.len());
    let mut failures = Vec::new();
    for row in &table {
        let started = Instant::now();
        let response = bench.response(&row.input).await;
        println!("{:<44} {:>6} ms  {response}", row.name, started.elapsed().as_millis());
        if !row.accepts(&response) {
            failures.push(format!("{}: expected {:?}, found {response:?}", row.name, row.expected));
        }
        if !bench.is_alive().await {
            failures.push(format!("{}: /livez does not return 200", row.name));
            break;
        }
    }
    failures.extend(leaked_secrets(&bench, &table));
    failures.extend(still_serves(&bench).await);
    assert!(failures.is_empty(), "{} of {} rows:\n{}", failures.len(), table.len(), failures.join("\n"));
}

/// Reports log lines that contain secrets or payloads.
fn leaked_secrets(bench: &Bench, table: &[Row]) -> Vec<String> {
    // Every JWT begins with `eyJ`.
    let mut secrets = vec![PAYLOAD, SECRET, API_KEY, "eyJ", row::BOGUS];
    let tokens = table.iter().filter_map(|row| match &row.input {
        Input::Token { token, .. } if !token.is_empty() => Some(token.as_str()),
        _ => None,
    });
    secrets.extend(tokens);
    let lines = bench.logs().into_iter().flat_map(|log| log.lines_containing(&secrets));
    lines.map(|line| format!("the log contains a secret: {line}")).collect()
}

/// Checks that a valid client still receives its event.
async fn still_serves(bench: &Bench) -> Option<String> {
    let mut client = Client::connect(bench.node.clients, &Issuer::default().token("after")).await;
    let event = serde_json::json!({"to": "user:after", "type": "t", "data": PAYLOAD});
    bench.node.api().publish_accepted(&event).await;
    let received = client.event().await;
    (received["data"] != PAYLOAD).then(|| format!("a valid event arrived as {received}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_id_changes_nothing() {
    let bench = Bench::start().await;
    let mut client = Client::connect(bench.node.clients, &Issuer::default().token("42")).await;
    let event = serde_json::json!({"to": "user:42", "type": "t", "data": 1, "id": "same"});
    let first = bench.node.api().publish_accepted(&event).await;
    let other = serde_json::json!({"to": "user:42", "type": "other", "data": 2, "id": "same"});
    for again in [&event, &event, &other] {
        assert_eq!(bench.node.api().publish_accepted(again).await, first, "the same id gets the first response");
    }
    let batch = bench.node.api().publish_accepted(&serde_json::json!([event, event])).await;
    for item in batch.as_array().expect("an array of results") {
        assert_eq!((&item["id"], &item["cursor"]), (&first["id"], &first["cursor"]));
    }
    let received = client.event().await;
    assert_eq!((&received["data"], &received["cursor"]), (&serde_json::json!(1), &first["cursor"]));
    assert_eq!(client.events_until_silence(wirebell_tests::SILENCE).await, Vec::<serde_json::Value>::new());
    // The same id on another channel is another event.
    bench
        .node
        .api()
        .publish_accepted(&serde_json::json!({"to": "all", "type": "t", "data": 3, "id": "same"}))
        .await;
    assert_eq!(client.event().await["data"], 3);
}
