//! Why a user did not get an event, as the server API and `wirebell explain` report it afterwards.
//! Each verdict is tested with a real cause.

use std::time::Duration;

use serde_json::{Value, json};
use wirebell_tests::client::{Client, Incoming, TokenLocation};
use wirebell_tests::node::{API_KEY, Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::{Issuer, claims, now, with};
use wirebell_tests::{TIMEOUT, eventually};

fn token(user: &str) -> String {
    Issuer::default().sign(&with(claims(user), "device", json!("phone")))
}

/// Publishes an event to the user with this id.
async fn publish(node: &Node, id: &str, attributes: Value) -> Value {
    let mut event = json!({"to": "user:42", "type": "t", "data": 1, "id": id});
    for (name, value) in attributes.as_object().expect("attributes") {
        event[name] = value.clone();
    }
    node.api().publish_accepted(&event).await
}

/// Returns what the node knows of the event on the user's channel.
async fn known(node: &Node, id: &str) -> Value {
    let response = node.api().get(&format!("/v1/events/{id}?channel=user:42")).await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

/// Waits until the verdict has this code, and returns its text.
async fn wait_for_verdict(node: &Node, id: &str, code: &str) -> (Value, String) {
    eventually(&format!("{id} is explained by {code}"), || async {
        let found = known(node, id).await;
        let verdict = &found["verdict"]["user:42"];
        let is_it = verdict["code"] == code;
        if !is_it {
            println!("{id}: {verdict}");
        }
        is_it
    })
    .await;
    let known = known(node, id).await;
    let says = known["verdict"]["user:42"]["says"].as_str().unwrap_or_default().to_owned();
    (known, says)
}

/// Returns the words of the timeline, in order.
fn words(known: &Value) -> Vec<String> {
    let moments = known["timeline"].as_array().expect("a timeline");
    moments.iter().map(|moment| moment["what"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn acknowledge(client: &mut Client, event: &Value) {
    let frame =
        json!({"type": "wirebell.ack", "channel": event["channel"], "cursor": event["cursor"], "ref": "ack"});
    assert_eq!(client.request(&frame).await["type"], "wirebell.reply");
}

fn node_of(connection: &str) -> &str {
    connection.split('.').next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn written_and_acknowledged_name_node_and_device() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut client = Client::connect(a.clients, &token("42")).await;
    let connection = client.connection().to_owned();
    publish(&b, "e", json!({"receipt": true})).await;
    let received = client.event().await;
    let (_, says) = wait_for_verdict(&b, "e", "written").await;
    assert!(says.contains(&connection) && says.contains(&format!("node {}", node_of(&connection))), "{says}");
    assert!(says.contains("still open"), "{says}");

    acknowledge(&mut client, &received).await;
    let (known, says) = wait_for_verdict(&b, "e", "acknowledged").await;
    assert!(says.contains("`phone`") && says.contains(&connection), "{says}");
    assert_eq!(words(&known), ["opened", "accepted", "written", "acknowledged"], "{known}");
    assert_eq!(known["timeline"][2]["node"], node_of(&connection));

    // The client received the event and disconnected without an acknowledgement.
    publish(&b, "f", json!({"receipt": true})).await;
    client.event().await;
    client.close().await;
    let says = || async { wait_for_verdict(&a, "f", "written").await.1 };
    eventually("the end of the session is reported", || async { says().await.contains("the client closed") }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_user_is_reported_with_the_time() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    publish(&a, "never", json!({"receipt": true})).await;
    let (_, says) = wait_for_verdict(&b, "never", "offline").await;
    assert!(says.contains("No session of the user was open"), "{says}");

    let client = Client::connect(a.clients, &token("42")).await;
    let connection = client.connection().to_owned();
    client.close().await;
    eventually("the end of the session is in the connection log", || async {
        let user = b.api().get("/v1/users/42").await.json();
        user["devices"][0]["connected"] == false
    })
    .await;
    // The same for an event that is not tracked and has no delivery record.
    for (id, attributes) in [("watched", json!({"deadline": 600})), ("plain", json!({}))] {
        publish(&b, id, attributes).await;
        let (_, says) = wait_for_verdict(&a, id, "offline").await;
        assert!(says.contains("offline since") && says.contains(&connection), "{says}");
        assert!(says.contains("the client closed"), "{says}");
    }
    assert_eq!(a.api().get("/v1/events/plain").await.status, 404, "without its channel it cannot be found");
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_token_is_reported() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("auth.leeway", "0s").start().await;
    let short = with(claims("42"), "exp", json!(now() + 2));
    let mut client = Client::connect(node.clients, &Issuer::default().sign(&short)).await;
    assert_eq!(client.ending().await.1, Incoming::Closed(Some(4401)));
    publish(&node, "e", json!({"receipt": true})).await;
    let (explained, says) = wait_for_verdict(&node, "e", "token_expired").await;
    assert!(says.contains("its token had expired"), "{says}");
    assert_eq!(words(&explained), ["opened", "closed", "accepted"]);

    // The client reconnects with the same token several times, and is rejected.
    for _ in 0..3 {
        let expired = Issuer::default().sign(&short);
        let mut client =
            Client::open(node.clients, Some((TokenLocation::Header, &expired))).await.expect("an upgrade");
        client.ending().await;
    }
    // A forged token says nothing about this user.
    let forged = Issuer::with_secret("forged").token_for("42", -9);
    Client::open(node.clients, Some((TokenLocation::Header, &forged))).await.expect("an upgrade").ending().await;
    let refused = || async { words(&known(&node, "e").await).contains(&"refused".to_owned()) };
    eventually("the rejection is in the connection log", refused).await;
    let (explained, says) = wait_for_verdict(&node, "e", "token_expired").await;
    assert!(says.contains("was rejected at"), "{says}");
    assert_eq!(words(&explained).iter().filter(|word| *word == "refused").count(), 1, "once is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn ttl_fallback_cancellation_and_schedule_are_reported() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let in_an_hour = wirebell_protocol::event::rfc3339(time::OffsetDateTime::now_utc() + time::Duration::hours(1));
    publish(&node, "ttl", json!({"ttl": 1})).await;
    publish(&node, "waited", json!({"ttl": 1, "receipt": true})).await;
    publish(&node, "fallen", json!({"deadline": 1})).await;
    publish(&node, "later", json!({"deliver_at": in_an_hour})).await;
    publish(&node, "cancelled", json!({"deliver_at": in_an_hour})).await;
    assert_eq!(node.api().send("DELETE", "/v1/events/cancelled", &[], String::new()).await.status, 200);

    let (_, says) = wait_for_verdict(&node, "ttl", "ttl").await;
    assert!(says.contains("Its ttl expired at"), "{says}");
    let (known, _) = wait_for_verdict(&node, "waited", "expired").await;
    assert_eq!(known["verdict"]["user:42"]["why"], "ttl");
    let (known, says) = wait_for_verdict(&node, "fallen", "fallen_back").await;
    assert_eq!(known["verdict"]["user:42"]["why"], "offline", "{says}");
    assert!(words(&known).contains(&"fallen_back".to_owned()));
    let (_, says) = wait_for_verdict(&node, "later", "scheduled").await;
    assert!(says.contains(&in_an_hour[..16]), "{says}");
    wait_for_verdict(&node, "cancelled", "cancelled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gap_is_reported() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("bus.log_events", "100").start().await;
    let first = publish(&node, "first", json!({})).await["cursor"].as_str().expect("a cursor").to_owned();
    publish(&node, "lost", json!({"receipt": true})).await;
    let many: Vec<Value> = (0..500).map(|n| json!({"to": "user:42", "type": "t", "data": n})).collect();
    node.api().publish_accepted(&json!(many)).await;
    let client = Client::resume(node.clients, &token("42"), &first).await;
    assert_eq!(client.welcome["recovered"], false);
    let (_, says) = wait_for_verdict(&node, "lost", "gap").await;
    assert!(says.contains(client.connection()), "{says}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_later_cursors_are_reported() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let cursor = publish(&node, "e", json!({})).await["cursor"].as_str().expect("a cursor").to_owned();
    let client = Client::connect(node.clients, &token("42")).await;
    let (_, says) = wait_for_verdict(&node, "e", "no_cursor").await;
    assert!(says.contains("without a cursor"), "{says}");
    client.close().await;
    let _client = Client::resume(node.clients, &token("42"), &cursor).await;
    wait_for_verdict(&node, "e", "had_it").await;
}

/// The connection log of a session whose node was killed has no end. The session must not be shown
/// as open forever.
#[tokio::test(flavor = "multi_thread")]
async fn session_of_a_killed_node_ends() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let client = Client::connect(a.clients, &token("42")).await;
    let connection = client.connection().to_owned();
    let open = || async {
        let user = b.api().get("/v1/users/42").await.json();
        let sessions = user["sessions"].as_array().expect("sessions");
        sessions.first().map(|session| session["connection"].as_str().unwrap_or_default().to_owned())
    };
    eventually("the session is shown by another node", || async { open().await.as_ref() == Some(&connection) })
        .await;
    a.signal("KILL");
    let started = std::time::Instant::now();
    while open().await.is_some() {
        assert!(started.elapsed() < 2 * TIMEOUT, "the session is still shown");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    publish(&b, "e", json!({})).await;
    let (_, says) = wait_for_verdict(&b, "e", "offline").await;
    assert!(says.contains("its node is gone"), "{says}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_command_reports_the_same() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let url = format!("http://{}", node.services);
    let file = std::env::temp_dir().join(format!("wirebell-key-{}", std::process::id()));
    std::fs::write(&file, API_KEY).expect("a file");
    let key_file = file.to_str().expect("a path").to_owned();
    let run = |arguments: &[&str]| {
        let common = ["explain", "--url", &url, "--key-file", &key_file];
        Setup::bare(&[&common, arguments].concat()).run()
    };
    publish(&node, "an id", json!({"receipt": true})).await;
    let output = run(&["an id"]);
    assert!(output.status.success(), "{}", output.output);
    assert!(output.output.contains("user:42: offline") && output.output.contains("accepted"), "{}", output.output);
    let output = run(&["an id", "--json"]);
    let json: Value = serde_json::from_str(output.output.trim()).expect("JSON");
    assert_eq!(json["verdict"]["user:42"]["code"], "offline");
    publish(&node, "plain", json!({})).await;
    assert_eq!(run(&["plain"]).status.code(), Some(1));
    assert_eq!(run(&["plain", "--channel", "user:42"]).status.code(), Some(0));
    assert_eq!(run(&["plain", "--channel", "42"]).status.code(), Some(2));
    let unreachable = Setup::bare(&["explain", "e", "--url", "http://127.0.0.1:1"]).run();
    assert_eq!(unreachable.status.code(), Some(2), "{}", unreachable.output);
    let _ = std::fs::remove_file(file);
}
