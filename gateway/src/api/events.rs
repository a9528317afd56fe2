//! `GET /v1/events/{id}`: what became of an event. `DELETE /v1/events/{id}`: a scheduled event is cancelled.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join_all;
use serde::Serialize;
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{Channel, Fault};

use super::query::{self, EventQuery};
use super::explain::{self, Facts, Moment, Verdict};
use super::{Context, failed, wait};
use crate::bus::Cancelled;
use crate::problem::Problem;

#[derive(Serialize)]
struct EventStatus {
    id: String,
    /// The records.
    channels: Vec<Receipt>,
    timeline: Vec<Moment>,
    verdict: BTreeMap<Channel, Verdict>,
}

/// Channels of one event that are explained. Of the others, a question that names one tells as much.
const MAX_EXPLAINED: usize = 20;

#[derive(Serialize)]
struct CancelResponse<'a> {
    id: &'a str,
    cancelled: bool,
}

/// Tells what became of an event.
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
    let receipts = receipts.map_err(|error| failed(&error, "ask again"))?;
    let status = explain(&context, id, channel, receipts).await?;
    Ok(Json(status).into_response())
}

/// What is known, on the channel that was named or on all that have a record.
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
        facts.map(|facts| facts.map(|facts| (channel, facts))).map_err(|error| failed(&error, "ask again"))
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
    match context.bus.cancel(&id).await.map_err(|error| failed(&error, "cancelling again is safe"))? {
        Cancelled::Cancelled => Ok(Json(CancelResponse { id: &id, cancelled: true }).into_response()),
        Cancelled::Published => {
            let detail = format!("the event `{id}` was published already, at least on one of its channels");
            Err(Problem::new(StatusCode::CONFLICT, Fault::AlreadyPublished, detail))
        }
        Cancelled::Unknown => Err(not_found(&id)),
    }
}

fn not_found(id: &str) -> Problem {
    let detail = format!(
        "nothing is known of an event `{id}`: it was never published, or too long ago, or it has no record, since it was \
         published without `receipt`, `deadline` and `deliver_at`; then `?channel=` finds it in that channel's log"
    );
    Problem::new(StatusCode::NOT_FOUND, Fault::NotFound, detail)
}
