//! `GET /v1/fallbacks` and `GET /v1/receipts`: the latest entries of the fallback stream and the
//! receipts stream. They are for people; a service consumes the streams with a consumer group.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use wirebell_protocol::Channel;

use super::query::{self, ListQuery};
use super::{Context, bus_problem};
use crate::bus::{Fallback, FinalStatus};
use crate::problem::Problem;

#[derive(Serialize)]
struct FallbackEntry<'a> {
    id: &'a str,
    channel: &'a Channel,
    at: u64,
    /// The event as clients receive it; none if it is not JSON, which no node writes.
    event: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct ReceiptEntry<'a> {
    id: &'a str,
    channel: &'a Channel,
    at: u64,
    outcome: &'a str,
}

#[derive(Serialize)]
struct FallbackList<'a> {
    fallbacks: Vec<FallbackEntry<'a>>,
}

#[derive(Serialize)]
struct ReceiptList<'a> {
    receipts: Vec<ReceiptEntry<'a>>,
}

/// Returns the latest entries of the fallback stream, newest first.
pub(super) async fn fallbacks(
    State(context): State<Context>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let limit = query::parse(query)?.limit()?;
    let found = context.bus.fallbacks(limit).await.map_err(|error| bus_problem(&error, "retry"))?;
    let fallbacks = found.iter().map(fallback_entry).collect();
    Ok(Json(FallbackList { fallbacks }).into_response())
}

/// Returns the latest receipts, newest first.
pub(super) async fn receipts(
    State(context): State<Context>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let limit = query::parse(query)?.limit()?;
    let found = context.bus.final_statuses(limit).await.map_err(|error| bus_problem(&error, "retry"))?;
    let receipts = found.iter().map(receipt_entry).collect();
    Ok(Json(ReceiptList { receipts }).into_response())
}

fn fallback_entry(fallback: &Fallback) -> FallbackEntry<'_> {
    let Fallback { id, channel, at, event } = fallback;
    FallbackEntry { id, channel, at: *at, event: serde_json::from_str(event).ok() }
}

fn receipt_entry(receipt: &FinalStatus) -> ReceiptEntry<'_> {
    let FinalStatus { id, channel, at, status: outcome } = receipt;
    ReceiptEntry { id, channel, at: *at, outcome }
}
