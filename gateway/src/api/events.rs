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

use super::asked::{self, AboutEvent};
use super::explain::{self, Facts, Moment, Verdict};
use super::{Context, failed, wait};
use crate::bus::Cancelled;
use crate::problem::Problem;

#[derive(Serialize)]
struct Known {
    id: String,
    /// The records.
    channels: Vec<Receipt>,
    timeline: Vec<Moment>,
    verdict: BTreeMap<Channel, Verdict>,
}

/// Channels of one event that are explained. Of the others, a question that names one tells as much.
const MOST_EXPLAINED: usize = 20;

#[derive(Serialize)]
struct WasCancelled<'a> {
    id: &'a str,
    cancelled: bool,
}

/// Tells what became of an event.
pub(super) async fn read(
    State(context): State<Context>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<AboutEvent>, QueryRejection>,
) -> Result<Response, Problem> {
    let (id, about) = (asked::event_id(path)?, asked::query(query)?);
    let channel = about.channel()?;
    let receipts = match about.wait()? {
        Some(patience) => wait::until_settled(&context, &id, patience).await?,
        None => context.bus.receipts(&id).await,
    };
    let receipts = receipts.map_err(|error| failed(&error, "ask again"))?;
    let known = explain(&context, id, channel, receipts).await?;
    Ok(Json(known).into_response())
}

/// What is known, on the channel that was named or on all that have a record.
async fn explain(
    context: &Context,
    id: String,
    named: Option<Channel>,
    mut receipts: Vec<Receipt>,
) -> Result<Known, Problem> {
    let asked = match named {
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
    let asked = asked.into_iter().take(MOST_EXPLAINED);
    let explained: Vec<(Channel, Facts)> = try_join_all(asked.map(gather)).await?.into_iter().flatten().collect();
    if explained.is_empty() {
        return Err(unknown(&id));
    }
    let timeline = explain::timeline(&explained);
    let verdict = explained.iter().map(|(channel, facts)| (channel.clone(), explain::verdict(facts))).collect();
    Ok(Known { id, channels: receipts, timeline, verdict })
}

/// Cancels a scheduled event.
pub(super) async fn cancel(
    State(context): State<Context>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = asked::event_id(path)?;
    match context.bus.cancel(&id).await.map_err(|error| failed(&error, "cancelling again is safe"))? {
        Cancelled::Cancelled => Ok(Json(WasCancelled { id: &id, cancelled: true }).into_response()),
        Cancelled::Published => {
            let detail = format!("the event `{id}` was published already, at least on one of its channels");
            Err(Problem::new(StatusCode::CONFLICT, Fault::AlreadyPublished, detail))
        }
        Cancelled::Unknown => Err(unknown(&id)),
    }
}

fn unknown(id: &str) -> Problem {
    let detail = format!(
        "nothing is known of an event `{id}`: it was never published, or too long ago, or it has no record, since it was \
         published without `receipt`, `deadline` and `deliver_at`; then `?channel=` finds it in that channel's log"
    );
    Problem::new(StatusCode::NOT_FOUND, Fault::NotFound, detail)
}
