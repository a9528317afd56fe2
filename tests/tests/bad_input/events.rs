//! Events over HTTP that must be rejected, each with the invalid attribute.

use serde_json::{Value, json};

use crate::row::{BOGUS, Input, PAYLOAD, Row};

const JSON: &str = "application/json";

/// Returns the rows.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = attributes();
    rows.extend(options());
    rows.extend(queries());
    rows.extend(batches());
    rows.extend(requests());
    rows
}

fn attributes() -> Vec<Row> {
    let but = |name: &str, value: Value| {
        let mut event = json!({"to": "user:42", "type": "t", "data": PAYLOAD});
        event[name] = value;
        event
    };
    vec![
        event("no `to`", &json!({"type": "t", "data": PAYLOAD}), "422 invalid_event to"),
        event("no `type`", &json!({"to": "user:42", "data": PAYLOAD}), "422 invalid_event type"),
        event("no `data`", &json!({"to": "user:42", "type": "t"}), "422 invalid_event data"),
        event("a channel of an unknown kind", &but("to", json!("42")), "422 invalid_event to"),
        event("a channel with a space", &but("to", json!("user:a b")), "422 invalid_event to"),
        event("a number for a channel", &but("to", json!(42)), "422 invalid_event to"),
        event("an empty list of channels", &but("to", json!([])), "422 invalid_event to"),
        event("one bad channel of two", &but("to", json!(["user:1", "x"])), "422 invalid_event to"),
        event("a reserved type", &but("type", json!("wirebell.welcome")), "422 invalid_event type"),
        event("an empty type", &but("type", json!("")), "422 invalid_event type"),
        event("an unknown class", &but("class", json!("eternal")), "422 invalid_event class"),
        event("an unknown attribute", &but("clas", json!("durable")), "422 invalid_event"),
        event("a bad traceparent", &but("traceparent", json!("00-0")), "422 invalid_event traceparent"),
        event("a bad time", &but("time", json!("yesterday")), "422 invalid_event time"),
        event("a ttl of zero", &but("ttl", json!(0)), "422 invalid_event ttl"),
        event("a ttl below zero", &but("ttl", json!(-5)), "422 invalid_event ttl"),
        event("an empty id", &but("id", json!("")), "422 invalid_event id"),
        event("data too large", &but("data", json!("x".repeat(1001))), "413 too_large data"),
        event("an id too long", &but("id", json!("x".repeat(300))), "413 too_large id | 422 too_large id"),
    ]
}

/// Options of tracking and storage.
fn options() -> Vec<Row> {
    let with = |attributes: &Value| {
        let mut event = json!({"to": "user:42", "type": "t", "data": PAYLOAD});
        for (name, value) in attributes.as_object().expect("attributes") {
            event[name] = value.clone();
        }
        event
    };
    let rows = [
        ("a receipt that is not a boolean", json!({"receipt": "yes"}), "receipt"),
        ("a deadline of zero", json!({"deadline": 0}), "deadline"),
        ("a deadline in parts of a second", json!({"deadline": 1.5}), "deadline"),
        ("a deadline beyond a week", json!({"deadline": 604_801}), "deadline"),
        ("a deadline as a text", json!({"deadline": "20"}), "deadline"),
        ("a deadline of a volatile event", json!({"deadline": 20, "class": "volatile"}), "deadline"),
        ("a deadline of a retained event", json!({"deadline": 20, "class": "retained"}), "deadline"),
        ("a delivery at an invalid time", json!({"deliver_at": "tomorrow"}), "deliver_at"),
        ("a delivery by a number", json!({"deliver_at": 1_763_719_200}), "deliver_at"),
        ("a key of a durable event", json!({"key": "k"}), "key"),
        ("an empty key", json!({"key": "", "class": "retained"}), "key"),
        ("a value retained for a connection", json!({"to": "conn:abcdefgh.1", "class": "retained"}), "to"),
        ("an unknown durability", json!({"durability": "eternal"}), "durability"),
        (
            "a volatile event to be replicated",
            json!({"durability": "replicated", "class": "volatile"}),
            "durability",
        ),
    ];
    rows.iter()
        .map(|(name, option, attribute)| event(name, &with(option), &format!("422 invalid_event {attribute}")))
        .collect()
}

/// Reading the status of an event, cancelling it, and the lists.
fn queries() -> Vec<Row> {
    let long = format!("/v1/events/{}", "x".repeat(257));
    let ask = |name, method, path: &str, expected| Row::new(name, bare(method, path), expected);
    let keyless = Input::Request {
        method: "GET",
        path: "/v1/events/x".to_owned(),
        headers: vec![("authorization", String::new())],
        body: String::new(),
    };
    vec![
        ask("an unknown event", "GET", "/v1/events/never", "404 not_found"),
        ask("an unknown event on a channel", "GET", "/v1/events/never?channel=user:42", "404 not_found"),
        ask("waiting for an unknown event", "GET", "/v1/events/never?wait=1", "404 not_found"),
        ask("a wait of zero", "GET", "/v1/events/x?wait=0", "400 bad_request wait"),
        ask("a wait of more than a minute", "GET", "/v1/events/x?wait=61", "400 bad_request wait"),
        ask("a wait that is not a number", "GET", "/v1/events/x?wait=soon", "400 bad_request wait"),
        ask("a query about an invalid channel", "GET", "/v1/events/x?channel=42", "400 bad_request channel"),
        ask("an unknown parameter", "GET", "/v1/events/x?wiat=1", "400 bad_request query"),
        ask("a parameter twice", "GET", "/v1/events/x?wait=1&wait=2", "400 bad_request query"),
        ask("an id that is not UTF-8", "GET", "/v1/events/%ff", "400 bad_request id"),
        ask("an id with a control character", "GET", "/v1/events/a%0ab", "400 bad_request id"),
        ask("an id too long in a path", "GET", &long, "400 bad_request id"),
        Row::new("a query without an API key", keyless, "401 unauthorized"),
        ask("cancelling an unknown event", "DELETE", "/v1/events/never", "404 not_found"),
        ask("cancelling all events", "DELETE", "/v1/events", "405 method_not_allowed"),
        ask("publishing under an id", "POST", "/v1/events/x", "405 method_not_allowed"),
        ask("an invalid user", "GET", "/v1/users/a%20b", "400 bad_request id"),
        ask("a user that is not UTF-8", "GET", "/v1/users/%ff", "400 bad_request id"),
        ask("a user by another method", "POST", "/v1/users/42", "405 method_not_allowed"),
        ask("a list with a limit of zero", "GET", "/v1/fallbacks?limit=0", "400 bad_request limit"),
        ask("a list of too many", "GET", "/v1/receipts?limit=1001", "400 bad_request limit"),
        ask("a list with a limit that is not a number", "GET", "/v1/receipts?limit=all", "400 bad_request limit"),
        ask("a list by another method", "DELETE", "/v1/fallbacks", "405 method_not_allowed"),
    ]
}

fn batches() -> Vec<Row> {
    let good = json!({"to": "user:42", "type": "t", "data": 1});
    let bad = json!({"type": "t", "data": PAYLOAD});
    let mixed = json!([good, bad, good, 7, {"to": "all", "type": "t", "data": 1, "key": "k"}]);
    let each = "207 [202, 422 invalid_event to, 202, 422 invalid_event event, 422 invalid_event key]";
    vec![
        event("invalid ones among valid ones", &mixed, each),
        event("an empty array", &json!([]), "422 invalid_event | 400 bad_request | 422 bad_request"),
        event("too many in one request", &json!(vec![good; 11]), "413 too_large"),
    ]
}

fn requests() -> Vec<Row> {
    let good = json!({"to": "user:42", "type": "t", "data": PAYLOAD}).to_string();
    let with = |headers: Vec<(&'static str, String)>, body: &str| Input::Request {
        method: "POST",
        path: "/v1/events".to_owned(),
        headers,
        body: body.to_owned(),
    };
    let json = || ("content-type", JSON.to_owned());
    let key = |key: &str| ("authorization", key.to_owned());
    vec![
        Row::new("not JSON", with(vec![json()], PAYLOAD), "400 bad_request"),
        Row::new("half of an event", with(vec![json()], &good[..20]), "400 bad_request"),
        Row::new("nothing", with(vec![json()], ""), "400 bad_request"),
        Row::new("a text for an event", with(vec![json()], "\"x\""), "400 bad_request | 422 invalid_event"),
        Row::new("not UTF-8 inside", with(vec![json()], "{\"to\":\"\u{fffd}"), "400 bad_request"),
        Row::new("deeply nested", with(vec![json()], &"[".repeat(5000)), "400 bad_request"),
        Row::new("another content type", with(vec![("content-type", "text/plain".to_owned())], &good), "415"),
        Row::new("a content length that is too large", oversized_content_length(), "413"),
        Row::new("a body too large", with(vec![json()], &" ".repeat(60_000)), "413 too_large"),
        Row::new("no API key", with(vec![json(), key("")], &good), "401 unauthorized"),
        Row::new("another API key", with(vec![json(), key(&format!("Bearer {BOGUS}"))], &good), "401 unauthorized"),
        Row::new("a key of another scheme", with(vec![json(), key("Basic eDp5")], &good), "401 unauthorized"),
        Row::new("another method", bare("GET", "/v1/events"), "405"),
        Row::new("another path", bare("GET", "/v1/nothing"), "404"),
        Row::new("the path of the client API on the server API", bare("GET", "/ws"), "404"),
    ]
}

fn bare(method: &'static str, path: &str) -> Input {
    Input::Request { method, path: path.to_owned(), headers: Vec::new(), body: String::new() }
}

/// A body of four gigabytes must be rejected before it is read. The sender would not see a later
/// response in time.
fn oversized_content_length() -> Input {
    let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer KEY\r\n";
    Input::Head(format!("{head}content-type: {JSON}\r\ncontent-length: 4000000000\r\n\r\n"))
}

fn event(name: &str, body: &Value, expected: &str) -> Row {
    let headers = vec![("content-type", JSON.to_owned())];
    let path = "/v1/events".to_owned();
    Row::new(name, Input::Request { method: "POST", path, headers, body: body.to_string() }, expected)
}
