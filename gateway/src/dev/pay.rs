//! `POST /dev/pay` accepts a payment and answers before the work is done. `GET /dev/payments/{id}`
//! returns its progress.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wirebell_protocol::ErrorCode;

use super::backend::Backend;
use super::request;
use crate::problem::Problem;

/// How long a request waits for new progress before it returns the current one.
const POLL_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentRequest {
    user: String,
    amount: String,
}

/// `POST /dev/pay`
pub(super) async fn pay(
    State(backend): State<Arc<Backend>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let PaymentRequest { user, amount } = request::json(&headers, &body)?;
    let channel = request::user_channel(&user)?;
    if !is_amount(&amount) {
        return Err(request::invalid("amount", "`amount`: expected an amount such as 49.90"));
    }
    let payment = backend.accept(channel, amount).ok_or_else(|| {
        let detail = "too many payments are in progress; wait until some are done";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooMany, detail)
    })?;
    let location = format!("/dev/payments/{payment}");
    let headers = [(header::LOCATION, location.as_str()), (header::CONTENT_TYPE, "application/json")];
    Ok((StatusCode::ACCEPTED, headers, json!({ "payment": payment }).to_string()).into_response())
}

#[derive(Deserialize)]
pub(super) struct ProgressQuery {
    #[serde(default)]
    seen: usize,
}

/// `GET /dev/payments/{payment}?seen=2`: waits until there are more steps than `seen`, or the
/// payment is done.
pub(super) async fn progress(
    State(backend): State<Arc<Backend>>,
    Path(payment): Path<String>,
    since: Result<Query<ProgressQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(since) = since.map_err(|error| request::invalid("seen", error.body_text()))?;
    let mut watch = backend.watch(&payment).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, "no such payment, or it was removed")
    })?;
    let more = watch.wait_for(|progress| progress.done || progress.steps.len() > since.seen);
    // After a timeout, or if the backend is gone, the current progress is returned.
    drop(tokio::time::timeout(POLL_TIMEOUT, more).await);
    let progress = watch.borrow().clone();
    Ok(json_response(&progress))
}

fn json_response(body: &impl Serialize) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    // Strings, numbers and booleans always serialize.
    (headers, serde_json::to_string(body).unwrap_or_default()).into_response()
}

/// Returns whether the text is digits, a point, and two digits.
fn is_amount(text: &str) -> bool {
    let digits = |part: &str, max| (1..=max).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').is_some_and(|(units, cents)| digits(units, 7) && cents.len() == 2 && digits(cents, 2))
}

#[cfg(test)]
mod tests {
    use super::is_amount;

    #[test]
    fn an_amount_has_two_decimals() {
        for good in ["49.90", "0.13", "1234567.00"] {
            assert!(is_amount(good), "{good}");
        }
        for bad in ["", "49", "49.9", "49.900", "-1.00", "1e3.00", ".50", "12345678.00", "1.00 ", "٤٩.90"] {
            assert!(!is_amount(bad), "{bad}");
        }
    }
}
