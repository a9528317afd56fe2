//! Publishing over HTTP to a mock of the server API.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use wirebell_publisher::{AckError, Builder, Cancelled, ErrorCode, Event, Flushed, PublishError, Publisher};

/// A mock of the server API: sends the scripted responses first, then those of a healthy node.
#[derive(Default)]
struct MockApi {
    script: Mutex<VecDeque<(u16, &'static str, Value)>>,
    requests: Mutex<Vec<Value>>,
    most: Mutex<Option<usize>>,
}

const KEY: &str = "service-key-1";

async fn mock_api() -> (Arc<MockApi>, String) {
    let api = Arc::new(MockApi::default());
    let router = Router::new()
        .route("/base/v1/events", post(publish))
        .route("/base/v1/events/{id}", get(receipts).delete(cancel))
        .with_state(Arc::clone(&api));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (api, url)
}

async fn publish(State(api): State<Arc<MockApi>>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != "Bearer service-key-1") {
        return problem(401, "", &json!({"code": "unauthorized", "detail": "a service key is needed"}));
    }
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    let body: Value = serde_json::from_slice(&body).unwrap();
    api.requests.lock().unwrap().push(body.clone());
    if let Some((status, retry_after, problem_document)) = api.script.lock().unwrap().pop_front() {
        return problem(status, retry_after, &problem_document);
    }
    let Value::Array(events) = &body else { return reply(&result(&body)) };
    if api.most.lock().unwrap().is_some_and(|most| events.len() > most) {
        return problem(413, "", &json!({"code": "too_large", "detail": "too many events"}));
    }
    reply(&Value::Array(events.iter().map(result).collect()))
}

/// The delivery status of events, selected by their ids.
async fn receipts(
    State(api): State<Arc<MockApi>>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    api.requests.lock().unwrap().push(json!({"receipts": id, "query": query}));
    if let Some((status, retry_after, document)) = api.script.lock().unwrap().pop_front() {
        return problem(status, retry_after, &document);
    }
    let (state, devices) = match id.as_str() {
        "an id/with?signs" => ("acknowledged", json!([{"device": "phone", "connection": "k.1", "at": 7}])),
        "late" => ("fallen_back", json!([])),
        "open" => ("accepted", json!([])),
        _ => return problem(404, "", &json!({"code": "not_found", "detail": "nothing is known of it"})),
    };
    let channel = json!({"channel": "user:42", "state": state, "nodes": 1, "accepted_at": 5, "connections": [],
        "acknowledged": devices, "an attribute of tomorrow": 1});
    (StatusCode::OK, json!({"id": id, "channels": [channel]}).to_string()).into_response()
}

async fn cancel(Path(id): Path<String>) -> Response {
    match id.as_str() {
        "an id/with?signs" => (StatusCode::OK, json!({"id": id, "cancelled": true}).to_string()).into_response(),
        "late" => problem(409, "", &json!({"code": "already_published"})),
        _ => problem(404, "", &json!({"code": "not_found"})),
    }
}

/// 202 with a publish result, or 422 for the type `bad`.
fn result(event: &Value) -> Value {
    if event["type"] == "bad" {
        return json!({"status": 422, "type": "https://wirebell.dev/problems/invalid_event", "title": "Invalid event",
            "detail": "not this type", "code": "invalid_event", "attribute": "type"});
    }
    let cursor = format!("{}-0", event["data"]);
    json!({"status": 202, "id": event["id"], "cursor": cursor, "nodes": 2,
        "channels": [{"channel": event["to"], "cursor": cursor, "nodes": 2}]})
}

fn reply(body: &Value) -> Response {
    let status = match body {
        Value::Array(items) if items.iter().any(|item| item["status"] != 202) => 207,
        Value::Array(_) => 202,
        one => u16::try_from(one["status"].as_u64().unwrap()).unwrap(),
    };
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

fn problem(status: u16, retry_after: &'static str, document: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::RETRY_AFTER, retry_after)];
    (status, headers, document.to_string()).into_response()
}

fn builder(url: &str) -> Builder {
    Publisher::builder(url).service_key(KEY)
}

fn event(kind: &str, data: u64) -> Event {
    Event::from_json("user:42", kind, &data.to_string()).unwrap()
}

fn unavailable() -> Value {
    json!({"code": "unavailable", "detail": "the bus cannot be reached"})
}

#[tokio::test]
async fn single_event_is_posted_unchanged() {
    let (api, url) = mock_api().await;
    let publisher = builder(&url).connect().await.unwrap();
    let outcome = publisher.publish(event("number", 7)).await.unwrap();
    assert_eq!((outcome.nodes(), outcome.cursor().unwrap().millis), (2, 7));
    let request = api.requests.lock().unwrap()[0].clone();
    assert_eq!(
        (&request["id"], &request["to"], &request["data"]),
        (&json!(outcome.id), &json!("user:42"), &json!(7))
    );
    assert!(request["time"].as_str().unwrap().ends_with('Z'), "{request}");
}

#[tokio::test]
async fn unavailable_bus_is_retried_with_the_same_event() {
    let (api, url) = mock_api().await;
    api.script.lock().unwrap().extend([(503, "1", unavailable()), (502, "", Value::Null)]);
    let publisher = builder(&url).connect().await.unwrap();
    let started = Instant::now();
    publisher.publish(event("number", 1)).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After is respected");
    let requests = api.requests.lock().unwrap();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| *request == requests[0]), "{requests:?}");
}

#[tokio::test]
async fn bus_that_stays_unavailable_fails_within_the_timeout() {
    let (api, url) = mock_api().await;
    api.script.lock().unwrap().extend((0..1_000).map(|_| (503, "", unavailable())));
    let publisher = builder(&url).timeout(Duration::from_millis(400)).connect().await.unwrap();
    let error = publisher.publish(event("number", 1)).await.unwrap_err();
    assert!(
        matches!(&error, PublishError::Unavailable { reason } if reason.contains("cannot be reached")),
        "{error}"
    );
    assert!(api.requests.lock().unwrap().len() > 2);
}

#[tokio::test]
async fn wrong_key_is_rejected_at_once_and_never_shown() {
    let (api, url) = mock_api().await;
    let publisher = Publisher::builder(&url).service_key("another-key").connect().await.unwrap();
    let started = Instant::now();
    let error = publisher.publish(event("number", 1)).await.unwrap_err();
    let PublishError::Refused(refusal) = &error else { unreachable!("{error:?}") };
    assert_eq!((refusal.status, refusal.code.as_str()), (Some(401), "unauthorized"));
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(!format!("{error} {error:?} {publisher:?}").contains("another-key"));
    assert!(api.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn invalid_event_error_names_its_attribute() {
    let (_, url) = mock_api().await;
    let publisher = builder(&url).connect().await.unwrap();
    let error = publisher.publish(event("bad", 1)).await.unwrap_err();
    let PublishError::Invalid(wrong) = &error else { unreachable!("{error:?}") };
    assert_eq!(
        (wrong.attribute, wrong.code, wrong.message.as_str()),
        ("type", ErrorCode::InvalidEvent, "not this type")
    );
}

#[tokio::test]
async fn list_has_a_result_for_each_event_and_is_split_if_too_long() {
    let (api, url) = mock_api().await;
    *api.most.lock().unwrap() = Some(50);
    let publisher = builder(&url).connect().await.unwrap();
    let kind = |number| if number == 70 { "bad" } else { "number" };
    let answers = publisher.publish_all((0..300).map(|number| event(kind(number), number))).await;
    for (number, answer) in (0..).zip(&answers) {
        match answer {
            Ok(outcome) => assert_eq!(outcome.cursor().unwrap().millis, number),
            Err(error) => assert!(number == 70 && matches!(error, PublishError::Invalid(_)), "{number}: {error}"),
        }
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 299);
    let requests = api.requests.lock().unwrap();
    let taken = requests.iter().filter_map(Value::as_array).filter(|events| events.len() <= 50).flatten();
    let numbers: Vec<u64> = taken.map(|event| event["data"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn enqueue_waits_for_the_node_and_skips_an_invalid_event() {
    let (api, url) = mock_api().await;
    api.script.lock().unwrap().extend([(503, "", unavailable()), (503, "", unavailable())]);
    let publisher = builder(&url).connect().await.unwrap();
    for number in 0..10 {
        let kind = if number == 4 { "bad" } else { "number" };
        assert!(publisher.enqueue(event(kind, number)).is_accepted());
    }
    assert_eq!(publisher.close(Duration::from_secs(10)).await, Flushed::Done);
    let counters = publisher.counters();
    assert_eq!((counters.published, counters.refused, counters.waiting), (9, 1, 0), "{counters:?}");
    assert!(counters.retried >= 2, "{counters:?}");
}

#[tokio::test]
async fn delivery_status_and_cancellation_over_http() {
    let (api, url) = mock_api().await;
    let publisher = builder(&url).connect().await.unwrap();
    let named = |id: &str| event("number", 1).receipt().id(id).unwrap();
    let within = Duration::from_millis(2_500);
    let accepted = publisher.publish(named("an id/with?signs")).await.unwrap();
    let acknowledged = accepted.acknowledged(within).await.unwrap();
    assert_eq!((acknowledged.device.as_str(), acknowledged.at), ("phone", 7));
    let request = api.requests.lock().unwrap()[1].clone();
    assert_eq!(request, json!({"receipts": "an id/with?signs", "query": [["wait", "2"]]}));
    let receipts = publisher.receipts("an id/with?signs").await.unwrap();
    assert_eq!(receipts[0].acknowledged[0].connection, "k.1");
    assert!(publisher.receipts("unheard").await.unwrap().is_empty());

    let ends = [("late", AckError::FallenBack), ("unheard", AckError::Unknown)];
    for (id, end) in ends {
        assert_eq!(publisher.publish(named(id)).await.unwrap().acknowledged(within).await, Err(end), "{id}");
    }
    let open = publisher.publish(named("open")).await.unwrap();
    let after = Duration::from_millis(300);
    assert_eq!(open.acknowledged(after).await, Err(AckError::NotInTime { after }));
    // A node that is unavailable for a moment is asked again.
    api.script.lock().unwrap().extend([(503, "", unavailable())]);
    assert_eq!(open.acknowledged(after).await, Err(AckError::NotInTime { after }));
    api.script.lock().unwrap().extend([(401, "", json!({"code": "unauthorized", "detail": "no"}))]);
    let refused = open.acknowledged(after).await;
    assert!(matches!(refused, Err(AckError::Bus(PublishError::Refused(_)))), "{refused:?}");

    for (id, expected) in [
        ("an id/with?signs", Cancelled::Cancelled),
        ("late", Cancelled::Published),
        ("unheard", Cancelled::Unknown),
    ] {
        assert_eq!(publisher.cancel(id).await, Ok(expected), "{id}");
    }
}

#[tokio::test]
async fn wrong_path_is_rejected_and_closed_port_is_unavailable() {
    let (_, url) = mock_api().await;
    let error =
        builder(&format!("{url}elsewhere")).connect().await.unwrap().publish(event("t", 1)).await.unwrap_err();
    assert!(matches!(&error, PublishError::Refused(refusal) if refusal.status == Some(404)), "{error:?}");
    let closed = builder("http://127.0.0.1:9").timeout(Duration::from_millis(200)).connect().await.unwrap();
    let error = closed.publish(event("t", 1)).await.unwrap_err();
    assert!(matches!(error, PublishError::Unavailable { .. }), "{error:?}");
}
