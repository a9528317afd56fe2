//! `GET /v1/events/{id}`: what became of an event. `DELETE /v1/events/{id}`: a scheduled event is cancelled.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wirebell_protocol::Fault;
use wirebell_protocol::tracking::Receipt;

use super::asked::{self, AboutEvent};
use super::{Context, failed, wait};
use crate::bus::Cancelled;
use crate::problem::Problem;

#[derive(Serialize)]
struct Known<'a> {
    id: &'a str,
    channels: &'a [Receipt],
}

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
    let mut receipts = receipts.map_err(|error| failed(&error, "ask again"))?;
    receipts.retain(|receipt| channel.as_ref().is_none_or(|channel| receipt.channel == *channel));
    if receipts.is_empty() {
        return Err(unknown(&id));
    }
    Ok(Json(Known { id: &id, channels: &receipts }).into_response())
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
        "nothing is known of an event `{id}`: it was never published, or that is too long ago, or nobody asked for a \
         receipt, a deadline or a later delivery; of such an event, `?channel=` can tell more"
    );
    Problem::new(StatusCode::NOT_FOUND, Fault::NotFound, detail)
}
