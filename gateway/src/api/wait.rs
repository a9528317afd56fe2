//! Long polling for a delivery status: the request stays open until the status is final on all
//! channels, or until a timeout.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::{Instant, sleep_until};
use wirebell_protocol::ErrorCode;
use wirebell_protocol::tracking::Receipt;

use super::Context;
use crate::bus::BusError;
use crate::problem::Problem;

/// The longest time that a request may wait.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(60);

/// Maximum number of requests that wait. Each queries the bus at most once a second.
const MAX_WAITS: usize = 1_000;
/// Pauses between two reads of the delivery records. They start short, since most devices
/// acknowledge at once.
const FIRST_PAUSE: Duration = Duration::from_millis(40);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Bounds the number of waiting requests. Clones share the same count.
#[derive(Debug, Clone)]
pub struct WaitSlots(Arc<Semaphore>);

impl Default for WaitSlots {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_WAITS)))
    }
}

/// Returns the event's receipts once all of them are final, or their current state after the
/// timeout.
pub(super) async fn until_final(
    context: &Context,
    id: &str,
    timeout: Duration,
) -> Result<Result<Vec<Receipt>, BusError>, Problem> {
    let _waiting = context.waits.0.try_acquire().map_err(|error| full(&error))?;
    let deadline = Instant::now() + timeout;
    let mut pause = FIRST_PAUSE;
    loop {
        let receipts = context.bus.receipts(id).await;
        let is_last_read = Instant::now() >= deadline || context.stopping.is_cancelled();
        match &receipts {
            Ok(known) if is_last_read || known.iter().all(|receipt| receipt.state.is_settled()) => {
                return Ok(receipts);
            }
            Err(_) if is_last_read => return Ok(receipts),
            // Retry until the timeout: the bus may recover.
            _ => {}
        }
        tokio::select! {
            () = sleep_until(deadline.min(Instant::now() + pause)) => {}
            () = context.stopping.cancelled() => {}
        }
        pause = (pause * 3 / 2).min(MAX_PAUSE);
    }
}

fn full(_: &TryAcquireError) -> Problem {
    let detail = format!("{MAX_WAITS} requests are already waiting on this node; retry later, or without `wait`");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooMany, detail).retry_after(1)
}
