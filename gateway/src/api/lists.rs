//! `GET /v1/fallbacks` and `GET /v1/receipts`: what fell back, and what was told of watched events, of late. For
//! people to look at: a service takes them over by a consumer group.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use wirebell_protocol::Channel;

use super::asked::{self, AboutList};
use super::{Context, failed};
use crate::bus::{Fallback, Told};
use crate::problem::Problem;

#[derive(Serialize)]
struct FellBack<'a> {
    id: &'a str,
    channel: &'a Channel,
    at: u64,
    /// As clients get it; none if it is no JSON, which no node writes.
    event: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Settled<'a> {
    id: &'a str,
    channel: &'a Channel,
    at: u64,
    outcome: &'a str,
}

#[derive(Serialize)]
struct Fallbacks<'a> {
    fallbacks: Vec<FellBack<'a>>,
}

#[derive(Serialize)]
struct Receipts<'a> {
    receipts: Vec<Settled<'a>>,
}

/// What fell back last, the newest first.
pub(super) async fn fallbacks(
    State(context): State<Context>,
    query: Result<Query<AboutList>, QueryRejection>,
) -> Result<Response, Problem> {
    let limit = asked::query(query)?.limit()?;
    let found = context.bus.fallbacks(limit).await.map_err(|error| failed(&error, "ask again"))?;
    let fallbacks = found.iter().map(fell_back).collect();
    Ok(Json(Fallbacks { fallbacks }).into_response())
}

/// What was told last of watched events, the newest first.
pub(super) async fn receipts(
    State(context): State<Context>,
    query: Result<Query<AboutList>, QueryRejection>,
) -> Result<Response, Problem> {
    let limit = asked::query(query)?.limit()?;
    let found = context.bus.told(limit).await.map_err(|error| failed(&error, "ask again"))?;
    let receipts = found.iter().map(settled).collect();
    Ok(Json(Receipts { receipts }).into_response())
}

fn fell_back(fallback: &Fallback) -> FellBack<'_> {
    let Fallback { id, channel, at, event } = fallback;
    FellBack { id, channel, at: *at, event: serde_json::from_str(event).ok() }
}

fn settled(told: &Told) -> Settled<'_> {
    let Told { id, channel, at, outcome } = told;
    Settled { id, channel, at: *at, outcome }
}
