//! `POST /v1/users/{id}/disconnect`: ends sessions of a user, on whichever nodes they are.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wirebell_protocol::presence::Filter;

use super::{Context, failed, publish, query, submission, without_presence};
use crate::problem::Problem;

/// The longest reason, in bytes.
const MAX_REASON_BYTES: usize = 256;
/// The longest name of a device, in bytes.
const MAX_DEVICE_BYTES: usize = 128;

/// Which sessions, and why. Values of any type, so that a wrong one is refused by its name.
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

/// Ends them; answers which were told.
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
        return Err(without_presence());
    }
    let told = context.bus.disconnect(&id, &filter, &reason).await;
    let told = told.map_err(|error| failed(&error, "asking again is safe"))?;
    let connections: Vec<String> = told.iter().map(ToString::to_string).collect();
    Ok(Json(DisconnectResponse { id: &id, told: connections.len(), connections }).into_response())
}

/// Without a body, all of the user's sessions are meant.
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

fn text(name: &str, value: Option<&Value>, least: usize, most: usize) -> Result<Option<String>, Problem> {
    let Some(value) = value else { return Ok(None) };
    let usable = |text: &&str| (least..=most).contains(&text.len()) && !text.contains(char::is_control);
    let text = value.as_str().filter(usable).ok_or_else(|| {
        let expected = format!("expected a text of {least} to {most} bytes without control characters");
        query::invalid(name, &expected)
    })?;
    Ok(Some(text.to_owned()))
}
