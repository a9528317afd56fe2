//! Invalid queries about users, disconnects and revocations that must be rejected, each with the
//! invalid part.

use crate::row::{Input, Row};

const JSON: &str = "application/json";

/// Returns the rows.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = queries();
    rows.extend(disconnects());
    rows.extend(revocations());
    rows
}

fn queries() -> Vec<Row> {
    let ask = |name, query: &str, expected| {
        let path = format!("/v1/users{query}");
        Row::new(name, Input::Request { method: "GET", path, headers: Vec::new(), body: String::new() }, expected)
    };
    vec![
        ask("all users", "", "400 bad_request online"),
        ask("users who are offline", "?online=false", "400 bad_request online"),
        ask("users who are online, perhaps", "?online=maybe", "400 bad_request online"),
        ask("no users at all", "?online=true&limit=0", "400 bad_request limit"),
        ask("too many users", "?online=true&limit=1001", "400 bad_request limit"),
        ask("some users", "?online=true&limit=some", "400 bad_request limit"),
        ask("users after an empty position", "?online=true&after=", "400 bad_request after"),
        ask("users after an invalid position", "?online=true&after=abc", "400 bad_request after"),
        ask("users after an unknown shard", "?online=true&after=OTk6eA", "400 bad_request after"),
        ask("users by an unknown parameter", "?online=true&page=2", "400 bad_request query"),
        ask("users by a parameter twice", "?online=true&online=true", "400 bad_request query"),
    ]
}

fn disconnects() -> Vec<Row> {
    let post = |name, path: &str, body: &str, expected| {
        let headers = vec![("content-type", JSON.to_owned())];
        let (path, body) = (path.to_owned(), body.to_owned());
        Row::new(name, Input::Request { method: "POST", path, headers, body }, expected)
    };
    let disconnect = |name, body: &str, expected| post(name, "/v1/users/42/disconnect", body, expected);
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(257));
    let keyless = Input::Request {
        method: "POST",
        path: "/v1/users/42/disconnect".to_owned(),
        headers: vec![("authorization", String::new())],
        body: String::new(),
    };
    let as_text = Input::Request {
        method: "POST",
        path: "/v1/users/42/disconnect".to_owned(),
        headers: vec![("content-type", "text/plain".to_owned())],
        body: "{}".to_owned(),
    };
    vec![
        disconnect("disconnecting by no JSON", "phone", "400 bad_request body"),
        disconnect("disconnecting by a list", "[]", "400 bad_request body | 400 bad_request"),
        disconnect("disconnecting by an unknown member", r#"{"devices":"phone"}"#, "400 bad_request body"),
        disconnect("disconnecting a number", r#"{"device":7}"#, "400 bad_request device"),
        disconnect("disconnecting no device", r#"{"device":""}"#, "400 bad_request device"),
        disconnect("disconnecting an invalid connection", r#"{"connection":"42"}"#, "400 bad_request connection"),
        disconnect("disconnecting for an invalid reason", r#"{"reason":{}}"#, "400 bad_request reason"),
        disconnect("disconnecting for a reason of two lines", r#"{"reason":"a\nb"}"#, "400 bad_request reason"),
        disconnect("disconnecting for a reason too long", &long, "400 bad_request reason"),
        post("disconnecting an invalid user", "/v1/users/a%20b/disconnect", "{}", "400 bad_request id"),
        Row::new("disconnecting without an API key", keyless, "401 unauthorized"),
        Row::new("disconnecting by another content type", as_text, "415"),
        Row::new(
            "disconnecting by another method",
            Input::Request {
                method: "GET",
                path: "/v1/users/42/disconnect".to_owned(),
                headers: Vec::new(),
                body: String::new(),
            },
            "405 method_not_allowed",
        ),
    ]
}

fn revocations() -> Vec<Row> {
    let post = |name, body: &str, expected| {
        let (path, headers) = ("/v1/revocations".to_owned(), vec![("content-type", JSON.to_owned())]);
        Row::new(name, Input::Request { method: "POST", path, headers, body: body.to_owned() }, expected)
    };
    vec![
        post("revoking nothing", "{}", "400 bad_request user"),
        post("revoking by no JSON", "42", "400 bad_request body"),
        post("revoking without a body", "", "400 bad_request body"),
        post("revoking an invalid user", r#"{"user":"a b"}"#, "400 bad_request user"),
        post("revoking a number", r#"{"jti":7}"#, "400 bad_request jti"),
        post("revoking until yesterday", r#"{"user":"42","until":1000}"#, "400 bad_request until"),
        post(
            "revoking future tokens",
            r#"{"user":"42","issued_before":9999999999}"#,
            "400 bad_request issued_before",
        ),
        post("revoking by an unknown member", r#"{"user":"42","token":"x"}"#, "400 bad_request body"),
    ]
}
