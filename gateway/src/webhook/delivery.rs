//! One try: a signed request, and what the backend answers.

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

/// There is no way to send anything.
#[derive(Debug, thiserror::Error)]
#[error("webhook.url: {0}")]
pub struct WebhookError(String);

impl Delivery {
    pub(super) fn new(url: &str, keys: &[Vec<u8>], timeout: Duration) -> Result<Self, WebhookError> {
        // The address may hold a password, so that no message repeats it.
        let url =
            Url::parse(url).map_err(|error| WebhookError(format!("an address that cannot be read ({error})")))?;
        // Where a redirect leads to, nobody has said that it may know.
        let client = Client::builder().timeout(timeout).redirect(Policy::none()).no_proxy().build();
        let client = client.map_err(|error| WebhookError(format!("no way to use TLS ({error})")))?;
        Ok(Self { client, url, signer: Signer::new(keys) })
    }

    /// What the backend answers; `null` if that is no JSON. Otherwise why it did not take the event.
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
        let response = request.send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(format!("an answer with status {}", response.status().as_u16()));
        }
        answer(response).await
    }
}

async fn answer(mut response: Response) -> Result<Box<RawValue>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(format!("an answer of more than {MAX_ANSWER_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(serde_json::from_slice(&body).unwrap_or_else(|_| RawValue::NULL.to_owned()))
}

fn failed(error: reqwest::Error) -> String {
    format!("no answer ({})", innermost(&error.without_url()))
}

/// The innermost reason is the one that helps.
fn innermost(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
