//! The delivery status of events as the publisher reads it over HTTP: acknowledged by a device, in
//! the fallback stream, or cancelled. Also after crashes and outages.

use serde_json::{Value, json};
use wirebell_publisher::{Event, Publisher};
use wirebell_tests::TIMEOUT;
use wirebell_tests::client::Client;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::server_api::ServerApi;
use wirebell_tests::token::{Issuer, claims, with};

/// Returns a token for one of the user's devices.
fn token(user: &str, device: &str) -> String {
    Issuer::default().sign(&with(claims(user), "device", json!(device)))
}

fn rfc3339(seconds_from_now: i64) -> String {
    let at = time::OffsetDateTime::now_utc() + time::Duration::seconds(seconds_from_now);
    wirebell_protocol::event::rfc3339(at)
}

/// Returns the receipt of an event on one channel, once it is final or after this many seconds.
async fn receipt(api: &ServerApi, id: &str, wait: u8) -> Value {
    let response = api.get(&format!("/v1/events/{id}?wait={wait}")).await;
    assert_eq!(response.status, 200, "{}", response.text);
    let json = response.json();
    assert_eq!((&json["id"], json["channels"].as_array().map(Vec::len)), (&json!(id), Some(1)), "{json}");
    json["channels"][0].clone()
}

async fn acknowledge(client: &mut Client, event: &Value) {
    let frame =
        json!({"type": "wirebell.ack", "channel": event["channel"], "cursor": event["cursor"], "ref": "ack"});
    assert_eq!(client.request(&frame).await["type"], "wirebell.reply");
}

#[tokio::test(flavor = "multi_thread")]
async fn receipt_names_device_and_connection_of_an_acknowledgement() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut phone = Client::connect(a.clients, &token("42", "phone")).await;
    let mut laptop = Client::connect(b.clients, &token("42", "laptop")).await;
    let event = json!({"to": "user:42", "type": "t", "data": 1, "id": "an id/with anything", "receipt": true});
    let result = a.api().publish_accepted(&event).await;
    assert_eq!(result["nodes"], 2);
    let received = phone.event().await;
    assert_eq!((&received["ack"], &laptop.event().await["ack"]), (&json!(true), &json!(true)));
    acknowledge(&mut laptop, &received).await;

    let path = "/v1/events/an%20id%2Fwith%20anything";
    let response = b.api().get(&format!("{path}?wait=20")).await.json();
    let receipt = &response["channels"][0];
    assert_eq!(
        (&receipt["state"], &receipt["cursor"]),
        (&json!("acknowledged"), &received["cursor"]),
        "{response}"
    );
    assert_eq!(receipt["acknowledged"].as_array().map(Vec::len), Some(1));
    let ack = &receipt["acknowledged"][0];
    assert_eq!((&ack["device"], &ack["connection"]), (&json!("laptop"), &json!(laptop.connection())));
    assert!(ack["at"].as_u64() >= receipt["accepted_at"].as_u64());

    // Both connections received the event, each with its device. The second acknowledgement is
    // recorded as well.
    acknowledge(&mut phone, &received).await;
    let both = || async {
        let receipt = a.api().get(path).await.json()["channels"][0].clone();
        let list = |name: &str| receipt[name].as_array().map_or(0, Vec::len);
        (list("connections"), list("acknowledged")) == (2, 2)
    };
    wirebell_tests::eventually("both devices are in the receipt", both).await;
    let listed = b.api().get("/v1/receipts?limit=5").await.json();
    assert_eq!(listed["receipts"].as_array().map(Vec::len), Some(1), "it is reported once: {listed}");
    assert_eq!(listed["receipts"][0]["outcome"], "acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_with_an_acknowledgement_or_a_timeout() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let mut client = Client::connect(node.clients, &token("42", "phone")).await;
    let api = node.api();
    api.publish_accepted(&json!({"to": "user:42", "type": "t", "data": 1, "id": "e", "receipt": true})).await;
    let received = client.event().await;
    let started = std::time::Instant::now();
    assert_eq!(receipt(&api, "e", 1).await["state"], "accepted", "no device has acknowledged it yet");
    assert!(started.elapsed().as_millis() >= 1_000);
    let waiting = receipt(&api, "e", 60);
    let acknowledging = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        acknowledge(&mut client, &received).await;
    };
    let started = std::time::Instant::now();
    let (receipt, ()) = tokio::join!(waiting, acknowledging);
    assert_eq!(receipt["state"], "acknowledged");
    assert!(started.elapsed().as_secs() < 20, "the request did not end with the acknowledgement");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_waiting_requests_are_rejected_and_a_drain_ends_them() {
    let redis = Redis::start().await;
    let setup =
        Setup::serve(&redis).set("drain.notice", "0s").set("drain.window", "1s").set("drain.deadline", "5s");
    let mut node = setup.start().await;
    let api = node.api();
    api.publish_accepted(&json!({"to": "user:42", "type": "t", "data": 1, "id": "e", "receipt": true})).await;
    let waiting = futures_util::future::join_all((0..1_001).map(|_| api.get("/v1/events/e?wait=60")));
    let meanwhile = async {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        assert_eq!(api.get("/v1/events/e").await.status, 200, "a request without `wait` gets a response");
        node.terminate();
    };
    let started = std::time::Instant::now();
    let (responses, ()) = tokio::join!(waiting, meanwhile);
    assert!(started.elapsed().as_secs() < 50, "the drain did not end the waits");
    let (waited, rejected): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 200);
    assert_eq!(waited.len(), 1_000);
    assert!(waited.iter().all(|response| response.json()["channels"][0]["state"] == "accepted"));
    assert_eq!((rejected[0].status, &rejected[0].json()["code"]), (429, &json!("too_many")));
    assert!(!rejected[0].header("retry-after").is_empty());
    assert!(node.ended().await.success());
}

/// A scheduled event can be cancelled, a published one cannot.
#[tokio::test(flavor = "multi_thread")]
async fn scheduled_event_can_be_cancelled_and_published_one_cannot() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut client = Client::connect(a.clients, &token("42", "phone")).await;
    let event = |id: &str, seconds| json!({"to": "user:42", "type": "t", "data": id, "id": id, "deliver_at": rfc3339(seconds)});
    let result = a.api().publish_accepted(&event("never", 3)).await;
    assert_eq!(result["channels"][0]["scheduled"], true, "{result}");
    a.api().publish_accepted(&event("soon", 2)).await;
    let cancelled = b.api().send("DELETE", "/v1/events/never", &[], String::new()).await;
    assert_eq!((cancelled.status, cancelled.json()), (200, json!({"id": "never", "cancelled": true})));
    assert_eq!(receipt(&b.api(), "never", 1).await["state"], "cancelled");
    assert_eq!(client.event().await["id"], "soon");
    let late = b.api().send("DELETE", "/v1/events/soon", &[], String::new()).await;
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("already_published")));
    assert!(client.events_until_silence(std::time::Duration::from_secs(2)).await.is_empty());
}

async fn wait_for_fallback(node: &Node, id: &str) -> Value {
    let status = receipt(&node.api(), id, 20).await;
    assert_eq!(status["state"], "fallen_back", "{status}");
    let found = node.api().get("/v1/fallbacks").await.json();
    let mine: Vec<&Value> = found["fallbacks"].as_array().unwrap().iter().filter(|it| it["id"] == id).collect();
    assert_eq!(mine.len(), 1, "{found}");
    mine[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn event_goes_to_the_fallback_although_its_node_was_killed() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut client = Client::connect(b.clients, &token("42", "phone")).await;
    let event = json!({"to": "user:42", "type": "t", "data": {"sum": 5}, "id": "e", "deadline": 2});
    a.api().publish_accepted(&event).await;
    a.api()
        .publish_accepted(&json!({"to": "user:42", "type": "t", "data": 1, "id": "handled", "deadline": 2}))
        .await;
    let (_, handled) = (client.event().await, client.event().await);
    a.signal("KILL");
    let fallback = wait_for_fallback(&b, "e").await;
    assert_eq!((&fallback["channel"], &fallback["event"]["data"]), (&json!("user:42"), &json!({"sum": 5})));
    // An acknowledgement covers all events before it. For the first event it is too late to change
    // its status.
    acknowledge(&mut client, &handled).await;
    let late = || async { receipt(&b.api(), "e", 1).await["acknowledged"].as_array().map(Vec::len) == Some(1) };
    wirebell_tests::eventually("the late acknowledgement is noted", late).await;
    assert_eq!(receipt(&b.api(), "e", 1).await["state"], "fallen_back");
}

/// A client has handled an event, and its connection breaks before the acknowledgement arrives. It
/// reconnects to another node with the cursor of that event and repeats the acknowledgement.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledgement_lost_with_its_connection_can_be_repeated() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut client = Client::connect(a.clients, &token("42", "phone")).await;
    a.api().publish_accepted(&json!({"to": "user:42", "type": "t", "data": 1, "id": "e", "deadline": 30})).await;
    let received = client.event().await;
    drop(client);
    let mut client = Client::resume(b.clients, &token("42", "phone"), received["cursor"].as_str().unwrap()).await;
    acknowledge(&mut client, &received).await;
    let receipt = receipt(&a.api(), "e", 20).await;
    assert_eq!(receipt["state"], "acknowledged", "{receipt}");
    assert_eq!(receipt["acknowledged"][0]["connection"], client.connection());
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgement_during_a_redis_outage_counts() {
    let mut redis = Redis::start_durable().await;
    let node = Setup::serve(&redis).start().await;
    let mut client = Client::connect(node.clients, &token("42", "phone")).await;
    node.api().publish_accepted(&json!({"to": "user:42", "type": "t", "data": 1, "id": "e", "deadline": 60})).await;
    let received = client.event().await;
    redis.kill();
    // The node accepts the acknowledgement at once, although it cannot report it yet.
    acknowledge(&mut client, &received).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    redis.restart().await;
    node.wait_ready().await;
    let receipt = receipt(&node.api(), "e", 20).await;
    assert_eq!(
        (&receipt["state"], &receipt["acknowledged"][0]["device"]),
        (&json!("acknowledged"), &json!("phone"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn event_published_through_redis_has_a_receipt() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let mut client = Client::connect(node.clients, &token("42", "phone")).await;
    let publisher = Publisher::connect(&redis.url()).await.expect("a publisher");
    let event = Event::new("user:42", "t", &1).expect("an event").id("e").expect("an id").receipt();
    let result = publisher.publish(event).await.expect("it is published");
    let received = client.event().await;
    acknowledge(&mut client, &received).await;
    let ack = result.acknowledged(TIMEOUT).await.expect("an acknowledgement");
    assert_eq!((ack.device.as_str(), ack.connection.as_str()), ("phone", client.connection()));
    assert_eq!(receipt(&node.api(), "e", 1).await["state"], "acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_command_waits_for_an_acknowledgement() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("services.open_to_loopback", "true").start().await;
    let mut client = Client::connect(node.clients, &token("42", "phone")).await;
    let url = format!("http://{}", node.services);
    let publish = |wait: &str| {
        let common = ["publish", "--url", &url, "--to", "user:42", "--type", "t", "--data", "1", "--wait", wait];
        Setup::bare(&common)
    };
    let timed_out = publish("1");
    let timed_out = tokio::task::spawn_blocking(move || timed_out.run()).await.expect("it ends");
    assert!(!timed_out.status.success() && timed_out.output.contains("accepted"), "{}", timed_out.output);
    client.event().await;
    let waiting = publish("20");
    let waiting = tokio::task::spawn_blocking(move || waiting.run());
    let received = client.event().await;
    acknowledge(&mut client, &received).await;
    let ended = waiting.await.expect("it ends");
    assert!(ended.status.success() && ended.output.contains("\"acknowledged\""), "{}", ended.output);
}
