//! HTTP as the way to the bus: the services' door of a node. The only file that names `reqwest`.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use wirebell_protocol::tracking::{Receipt, State};
use wirebell_protocol::{Channel, Outcome};

use crate::answer::{self, Verdicts};
use crate::cancelled::Cancelled;
use crate::delivery::Waiting;
use crate::error::ConnectError;
use crate::failure::Failure;
use crate::transport::Options;

/// Most bytes of events in one request.
const REQUEST_BYTES: usize = 512 * 1024;
/// Most bytes of an answer that are read: a node sends some hundred for an event.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The services' door of a node, or of a load balancer before several.
pub(crate) struct HttpDoor {
    client: Client,
    events: Url,
    timeout: Duration,
}

impl HttpDoor {
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self, ConnectError> {
        let events = events_url(url)?;
        let mut builder = Client::builder()
            .default_headers(headers(options.service_key.as_deref())?)
            .connect_timeout(options.connect_timeout)
            .timeout(options.answer_timeout)
            // A redirect would carry the service key elsewhere; a proxy has no business before an internal door.
            .redirect(redirect::Policy::none())
            .no_proxy();
        if events.scheme() == "https" {
            crate::tls::ensure_provider();
        } else {
            // Without TLS, a machine without certificates is as good as any.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| ConnectError::Tls(error_chain(&error)))?;
        Ok(Self { client, events, timeout: options.answer_timeout })
    }

    /// Posts the events in requests of a bounded size, one after the other.
    pub(crate) async fn send(&self, events: &[Waiting]) -> Vec<Result<Outcome, Failure>> {
        let bodies: Vec<String> = events.iter().map(|waiting| waiting.event.to_json()).collect();
        let mut answers = Vec::with_capacity(bodies.len());
        let mut most = bodies.len();
        while let Some(rest) = bodies.get(answers.len()..).filter(|rest| !rest.is_empty()) {
            let batch = &rest[..fitting(rest, most)];
            match self.post(batch).await {
                Verdicts::Each(each) => {
                    let stopped =
                        each.iter().find_map(|answer| answer.as_ref().err().filter(|f| f.stops()).cloned());
                    answers.extend(each);
                    if let Some(failure) = stopped {
                        answers.resize(bodies.len(), Err(failure));
                    }
                }
                // Something about the whole was not to the door's liking; the parts may be.
                Verdicts::Split if batch.len() > 1 => most = batch.len().div_ceil(2),
                Verdicts::Split => answers.push(Err(Failure::unavailable("the door asked for a smaller request"))),
                Verdicts::All(failure) => answers.resize(bodies.len(), Err(failure)),
            }
        }
        answers
    }

    async fn post(&self, batch: &[String]) -> Verdicts {
        let body = match batch {
            [only] => only.clone(),
            many => format!("[{}]", many.join(",")),
        };
        match self.client.post(self.events.clone()).body(body).send().await {
            Ok(response) => self.read(response, batch.len()).await,
            Err(error) => Verdicts::All(self.failure(&error)),
        }
    }

    async fn read(&self, response: Response, wanted: usize) -> Verdicts {
        match self.answer(response).await {
            Ok(answer) => answer::read(answer.status, answer.come_back_after, &answer.body, wanted),
            Err(failure) => Verdicts::All(failure),
        }
    }

    async fn answer(&self, mut response: Response) -> Result<Answer, Failure> {
        let status = response.status().as_u16();
        let come_back_after = retry_after(response.headers());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(part)) if body.len() + part.len() <= ANSWER_BYTES => body.extend_from_slice(&part),
                Ok(None) => return Ok(Answer { status, come_back_after, body }),
                Ok(Some(_)) => return Err(Failure::unavailable("the answer is too long")),
                Err(error) => return Err(self.failure(&error)),
            }
        }
    }

    /// Where the event stands on each of these channels, at the latest after `patience`.
    pub(crate) async fn states(
        &self,
        id: &str,
        channels: &[Channel],
        patience: Duration,
    ) -> Result<Vec<Option<State>>, Failure> {
        let receipts = self.receipts(id, patience).await?;
        let state = |channel: &Channel| {
            receipts.iter().find(|receipt| receipt.channel == *channel).map(|receipt| receipt.state)
        };
        Ok(channels.iter().map(state).collect())
    }

    /// What became of the event, once it is settled, or at the latest after `patience`, which counts in whole seconds.
    pub(crate) async fn receipts(&self, id: &str, patience: Duration) -> Result<Vec<Receipt>, Failure> {
        let mut url = self.event_url(id);
        if patience.as_secs() > 0 {
            url.query_pairs_mut().append_pair("wait", &patience.as_secs().to_string());
        }
        let request = self.client.get(url).timeout(patience + self.timeout);
        answer::receipts(&self.ask(request).await?)
    }

    /// Cancels a scheduled event.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Cancelled, Failure> {
        answer::cancelled(&self.ask(self.client.delete(self.event_url(id))).await?)
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        self.answer(request.send().await.map_err(|error| self.failure(&error))?).await
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

/// What came back, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) come_back_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for HttpDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HttpDoor").field(&self.events.as_str()).finish()
    }
}

/// How many of the bodies go into one request: at least one.
fn fitting(bodies: &[String], most: usize) -> usize {
    let mut bytes = 0;
    let fits = |body: &&String| {
        bytes += body.len();
        bytes <= REQUEST_BYTES
    };
    bodies.iter().take(most).take_while(fits).count().max(1)
}

fn events_url(url: &str) -> Result<Url, ConnectError> {
    let wrong = |found| ConnectError::Url { found };
    let mut url = Url::parse(url).map_err(|_| wrong("the one given cannot be read as a URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("the one given has a user or password: the service key goes to the builder"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("the one given has a query or a fragment"));
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

/// `Retry-After` in seconds, as a node gives it; a date is as good as none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// An error with its causes: the first alone says no more than that a request failed.
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
