//! Questions about users, and orders to disconnect them, that must be refused, each with what is wrong.

use crate::row::{Input, Row};

const JSON: &str = "application/json";

/// The rows.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = questions();
    rows.extend(orders());
    rows.extend(revocations());
    rows
}

fn questions() -> Vec<Row> {
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
        ask("users behind nobody", "?online=true&after=", "400 bad_request after"),
        ask("users behind what is no page", "?online=true&after=abc", "400 bad_request after"),
        ask("users behind a shard that is none", "?online=true&after=OTk6eA", "400 bad_request after"),
        ask("users by an unknown parameter", "?online=true&page=2", "400 bad_request query"),
        ask("users by a parameter twice", "?online=true&online=true", "400 bad_request query"),
    ]
}

fn orders() -> Vec<Row> {
    let post = |name, path: &str, body: &str, expected| {
        let headers = vec![("content-type", JSON.to_owned())];
        let (path, body) = (path.to_owned(), body.to_owned());
        Row::new(name, Input::Request { method: "POST", path, headers, body }, expected)
    };
    let order = |name, body: &str, expected| post(name, "/v1/users/42/disconnect", body, expected);
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
        order("disconnecting by no JSON", "phone", "400 bad_request body"),
        order("disconnecting by a list", "[]", "400 bad_request body | 400 bad_request"),
        order("disconnecting by an unknown member", r#"{"devices":"phone"}"#, "400 bad_request body"),
        order("disconnecting a number", r#"{"device":7}"#, "400 bad_request device"),
        order("disconnecting no device", r#"{"device":""}"#, "400 bad_request device"),
        order("disconnecting what is no connection", r#"{"connection":"42"}"#, "400 bad_request connection"),
        order("disconnecting for a reason that is none", r#"{"reason":{}}"#, "400 bad_request reason"),
        order("disconnecting for a reason of two lines", r#"{"reason":"a\nb"}"#, "400 bad_request reason"),
        order("disconnecting for a reason too long", &long, "400 bad_request reason"),
        post("disconnecting who can be nobody", "/v1/users/a%20b/disconnect", "{}", "400 bad_request id"),
        Row::new("disconnecting without a service key", keyless, "401 unauthorized"),
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
        post("revoking who can be nobody", r#"{"user":"a b"}"#, "400 bad_request user"),
        post("revoking a number", r#"{"jti":7}"#, "400 bad_request jti"),
        post("revoking until yesterday", r#"{"user":"42","until":1000}"#, "400 bad_request until"),
        post("revoking what comes", r#"{"user":"42","issued_before":9999999999}"#, "400 bad_request issued_before"),
        post("revoking by an unknown member", r#"{"user":"42","token":"x"}"#, "400 bad_request body"),
    ]
}
