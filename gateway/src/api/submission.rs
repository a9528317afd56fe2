//! The body of a publish request: one event, or an array of them, each judged by itself.

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use wirebell_protocol::event::rfc3339;
use wirebell_protocol::{Event, EventError, Fault};

use super::Context;
use crate::problem::Problem;

/// What was submitted.
pub(super) enum Submission {
    /// One event.
    One(Box<Event>),
    /// Several, with what is wrong with those that are none.
    Many(Vec<Result<Event, Problem>>),
}

/// Reads a body.
pub(super) fn read(context: &Context, headers: &HeaderMap, body: &[u8]) -> Result<Submission, Problem> {
    expect_json(headers)?;
    let is_array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if !is_array {
        let whole: &RawValue = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
        return event(context, whole).map(|event| Submission::One(Box::new(event)));
    }
    let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    if items.is_empty() {
        return Err(bad_request("the array of events is empty"));
    }
    if items.len() > context.max_batch {
        let detail = format!("{} events in one request; at most {}", items.len(), context.max_batch);
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Fault::TooLarge, detail));
    }
    Ok(Submission::Many(items.into_iter().map(|item| event(context, item)).collect()))
}

fn event(context: &Context, json: &RawValue) -> Result<Event, Problem> {
    let mut event = Event::parse(json.get().as_bytes(), context.max_data_bytes).map_err(|error| refused(&error))?;
    event.stamp(|| ulid::Ulid::generate().to_string(), || rfc3339(OffsetDateTime::now_utc()));
    Ok(event)
}

fn refused(error: &EventError) -> Problem {
    let status = match error.fault {
        Fault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, error.fault, error.to_string()).attribute(error.attribute)
}

fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = given.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "expected `Content-Type: application/json`";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Fault::BadRequest, detail))
}

fn not_json(error: &serde_json::Error) -> Problem {
    bad_request(&format!("expected one event, or an array of events, in JSON: {error}"))
}

fn bad_request(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, Fault::BadRequest, detail)
}
