//! `POST /v1/events`: publishes events.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use wirebell_protocol::publish::Accepted;
use wirebell_protocol::{ChannelResult, Class, ErrorCode, Prepared, PublishResult};

use super::response::{self, EventResult};
use super::submission::{self, Submission, Submitted};
use super::{Context, bus_problem, guard};
use crate::bus::BusError;
use crate::problem::Problem;

/// Publishes one event, or an array of events with one result each.
pub(super) async fn publish(
    State(context): State<Context>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let submitted = body.map_err(|rejection| body_error(&rejection));
    match submitted.and_then(|body| submission::read(&context, &headers, &body)) {
        Ok(Submission::Single(submitted)) => publish_single(&context, &submitted).await,
        Ok(Submission::Batch(submitted)) => response::batch(&publish_batch(&context, submitted).await),
        Err(problem) => problem.into_response(),
    }
}

async fn publish_single(context: &Context, submitted: &Submitted) -> Response {
    let prepared = Prepared::all(&submitted.event);
    let accepted = context.bus.publish(&prepared).await;
    count_results(context, &prepared, &accepted);
    match outcome(&prepared, accepted) {
        Ok(outcome) => response::single(&outcome, &submitted.ignored),
        Err(problem) => problem.into_response(),
    }
}

/// Publishes all events as one batch, in order.
async fn publish_batch(
    context: &Context,
    submitted: Vec<Result<Submitted, Problem>>,
) -> Vec<Result<EventResult, Problem>> {
    let mut prepared: Vec<Prepared> =
        submitted.iter().flatten().flat_map(|submitted| Prepared::all(&submitted.event)).collect();
    let mut accepted = context.bus.publish(&prepared).await;
    count_results(context, &prepared, &accepted);
    let mut take = |submitted: Submitted| {
        let size = submitted.event.channels().len();
        let outcome = outcome(&prepared.drain(..size).collect::<Vec<_>>(), accepted.drain(..size).collect());
        outcome.map(|outcome| EventResult { outcome, ignored: submitted.ignored })
    };
    submitted.into_iter().map(|submitted| submitted.and_then(&mut take)).collect()
}

/// Returns the result of one event on all of its channels, or the problem of the first channel that
/// failed.
fn outcome(prepared: &[Prepared], accepted: Vec<Result<Accepted, BusError>>) -> Result<PublishResult, Problem> {
    let reached = prepared.iter().zip(accepted).map(|(event, accepted)| {
        let accepted =
            accepted.map_err(|error| bus_problem(&error, "publishing again with the same id is safe"))?;
        Ok(ChannelResult {
            channel: event.channel.clone(),
            cursor: accepted.cursor,
            nodes: accepted.nodes,
            scheduled: accepted.scheduled,
        })
    });
    let channels = reached.collect::<Result<Vec<_>, Problem>>()?;
    let id = prepared.first().map(|event| event.id.clone()).unwrap_or_default();
    Ok(PublishResult { id, channels })
}

/// Returns the problem for a request body that could not be read.
pub(super) fn body_error(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => guard::too_large(),
        _ => Problem::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, "the request body ended early"),
    }
}

/// Counts the results by class and outcome, with one update for each pair.
fn count_results(context: &Context, prepared: &[Prepared], accepted: &[Result<Accepted, BusError>]) {
    let mut counts = [[0u64; 3]; 3];
    for (event, accepted) in prepared.iter().zip(accepted) {
        let outcome = match accepted {
            Ok(Accepted { duplicate: false, .. }) => 0,
            Ok(_) => 1,
            Err(_) => 2,
        };
        let class = Class::ALL.iter().position(|class| *class == event.class).unwrap_or(0);
        counts[class][outcome] += 1;
    }
    for (class, outcomes) in Class::ALL.iter().zip(counts) {
        for (outcome, events) in ["accepted", "duplicate", "failed"].iter().zip(outcomes) {
            if events > 0 {
                context.metrics.published.with_label_values(&[class.as_str(), outcome]).inc_by(events);
            }
        }
    }
}
