//! One delivery attempt: a signed request, and the backend's response.

use std::error::Error;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde_json::value::RawValue;
use wirebell_protocol::inbox::MAX_ANSWER_BYTES;

use super::request;
use super::signature::Signer;
use super::source::Event;
use crate::lifecycle::wall_clock;

/// Sends events to the backend.
pub(super) struct Delivery {
    client: Client,
    url: Url,
    signer: Signer,
}

/// The webhook's HTTP client cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("webhook.url: {0}")]
pub struct WebhookError(String);

impl Delivery {
    pub(super) fn new(url: &str, keys: &[Vec<u8>], timeout: Duration) -> Result<Self, WebhookError> {
        // The URL may contain a password, so no message repeats it.
        let url = Url::parse(url).map_err(|error| WebhookError(format!("cannot parse the URL ({error})")))?;
        // Redirects are not followed: their target was not configured, and must not get the event.
        let client = Client::builder().timeout(timeout).redirect(Policy::none()).no_proxy().build();
        let client = client.map_err(|error| WebhookError(format!("cannot initialize TLS ({error})")))?;
        Ok(Self { client, url, signer: Signer::new(keys) })
    }

    /// Sends an event. Returns the backend's response, or `null` if it is not JSON; otherwise why
    /// the attempt failed.
    pub(super) async fn send(&self, event: &Event) -> Result<Box<RawValue>, String> {
        let (body, id, timestamp) = (request::body(event)?, request::id(event), wall_clock().as_secs());
        let signature = self.signer.header(&id, timestamp, &body);
        let mut request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body);
        if let Some(traceparent) = &event.traceparent {
            request = request.header("traceparent", traceparent);
        }
        let response = request.send().await.map_err(request_error)?;
        if !response.status().is_success() {
            return Err(format!("the backend responded with status {}", response.status().as_u16()));
        }
        read_response(response).await
    }
}

async fn read_response(mut response: Response) -> Result<Box<RawValue>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(request_error)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(format!("the response is larger than {MAX_ANSWER_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(serde_json::from_slice(&body).unwrap_or_else(|_| RawValue::NULL.to_owned()))
}

fn request_error(error: reqwest::Error) -> String {
    format!("no response from the backend ({})", innermost(&error.without_url()))
}

/// Returns the innermost cause, which is the most helpful one.
fn innermost(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
