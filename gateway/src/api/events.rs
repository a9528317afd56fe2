//! `GET /v1/events/{id}` returns an event's delivery status. `DELETE /v1/events/{id}` cancels a
//! scheduled event.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join_all;
use serde::Serialize;
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{Channel, ErrorCode};

use super::explain::{self, Facts, Moment, Verdict};
use super::query::{self, EventQuery};
use super::{Context, bus_problem, wait};
use crate::bus::CancelResult;
use crate::problem::Problem;

#[derive(Serialize)]
struct EventStatus {
    id: String,
    /// The delivery records, one per channel.
    channels: Vec<Receipt>,
    timeline: Vec<Moment>,
    verdict: BTreeMap<Channel, Verdict>,
}

/// Maximum number of channels of one event that are explained. A request with `channel` explains
/// any other one.
const MAX_EXPLAINED: usize = 20;

#[derive(Serialize)]
struct CancelResponse<'a> {
    id: &'a str,
    cancelled: bool,
}

/// Returns an event's delivery status with its timeline and verdicts.
pub(super) async fn read(
    State(context): State<Context>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let (id, query) = (query::event_id(path)?, query::parse(query)?);
    let channel = query.channel()?;
    let receipts = match query.wait()? {
        Some(timeout) => wait::until_final(&context, &id, timeout).await?,
        None => context.bus.receipts(&id).await,
    };
    let receipts = receipts.map_err(|error| bus_problem(&error, "retry"))?;
    let status = explain(&context, id, channel, receipts).await?;
    Ok(Json(status).into_response())
}

/// Explains the event on the named channel, or on all channels with a delivery record.
async fn explain(
    context: &Context,
    id: String,
    named: Option<Channel>,
    mut receipts: Vec<Receipt>,
) -> Result<EventStatus, Problem> {
    let targets = match named {
        Some(channel) => {
            receipts.retain(|receipt| receipt.channel == channel);
            vec![(channel, receipts.first().cloned())]
        }
        None => receipts.iter().map(|receipt| (receipt.channel.clone(), Some(receipt.clone()))).collect(),
    };
    let gather = |(channel, receipt): (Channel, Option<Receipt>)| async {
        let facts = explain::gather(&*context.bus, &channel, &id, receipt).await;
        facts.map(|facts| facts.map(|facts| (channel, facts))).map_err(|error| bus_problem(&error, "retry"))
    };
    let targets = targets.into_iter().take(MAX_EXPLAINED);
    let explained: Vec<(Channel, Facts)> = try_join_all(targets.map(gather)).await?.into_iter().flatten().collect();
    if explained.is_empty() {
        return Err(not_found(&id));
    }
    let timeline = explain::timeline(&explained);
    let verdict = explained.iter().map(|(channel, facts)| (channel.clone(), explain::verdict(facts))).collect();
    Ok(EventStatus { id, channels: receipts, timeline, verdict })
}

/// Cancels a scheduled event.
pub(super) async fn cancel(
    State(context): State<Context>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = query::event_id(path)?;
    match context.bus.cancel(&id).await.map_err(|error| bus_problem(&error, "cancelling again is safe"))? {
        CancelResult::Cancelled => Ok(Json(CancelResponse { id: &id, cancelled: true }).into_response()),
        CancelResult::Published => {
            let detail = format!("the event `{id}` was published already, at least on one of its channels");
            Err(Problem::new(StatusCode::CONFLICT, ErrorCode::AlreadyPublished, detail))
        }
        CancelResult::Unknown => Err(not_found(&id)),
    }
}

fn not_found(id: &str) -> Problem {
    let detail = format!(
        "no delivery record for the event `{id}`: it was never published, its record has expired, or it was published \
         without `receipt`, `deadline` and `deliver_at`; add `?channel=` to search that channel's log"
    );
    Problem::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, detail)
}
