//! Publishes batches of events and retries until each event has a result. Retried events stay
//! before later ones.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use wirebell_protocol::{Event, PublishResult};

use crate::error::PublishError;
use crate::failure::{Failure, FailureKind};
use crate::pending::{MAX_BATCH_EVENTS, PendingEvent};
use crate::retry::Backoff;
use crate::transport::Transport;

/// The result of one event.
pub(crate) type EventResult = Result<PublishResult, PublishError>;

/// The result of one attempt.
#[derive(Debug, Default)]
pub(crate) struct AttemptResult {
    /// Events with a final result.
    pub(crate) finished: Vec<(PendingEvent, EventResult)>,
    /// Why the other events must be retried, if there are any.
    pub(crate) retry: Option<Failure>,
}

/// Sends the events once. Events that are worth a retry stay in `waiting`, in order. If the future
/// is dropped, all events stay there.
pub(crate) async fn attempt(
    transport: &Transport,
    waiting: &mut Vec<PendingEvent>,
    should_retry: impl Fn(FailureKind) -> bool,
) -> AttemptResult {
    let answers = transport.send(waiting).await;
    let mut result = AttemptResult::default();
    for (event, answer) in std::mem::take(waiting).into_iter().zip(answers) {
        match answer {
            Err(failure) if should_retry(failure.kind) => {
                waiting.push(event);
                result.retry.get_or_insert(failure);
            }
            answer => result.finished.push((event, answer.map_err(|failure| failure.error))),
        }
    }
    result
}

/// Publishes the events in order, each chunk within `timeout`. After a chunk that fails, later
/// chunks are not sent, since they would overtake it.
pub(crate) async fn deliver(transport: &Transport, timeout: Duration, events: Vec<Event>) -> Vec<EventResult> {
    let mut answers: Vec<Option<EventResult>> = events.iter().map(|_| None).collect();
    let mut events =
        events.into_iter().enumerate().map(|(sequence, event)| PendingEvent { sequence, bytes: 0, event });
    let mut stopped = None;
    while stopped.is_none() {
        let mut chunk: Vec<_> = events.by_ref().take(MAX_BATCH_EVENTS).collect();
        if chunk.is_empty() {
            break;
        }
        stopped = deliver_chunk(transport, timeout, &mut chunk, &mut answers).await.err();
    }
    let error = stopped.unwrap_or(PublishError::TimedOut { after: timeout });
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(error.clone()))).collect()
}

/// Publishes one chunk, and retries until each event has a result or the timeout ends.
async fn deliver_chunk(
    transport: &Transport,
    timeout: Duration,
    chunk: &mut Vec<PendingEvent>,
    answers: &mut [Option<EventResult>],
) -> Result<(), PublishError> {
    let deadline = Instant::now() + timeout;
    let mut backoff = Backoff::up_to(Duration::from_secs(1));
    // The error of a finished attempt says more than the timeout of the last one.
    let mut last = PublishError::TimedOut { after: timeout };
    loop {
        let retryable = |kind| kind != FailureKind::Event;
        let Ok(result) = timeout_at(deadline, attempt(transport, chunk, retryable)).await else {
            return Err(last);
        };
        for (event, answer) in result.finished {
            if let Some(slot) = answers.get_mut(event.sequence) {
                *slot = Some(answer);
            }
        }
        let Some(failure) = result.retry else { return Ok(()) };
        let pause = backoff.wait(failure.retry_after());
        // Waiting does not fix the configuration, so the caller gets the error at once.
        if failure.kind == FailureKind::Configuration || Instant::now() + pause >= deadline {
            return Err(failure.error);
        }
        last = failure.error;
        sleep(pause).await;
    }
}
