//! `GET /v1/fallbacks` and `GET /v1/receipts`: what fell back, and what was told of watched events, of late. For
//! people to look at: a service takes them over by a consumer group.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use wirebell_protocol::Channel;

use super::query::{self, ListQuery};
use super::{Context, failed};
use crate::bus::{Fallback, Told};
use crate::problem::Problem;

#[derive(Serialize)]
struct FallbackEntry<'a> {
    id: &'a str,
    channel: &'a Channel,
    at: u64,
    /// As clients get it; none if it is no JSON, which no node writes.
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

/// What fell back last, the newest first.
pub(super) async fn fallbacks(
    State(context): State<Context>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let limit = query::parse(query)?.limit()?;
    let found = context.bus.fallbacks(limit).await.map_err(|error| failed(&error, "ask again"))?;
    let fallbacks = found.iter().map(fallback_entry).collect();
    Ok(Json(FallbackList { fallbacks }).into_response())
}

/// What was told last of watched events, the newest first.
pub(super) async fn receipts(
    State(context): State<Context>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let limit = query::parse(query)?.limit()?;
    let found = context.bus.told(limit).await.map_err(|error| failed(&error, "ask again"))?;
    let receipts = found.iter().map(receipt_entry).collect();
    Ok(Json(ReceiptList { receipts }).into_response())
}

fn fallback_entry(fallback: &Fallback) -> FallbackEntry<'_> {
    let Fallback { id, channel, at, event } = fallback;
    FallbackEntry { id, channel, at: *at, event: serde_json::from_str(event).ok() }
}

fn receipt_entry(receipt: &Told) -> ReceiptEntry<'_> {
    let Told { id, channel, at, outcome } = receipt;
    ReceiptEntry { id, channel, at: *at, outcome }
}
