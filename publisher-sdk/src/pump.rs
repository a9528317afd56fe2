//! The task behind `enqueue`: publishes what waits in the buffer, in its order, for as long as it takes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::buffer::Buffer;
use crate::delivery::{Answer, CHUNK, Waiting, attempt};
use crate::failure::{Failure, Verdict};
use crate::retry::Backoff;
use crate::transport::Transport;

/// The longest wait between two tries: so long after the bus is back, at the latest, events flow again.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Runs until the buffer is closed and empty. Whoever aborts it loses what waits.
pub(crate) async fn pump(transport: Arc<Transport>, buffer: Arc<Buffer>) {
    let _end = End(Arc::clone(&buffer));
    let mut hand = Vec::new();
    let mut backoff = Backoff::up_to(LONGEST_WAIT);
    let mut outage = false;
    loop {
        buffer.fill(&mut hand, CHUNK);
        if hand.is_empty() {
            if buffer.is_closed() {
                return;
            }
            buffer.arrival().await;
            continue;
        }
        // What is not the event's own fault may be mended while it waits, also a wrong password.
        let round = attempt(&transport, &mut hand, |verdict| verdict != Verdict::Event).await;
        report_refused(&round.settled);
        buffer.settle(&round.settled, &hand);
        report_outage(&mut outage, round.kept.as_ref(), &buffer);
        match round.kept {
            Some(failure) => sleep(backoff.wait(failure.come_back_after())).await,
            None => backoff.reset(),
        }
    }
}

/// Says that the task has ended, in whichever way it does: also when its runtime does.
struct End(Arc<Buffer>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn report_refused(settled: &[(Waiting, Answer)]) {
    for (waiting, answer) in settled {
        if let Err(error) = answer {
            tracing::error!(id = waiting.event.event_id(), %error, "an event was refused for good");
        }
    }
}

/// Once when it begins and once when it is over.
fn report_outage(outage: &mut bool, failure: Option<&Failure>, buffer: &Buffer) {
    let began = failure.filter(|_| !*outage);
    if let Some(failure) = began {
        let waiting = buffer.counters().waiting;
        tracing::warn!(error = %failure.error, waiting, "events wait and are tried again");
    } else if *outage && failure.is_none() {
        tracing::info!("events are published again");
    }
    *outage = failure.is_some();
}
