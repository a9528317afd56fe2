//! `POST /v1/users/{id}/disconnect`: closes sessions of a user on all nodes.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wirebell_protocol::presence::Filter;

use super::{Context, bus_problem, presence_disabled, publish, query, submission};
use crate::problem::Problem;

/// Maximum length of a reason, in bytes.
const MAX_REASON_BYTES: usize = 256;
/// Maximum length of a device name, in bytes.
const MAX_DEVICE_BYTES: usize = 128;

/// The request body: which sessions to close, and why. Members have any type, so that a rejection
/// can name the wrong one.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DisconnectRequest {
    connection: Option<Value>,
    device: Option<Value>,
    reason: Option<Value>,
}

#[derive(Serialize)]
struct DisconnectResponse<'a> {
    id: &'a str,
    told: usize,
    connections: Vec<String>,
}

/// Closes the sessions. The response lists their connections.
pub(super) async fn disconnect(
    State(context): State<Context>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let (id, _) = query::user_id(path)?;
    let request = read(&headers, &body.map_err(|rejection| publish::body_error(&rejection))?)?;
    let (filter, reason) = (request.filter()?, request.reason()?);
    if !context.presence {
        return Err(presence_disabled());
    }
    let notified = context.bus.disconnect(&id, &filter, &reason).await;
    let notified = notified.map_err(|error| bus_problem(&error, "retrying is safe"))?;
    let connections: Vec<String> = notified.iter().map(ToString::to_string).collect();
    Ok(Json(DisconnectResponse { id: &id, told: connections.len(), connections }).into_response())
}

/// Reads the request body. An empty body selects all sessions of the user.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<DisconnectRequest, Problem> {
    if body.is_empty() {
        return Ok(DisconnectRequest::default());
    }
    submission::expect_json(headers)?;
    serde_json::from_slice(body).map_err(|error| {
        let expected = "expected a JSON object with `connection`, `device`, `reason`, or none of them";
        query::invalid("body", &format!("{expected}: {error}"))
    })
}

impl DisconnectRequest {
    fn filter(&self) -> Result<Filter, Problem> {
        let connection = self.connection.as_ref().map(|value| {
            let id = value.as_str().and_then(|text| text.parse().ok());
            id.ok_or_else(|| query::invalid("connection", "expected a connection's id, as in `wirebell.welcome`"))
        });
        let device = text("device", self.device.as_ref(), 1, MAX_DEVICE_BYTES)?;
        Ok(Filter { connection: connection.transpose()?, device })
    }

    fn reason(&self) -> Result<String, Problem> {
        Ok(text("reason", self.reason.as_ref(), 0, MAX_REASON_BYTES)?.unwrap_or_default())
    }
}

fn text(name: &str, value: Option<&Value>, min: usize, max: usize) -> Result<Option<String>, Problem> {
    let Some(value) = value else { return Ok(None) };
    let usable = |text: &&str| (min..=max).contains(&text.len()) && !text.contains(char::is_control);
    let text = value.as_str().filter(usable).ok_or_else(|| {
        let expected = format!("expected a text of {min} to {max} bytes without control characters");
        query::invalid(name, &expected)
    })?;
    Ok(Some(text.to_owned()))
}
