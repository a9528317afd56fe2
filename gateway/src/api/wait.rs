//! Waiting for what becomes of an event: the request stays open until the event is settled on all of its channels, or
//! its time is up.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::{Instant, sleep_until};
use wirebell_protocol::Fault;
use wirebell_protocol::tracking::Receipt;

use super::Context;
use crate::bus::BusError;
use crate::problem::Problem;

/// The longest that a request may wait.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(60);

/// Requests that may wait at the same time: each asks the bus once a second at the most.
const MAX_WAITS: usize = 1_000;
/// The pauses between two looks at the records: short at first, since most devices acknowledge at once.
const FIRST_PAUSE: Duration = Duration::from_millis(40);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// How many requests wait. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct WaitSlots(Arc<Semaphore>);

impl Default for WaitSlots {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_WAITS)))
    }
}

/// The event's receipts, once it is settled on all channels, or as they are when the timeout has run out.
pub(super) async fn until_final(
    context: &Context,
    id: &str,
    timeout: Duration,
) -> Result<Result<Vec<Receipt>, BusError>, Problem> {
    let _waiting = context.waits.0.try_acquire().map_err(|error| full(&error))?;
    let end = Instant::now() + timeout;
    let mut pause = FIRST_PAUSE;
    loop {
        let receipts = context.bus.receipts(id).await;
        let is_over = Instant::now() >= end || context.stopping.is_cancelled();
        match &receipts {
            Ok(known) if is_over || known.iter().all(|receipt| receipt.state.is_settled()) => return Ok(receipts),
            Err(_) if is_over => return Ok(receipts),
            // The bus may be back in a moment, and the asker has time.
            _ => {}
        }
        tokio::select! {
            () = sleep_until(end.min(Instant::now() + pause)) => {}
            () = context.stopping.cancelled() => {}
        }
        pause = (pause * 3 / 2).min(MAX_PAUSE);
    }
}

fn full(_: &TryAcquireError) -> Problem {
    let detail = format!("{MAX_WAITS} requests wait at this node already; ask again without `wait`, or later");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, Fault::TooMany, detail).retry_after(1)
}
