//! What became of an event, as its publisher can ask over HTTP: acknowledged by which device, fallen back, cancelled;
//! also through deaths and outages.

use serde_json::{Value, json};
use wirebell_publisher::{Event, Publisher};
use wirebell_tests::TIMEOUT;
use wirebell_tests::client::Client;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::server_api::ServerApi;
use wirebell_tests::token::{Issuer, claims, with};

/// A token of one of the user's devices.
fn token(user: &str, device: &str) -> String {
    Issuer::default().sign(&with(claims(user), "device", json!(device)))
}

fn rfc3339(seconds_from_now: i64) -> String {
    let at = time::OffsetDateTime::now_utc() + time::Duration::seconds(seconds_from_now);
    wirebell_protocol::event::rfc3339(at)
}

/// The receipt of an event that goes to one channel, once it is settled or so many seconds have passed.
async fn receipt(api: &ServerApi, id: &str, wait: u8) -> Value {
    let answer = api.get(&format!("/v1/events/{id}?wait={wait}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let json = answer.json();
    assert_eq!((&json["id"], json["channels"].as_array().map(Vec::len)), (&json!(id), Some(1)), "{json}");
    json["channels"][0].clone()
}

async fn acknowledge(client: &mut Client, event: &Value) {
    let frame =
        json!({"type": "wirebell.ack", "channel": event["channel"], "cursor": event["cursor"], "ref": "ack"});
    assert_eq!(client.request(&frame).await["type"], "wirebell.reply");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_says_which_device_has_acknowledged_it_over_which_connection() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut phone = Client::connect(a.clients, &token("42", "phone")).await;
    let mut laptop = Client::connect(b.clients, &token("42", "laptop")).await;
    let event = json!({"to": "user:42", "type": "t", "data": 1, "id": "an id/with anything", "receipt": true});
    let outcome = a.api().publish_accepted(&event).await;
    assert_eq!(outcome["nodes"], 2);
    let got = phone.event().await;
    assert_eq!((&got["ack"], &laptop.event().await["ack"]), (&json!(true), &json!(true)));
    acknowledge(&mut laptop, &got).await;

    let path = "/v1/events/an%20id%2Fwith%20anything";
    let answer = b.api().get(&format!("{path}?wait=20")).await.json();
    let receipt = &answer["channels"][0];
    assert_eq!((&receipt["state"], &receipt["cursor"]), (&json!("acknowledged"), &got["cursor"]), "{answer}");
    assert_eq!(receipt["acknowledged"].as_array().map(Vec::len), Some(1));
    let ack = &receipt["acknowledged"][0];
    assert_eq!((&ack["device"], &ack["connection"]), (&json!("laptop"), &json!(laptop.connection())));
    assert!(ack["at"].as_u64() >= receipt["accepted_at"].as_u64());

    // Both connections got it, each noted with its device; and the other one's acknowledgement is still worth knowing.
    acknowledge(&mut phone, &got).await;
    let both = || async {
        let receipt = a.api().get(path).await.json()["channels"][0].clone();
        let list = |name: &str| receipt[name].as_array().map_or(0, Vec::len);
        (list("connections"), list("acknowledged")) == (2, 2)
    };
    wirebell_tests::eventually("both devices are in the receipt", both).await;
    let told = b.api().get("/v1/receipts?limit=5").await.json();
    assert_eq!(told["receipts"].as_array().map(Vec::len), Some(1), "it is told once: {told}");
    assert_eq!(told["receipts"][0]["outcome"], "acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_when_somebody_acknowledges_or_the_time_is_up() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let mut client = Client::connect(node.clients, &token("42", "phone")).await;
    let api = node.api();
    api.publish_accepted(&json!({"to": "user:42", "type": "t", "data": 1, "id": "e", "receipt": true})).await;
    let got = client.event().await;
    let begun = std::time::Instant::now();
    assert_eq!(receipt(&api, "e", 1).await["state"], "accepted", "nobody has acknowledged it yet");
    assert!(begun.elapsed().as_millis() >= 1_000);
    let waiting = receipt(&api, "e", 60);
    let acknowledging = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        acknowledge(&mut client, &got).await;
    };
    let begun = std::time::Instant::now();
    let (receipt, ()) = tokio::join!(waiting, acknowledging);
    assert_eq!(receipt["state"], "acknowledged");
    assert!(begun.elapsed().as_secs() < 20, "it waited on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_too_much_is_refused_and_a_drain_answers_it() {
    let redis = Redis::start().await;
    let setup =
        Setup::serve(&redis).set("drain.notice", "0s").set("drain.window", "1s").set("drain.deadline", "5s");
    let mut node = setup.start().await;
    let api = node.api();
    api.publish_accepted(&json!({"to": "user:42", "type": "t", "data": 1, "id": "e", "receipt": true})).await;
    let waiting = futures_util::future::join_all((0..1_001).map(|_| api.get("/v1/events/e?wait=60")));
    let meanwhile = async {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        assert_eq!(api.get("/v1/events/e").await.status, 200, "who does not wait is answered");
        node.terminate();
    };
    let begun = std::time::Instant::now();
    let (answers, ()) = tokio::join!(waiting, meanwhile);
    assert!(begun.elapsed().as_secs() < 50, "the drain did not end the waits");
    let (waited, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(waited.len(), 1_000);
    assert!(waited.iter().all(|answer| answer.json()["channels"][0]["state"] == "accepted"));
    assert_eq!((refused[0].status, &refused[0].json()["code"]), (429, &json!("too_many")));
    assert!(!refused[0].header("retry-after").is_empty());
    assert!(node.ended().await.success());
}

/// A scheduled event is cancelled; it is too late for one that was published.
#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_event_is_cancelled_and_a_published_one_is_not() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut client = Client::connect(a.clients, &token("42", "phone")).await;
    let event = |id: &str, seconds| json!({"to": "user:42", "type": "t", "data": id, "id": id, "deliver_at": rfc3339(seconds)});
    let outcome = a.api().publish_accepted(&event("never", 3)).await;
    assert_eq!(outcome["channels"][0]["scheduled"], true, "{outcome}");
    a.api().publish_accepted(&event("soon", 2)).await;
    let cancelled = b.api().send("DELETE", "/v1/events/never", &[], String::new()).await;
    assert_eq!((cancelled.status, cancelled.json()), (200, json!({"id": "never", "cancelled": true})));
    assert_eq!(receipt(&b.api(), "never", 1).await["state"], "cancelled");
    assert_eq!(client.event().await["id"], "soon");
    let late = b.api().send("DELETE", "/v1/events/soon", &[], String::new()).await;
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("already_published")));
    assert!(client.events_until_silence(std::time::Duration::from_secs(2)).await.is_empty());
}

async fn falls_back(node: &Node, id: &str) -> Value {
    let settled = receipt(&node.api(), id, 20).await;
    assert_eq!(settled["state"], "fallen_back", "{settled}");
    let found = node.api().get("/v1/fallbacks").await.json();
    let mine: Vec<&Value> = found["fallbacks"].as_array().unwrap().iter().filter(|it| it["id"] == id).collect();
    assert_eq!(mine.len(), 1, "{found}");
    mine[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_its_deadline_an_event_falls_back_also_when_the_node_that_took_it_has_died() {
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
    let fallback = falls_back(&b, "e").await;
    assert_eq!((&fallback["channel"], &fallback["event"]["data"]), (&json!("user:42"), &json!({"sum": 5})));
    // An acknowledgement is for everything before it, and comes too late to change anything for the first.
    acknowledge(&mut client, &handled).await;
    let late = || async { receipt(&b.api(), "e", 1).await["acknowledged"].as_array().map(Vec::len) == Some(1) };
    wirebell_tests::eventually("the late acknowledgement is noted", late).await;
    assert_eq!(receipt(&b.api(), "e", 1).await["state"], "fallen_back");
}

/// A client has handled an event, and its connection breaks before the acknowledgement is through. It comes back, to
/// another node, with that event's cursor, and says it again.
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_that_was_lost_with_its_connection_is_made_good() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut client = Client::connect(a.clients, &token("42", "phone")).await;
    a.api().publish_accepted(&json!({"to": "user:42", "type": "t", "data": 1, "id": "e", "deadline": 30})).await;
    let got = client.event().await;
    drop(client);
    let mut client = Client::resume(b.clients, &token("42", "phone"), got["cursor"].as_str().unwrap()).await;
    acknowledge(&mut client, &got).await;
    let receipt = receipt(&a.api(), "e", 20).await;
    assert_eq!(receipt["state"], "acknowledged", "{receipt}");
    assert_eq!(receipt["acknowledged"][0]["connection"], client.connection());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_counts_that_comes_while_redis_is_away() {
    let mut redis = Redis::start_durable().await;
    let node = Setup::serve(&redis).start().await;
    let mut client = Client::connect(node.clients, &token("42", "phone")).await;
    node.api().publish_accepted(&json!({"to": "user:42", "type": "t", "data": 1, "id": "e", "deadline": 60})).await;
    let got = client.event().await;
    redis.kill();
    // Heard at once, whether or not anybody can be told of it.
    acknowledge(&mut client, &got).await;
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
async fn what_a_service_publishes_straight_to_redis_has_a_receipt_too() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let mut client = Client::connect(node.clients, &token("42", "phone")).await;
    let publisher = Publisher::connect(&redis.url()).await.expect("a publisher");
    let event = Event::new("user:42", "t", &1).expect("an event").id("e").expect("an id").receipt();
    let outcome = publisher.publish(event).await.expect("it is published");
    let got = client.event().await;
    acknowledge(&mut client, &got).await;
    let ack = outcome.acknowledged(TIMEOUT).await.expect("an acknowledgement");
    assert_eq!((ack.device.as_str(), ack.connection.as_str()), ("phone", client.connection()));
    assert_eq!(receipt(&node.api(), "e", 1).await["state"], "acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_can_wait_for_an_acknowledgement() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("services.open_to_loopback", "true").start().await;
    let mut client = Client::connect(node.clients, &token("42", "phone")).await;
    let url = format!("http://{}", node.services);
    let publish = |wait: &str| {
        let common = ["publish", "--url", &url, "--to", "user:42", "--type", "t", "--data", "1", "--wait", wait];
        Setup::bare(&common)
    };
    let in_vain = publish("1");
    let in_vain = tokio::task::spawn_blocking(move || in_vain.run()).await.expect("it ends");
    assert!(!in_vain.status.success() && in_vain.output.contains("accepted"), "{}", in_vain.output);
    client.event().await;
    let waiting = publish("20");
    let waiting = tokio::task::spawn_blocking(move || waiting.run());
    let got = client.event().await;
    acknowledge(&mut client, &got).await;
    let ended = waiting.await.expect("it ends");
    assert!(ended.status.success() && ended.output.contains("\"acknowledged\""), "{}", ended.output);
}
