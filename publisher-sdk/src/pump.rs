//! The background task of `enqueue`: publishes the buffer's events in order and retries them for as
//! long as it takes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::buffer::Buffer;
use crate::delivery::{EventResult, attempt};
use crate::failure::{Failure, FailureKind};
use crate::pending::{MAX_BATCH_EVENTS, PendingEvent};
use crate::retry::Backoff;
use crate::transport::Transport;

/// The longest pause between two attempts, which bounds how soon events flow again after an outage.
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Runs until the buffer is closed and empty. Aborting it loses the waiting events.
pub(crate) async fn pump(transport: Arc<Transport>, buffer: Arc<Buffer>) {
    let _finish = FinishOnDrop(Arc::clone(&buffer));
    let mut in_flight = Vec::new();
    let mut backoff = Backoff::up_to(MAX_BACKOFF);
    let mut outage = false;
    loop {
        buffer.take(&mut in_flight, MAX_BATCH_EVENTS);
        if in_flight.is_empty() {
            if buffer.is_closed() {
                return;
            }
            buffer.wait_for_event().await;
            continue;
        }
        // All causes but the event itself may be fixed while it waits, even a wrong password.
        let result = attempt(&transport, &mut in_flight, |kind| kind != FailureKind::Event).await;
        log_rejected(&result.finished);
        buffer.record(&result.finished, &in_flight);
        log_outage(&mut outage, result.retry.as_ref(), &buffer);
        match result.retry {
            Some(failure) => sleep(backoff.wait(failure.retry_after())).await,
            None => backoff.reset(),
        }
    }
}

/// Reports the end of the task, however it ends: also when its runtime shuts down.
struct FinishOnDrop(Arc<Buffer>);

impl Drop for FinishOnDrop {
    fn drop(&mut self) {
        self.0.finish();
    }
}

fn log_rejected(finished: &[(PendingEvent, EventResult)]) {
    for (waiting, answer) in finished {
        if let Err(error) = answer {
            tracing::error!(id = waiting.event.event_id(), %error, "an enqueued event was permanently rejected");
        }
    }
}

/// Logs the begin and the end of an outage.
fn log_outage(outage: &mut bool, failure: Option<&Failure>, buffer: &Buffer) {
    let began = failure.filter(|_| !*outage);
    if let Some(failure) = began {
        let waiting = buffer.counters().waiting;
        tracing::warn!(error = %failure.error, waiting, "the bus is unavailable; enqueued events wait and are retried");
    } else if *outage && failure.is_none() {
        tracing::info!("the bus is available again; enqueued events are published");
    }
    *outage = failure.is_some();
}
