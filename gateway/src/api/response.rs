//! Publish results as JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wirebell_protocol::{ChannelResult, Cursor, PublishResult, problem};

use crate::problem::Problem;

#[derive(Serialize)]
struct Accepted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<Cursor>,
    nodes: u64,
    channels: &'a [ChannelResult],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    ignored: &'a [String],
}

/// The result of one event of a batch.
pub(super) struct EventResult {
    pub(super) outcome: PublishResult,
    /// Attributes of the CloudEvent that Wirebell does not carry.
    pub(super) ignored: Vec<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Accepted(Accepted<'a>),
    Rejected(&'a problem::Problem),
}

/// Returns the response for one event.
pub(super) fn single(outcome: &PublishResult, ignored: &[String]) -> Response {
    (StatusCode::ACCEPTED, Json(accepted(outcome, ignored, None))).into_response()
}

/// Returns the response for a batch, with one result per event in order.
pub(super) fn batch(outcomes: &[Result<EventResult, Problem>]) -> Response {
    let all_accepted = outcomes.iter().all(Result::is_ok);
    let items: Vec<Item<'_>> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(EventResult { outcome, ignored }) => {
                Item::Accepted(accepted(outcome, ignored, Some(StatusCode::ACCEPTED)))
            }
            Err(problem) => Item::Rejected(problem.document()),
        })
        .collect();
    let status = if all_accepted { StatusCode::ACCEPTED } else { StatusCode::MULTI_STATUS };
    (status, Json(items)).into_response()
}

fn accepted<'a>(outcome: &'a PublishResult, ignored: &'a [String], status: Option<StatusCode>) -> Accepted<'a> {
    Accepted {
        status: status.map(|status| status.as_u16()),
        id: &outcome.id,
        cursor: outcome.cursor(),
        nodes: outcome.nodes(),
        channels: &outcome.channels,
        ignored,
    }
}
