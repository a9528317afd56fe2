//! The HTTP transport: the server API of a node. The only file that names `reqwest`.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use wirebell_protocol::tracking::{Receipt, State};
use wirebell_protocol::{Channel, PublishResult};

use crate::cancelled::Cancelled;
use crate::error::ConnectError;
use crate::failure::Failure;
use crate::options::Options;
use crate::pending::PendingEvent;
use crate::response::{self, BatchResult, HttpResponse};

/// Most bytes of events in one request.
const MAX_REQUEST_BYTES: usize = 512 * 1024;
/// Most bytes of a response that are read. A node sends a few hundred bytes for each event.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// The server API of a node, or of a load balancer before several nodes.
pub(crate) struct HttpTransport {
    client: Client,
    events: Url,
    timeout: Duration,
}

impl HttpTransport {
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self, ConnectError> {
        let events = events_url(url)?;
        let mut builder = Client::builder()
            .default_headers(headers(options.service_key.as_deref())?)
            .connect_timeout(options.connect_timeout)
            .timeout(options.answer_timeout)
            // A redirect would send the API key to another host. An internal API is not reached
            // through a proxy.
            .redirect(redirect::Policy::none())
            .no_proxy();
        if events.scheme() == "https" {
            crate::tls::ensure_provider();
        } else {
            // Without TLS no certificates are needed, so a machine without any must not fail.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| ConnectError::Tls(error_chain(&error)))?;
        Ok(Self { client, events, timeout: options.answer_timeout })
    }

    /// Posts the events in requests of a bounded size, one after the other.
    pub(crate) async fn send(&self, events: &[PendingEvent]) -> Vec<Result<PublishResult, Failure>> {
        let bodies: Vec<String> = events.iter().map(|waiting| waiting.event.to_json()).collect();
        let mut answers = Vec::with_capacity(bodies.len());
        let mut max = bodies.len();
        while let Some(rest) = bodies.get(answers.len()..).filter(|rest| !rest.is_empty()) {
            let batch = &rest[..batch_len(rest, max)];
            match self.post(batch).await {
                BatchResult::Each(each) => {
                    let stopped =
                        each.iter().find_map(|answer| answer.as_ref().err().filter(|f| f.stops_batch()).cloned());
                    answers.extend(each);
                    if let Some(failure) = stopped {
                        answers.resize(bodies.len(), Err(failure));
                    }
                }
                // One event, or the size of the request, was rejected: smaller requests may pass.
                BatchResult::Split if batch.len() > 1 => max = batch.len().div_ceil(2),
                BatchResult::Split => {
                    answers.push(Err(Failure::unavailable("the node requested a smaller request")));
                }
                BatchResult::All(failure) => answers.resize(bodies.len(), Err(failure)),
            }
        }
        answers
    }

    async fn post(&self, batch: &[String]) -> BatchResult {
        let body = match batch {
            [only] => only.clone(),
            many => format!("[{}]", many.join(",")),
        };
        match self.client.post(self.events.clone()).body(body).send().await {
            Ok(response) => self.read_batch(response, batch.len()).await,
            Err(error) => BatchResult::All(self.failure(&error)),
        }
    }

    async fn read_batch(&self, response: Response, wanted: usize) -> BatchResult {
        match self.read_response(response).await {
            Ok(answer) => response::parse(answer.status, answer.retry_after, &answer.body, wanted),
            Err(failure) => BatchResult::All(failure),
        }
    }

    async fn read_response(&self, mut response: Response) -> Result<HttpResponse, Failure> {
        let status = response.status().as_u16();
        let retry_after = parse_retry_after(response.headers());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(part)) if body.len() + part.len() <= MAX_RESPONSE_BYTES => body.extend_from_slice(&part),
                Ok(None) => return Ok(HttpResponse { status, retry_after, body }),
                Ok(Some(_)) => {
                    let reason = format!("the response has more than {MAX_RESPONSE_BYTES} bytes");
                    return Err(Failure::unavailable(reason));
                }
                Err(error) => return Err(self.failure(&error)),
            }
        }
    }

    /// Returns the event's state on each channel, at the latest after `wait`.
    pub(crate) async fn states(
        &self,
        id: &str,
        channels: &[Channel],
        wait: Duration,
    ) -> Result<Vec<Option<State>>, Failure> {
        let receipts = self.receipts(id, wait).await?;
        let state = |channel: &Channel| {
            receipts.iter().find(|receipt| receipt.channel == *channel).map(|receipt| receipt.state)
        };
        Ok(channels.iter().map(state).collect())
    }

    /// Returns the event's delivery status once it is final, or at the latest after `wait`, which
    /// is rounded down to seconds.
    pub(crate) async fn receipts(&self, id: &str, wait: Duration) -> Result<Vec<Receipt>, Failure> {
        let mut url = self.event_url(id);
        if wait.as_secs() > 0 {
            url.query_pairs_mut().append_pair("wait", &wait.as_secs().to_string());
        }
        let request = self.client.get(url).timeout(wait + self.timeout);
        response::receipts(&self.send_request(request).await?)
    }

    /// Cancels a scheduled event.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Cancelled, Failure> {
        response::cancelled(&self.send_request(self.client.delete(self.event_url(id))).await?)
    }

    async fn send_request(&self, request: RequestBuilder) -> Result<HttpResponse, Failure> {
        self.read_response(request.send().await.map_err(|error| self.failure(&error))?).await
    }

    fn event_url(&self, id: &str) -> Url {
        let mut url = self.events.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(id);
        }
        url
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        if error.is_timeout() && !error.is_connect() {
            Failure::timed_out(self.timeout)
        } else {
            Failure::unavailable(error_chain(error))
        }
    }
}

impl std::fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HttpTransport").field(&self.events.as_str()).finish()
    }
}

/// Returns how many of the bodies fit into one request: at least one.
fn batch_len(bodies: &[String], max: usize) -> usize {
    let mut bytes = 0;
    let fits = |body: &&String| {
        bytes += body.len();
        bytes <= MAX_REQUEST_BYTES
    };
    bodies.iter().take(max).take_while(fits).count().max(1)
}

/// Returns the URL to which events are posted.
fn events_url(url: &str) -> Result<Url, ConnectError> {
    let wrong = |found| ConnectError::Url { found };
    let mut url = Url::parse(url).map_err(|_| wrong("the given URL cannot be parsed"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "the given URL has a user or password: pass the API key to `service_key` of the builder",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("the given URL has a query or a fragment"));
    }
    let path = format!("{}/v1/events", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn headers(service_key: Option<&str>) -> Result<HeaderMap, ConnectError> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    if let Some(key) = service_key {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| ConnectError::ServiceKey)?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(headers)
}

/// Parses `Retry-After` in seconds, as nodes send it; ignores a date.
fn parse_retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Returns an error with its causes: the first alone only says that a request failed.
fn error_chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
