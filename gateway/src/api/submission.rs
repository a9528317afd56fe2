//! Parses a publish request: one event or several, in Wirebell's JSON or as CloudEvents. Each event
//! is validated on its own.

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use wirebell_protocol::cloudevents::{self, CloudEvent};
use wirebell_protocol::event::rfc3339;
use wirebell_protocol::media::MediaType;
use wirebell_protocol::{ErrorCode, Event, EventError};

use super::{Context, headers};
use crate::problem::Problem;

/// The events of a request.
pub(super) enum Submission {
    /// One event.
    Single(Box<Submitted>),
    /// Several events, with a problem for each invalid one.
    Batch(Vec<Result<Submitted, Problem>>),
}

/// An event, and the attributes that Wirebell does not carry.
pub(super) struct Submitted {
    pub(super) event: Event,
    /// Names of ignored attributes of a CloudEvent.
    pub(super) ignored: Vec<String>,
}

/// The encoding of the events in a request.
#[derive(Debug, PartialEq, Eq)]
enum Mode {
    /// Wirebell's JSON: one event, or an array.
    Native,
    /// A CloudEvent in JSON.
    Structured,
    /// A JSON array of CloudEvents.
    Batched,
    /// A CloudEvent with its attributes in headers and its data in the body.
    Binary,
}

/// Parses a request.
pub(super) fn read(context: &Context, headers: &HeaderMap, body: &[u8]) -> Result<Submission, Problem> {
    let single = |submitted| Submission::Single(Box::new(submitted));
    match mode(headers)? {
        Mode::Native if is_array(body) => batch(context, body, native).and_then(reject_empty),
        Mode::Native => native(context, parse_json(body)?.get().as_bytes()).map(single),
        Mode::Structured => structured(context, body).map(single),
        Mode::Batched => batch(context, body, structured),
        Mode::Binary => binary(context, headers, body).map(single),
    }
}

/// Returns the encoding, as the CloudEvents HTTP binding defines it: first by media type, then by
/// `ce-` headers.
fn mode(headers: &HeaderMap) -> Result<Mode, Problem> {
    let media = MediaType::parse(content_type(headers).unwrap_or_default());
    let is_cloudevents =
        |base: &str| media.essence().get(..base.len()).is_some_and(|it| it.eq_ignore_ascii_case(base));
    match () {
        () if media.is(cloudevents::MEDIA_TYPE) && media.is_utf8() => Ok(Mode::Structured),
        () if media.is(cloudevents::BATCH_MEDIA_TYPE) && media.is_utf8() => Ok(Mode::Batched),
        () if is_cloudevents(cloudevents::MEDIA_TYPE_BASE) => Err(unsupported_media_type()),
        () if headers::contain_event_attributes(headers) => Ok(Mode::Binary),
        () => expect_json(headers).map(|()| Mode::Native).map_err(|_| unsupported_media_type()),
    }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

fn is_array(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// Rejects an empty array. Only a CloudEvents batch may be empty, as its binding says.
fn reject_empty(submission: Submission) -> Result<Submission, Problem> {
    match submission {
        Submission::Batch(events) if events.is_empty() => Err(bad_request("the array of events is empty")),
        submission => Ok(submission),
    }
}

fn batch(
    context: &Context,
    body: &[u8],
    read: impl Fn(&Context, &[u8]) -> Result<Submitted, Problem>,
) -> Result<Submission, Problem> {
    let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    if items.len() > context.max_batch {
        let detail = format!("{} events in one request; at most {} are allowed", items.len(), context.max_batch);
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, detail));
    }
    Ok(Submission::Batch(items.into_iter().map(|item| read(context, item.get().as_bytes())).collect()))
}

fn native(context: &Context, json: &[u8]) -> Result<Submitted, Problem> {
    let event = Event::parse(json, context.max_data_bytes).map_err(|error| invalid_event(&error))?;
    Ok(stamp(event, Vec::new()))
}

fn structured(context: &Context, json: &[u8]) -> Result<Submitted, Problem> {
    parse_json(json)?;
    from_cloudevent(context, CloudEvent::from_json(json))
}

fn binary(context: &Context, headers: &HeaderMap, body: &[u8]) -> Result<Submitted, Problem> {
    let attributes = headers::attributes(headers)?;
    from_cloudevent(context, CloudEvent::from_parts(attributes, content_type(headers), body))
}

fn from_cloudevent(context: &Context, event: Result<CloudEvent<'_>, EventError>) -> Result<Submitted, Problem> {
    let read = event.and_then(|event| event.into_event(context.max_data_bytes));
    read.map(|(event, ignored)| stamp(event, ignored)).map_err(|error| invalid_event(&error))
}

fn stamp(mut event: Event, ignored: Vec<String>) -> Submitted {
    event.stamp(|| ulid::Ulid::generate().to_string(), || rfc3339(OffsetDateTime::now_utc()));
    Submitted { event, ignored }
}

/// Checks that the body is JSON.
fn parse_json(body: &[u8]) -> Result<&RawValue, Problem> {
    serde_json::from_slice(body).map_err(|error| not_json(&error))
}

fn invalid_event(error: &EventError) -> Problem {
    let status = match error.code {
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, error.code, error.to_string()).attribute(error.attribute)
}

/// Rejects a body whose `Content-Type` is not JSON.
pub(super) fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    if MediaType::parse(content_type(headers).unwrap_or_default()).is("application/json") {
        return Ok(());
    }
    let detail = "expected `Content-Type: application/json`";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::BadRequest, detail))
}

fn unsupported_media_type() -> Problem {
    let detail = "expected `Content-Type: application/json`, `application/cloudevents+json`, \
                  `application/cloudevents-batch+json`, or a CloudEvent in `ce-` headers";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::BadRequest, detail)
}

fn not_json(error: &serde_json::Error) -> Problem {
    bad_request(&format!("expected one event, or an array of events, in JSON: {error}"))
}

fn bad_request(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(lines: &[(&'static str, &str)]) -> Result<Mode, u16> {
        let headers = lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        mode(&headers).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn the_media_type_selects_the_mode_before_the_headers() {
        let media = |kind: &'static str| mode_of(&[("content-type", kind)]);
        assert_eq!(media("application/json; charset=utf-8"), Ok(Mode::Native));
        assert_eq!(media("application/CloudEvents+json; charset=UTF-8"), Ok(Mode::Structured));
        assert_eq!(media("application/cloudevents-batch+json"), Ok(Mode::Batched));
        for none in
            ["application/cloudevents+avro", "application/cloudevents+json; charset=latin1", "text/plain", ""]
        {
            assert_eq!(media(none), Err(415), "{none}");
        }
        assert_eq!(mode_of(&[]), Err(415));
        assert_eq!(mode_of(&[("ce-id", "1")]), Ok(Mode::Binary));
        assert_eq!(mode_of(&[("content-type", "application/json"), ("Ce-Type", "t")]), Ok(Mode::Binary));
        let structured = mode_of(&[("content-type", "application/cloudevents+json"), ("ce-id", "1")]);
        assert_eq!(structured, Ok(Mode::Structured));
    }
}
