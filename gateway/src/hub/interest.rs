//! Interest: subscribes a channel on the bus for its first session. It unsubscribes the channel
//! when the last session has left, after a linger. One task does both, in batches, so the two
//! calls for a channel never overtake each other.

use std::sync::Arc;
use std::time::Duration;

use super::Hub;
use super::registry::Millis;
use crate::lifecycle::{millis, uptime_millis as now};

/// Maximum number of channels in one request to the bus.
const BATCH: usize = 500;
/// Pause after an error of the bus, plus a random part of the same length.
const RETRY: Duration = Duration::from_millis(200);

/// Subscribes and unsubscribes while the process runs.
pub(super) async fn run(hub: Arc<Hub>, linger: Duration) {
    let linger = millis(linger);
    loop {
        let has_worked = subscribe(&hub).await | unsubscribe(&hub, linger).await;
        if !has_worked {
            wait(&hub, linger).await;
        }
    }
}

/// Subscribes to a batch of pending channels. Returns false if there are none.
async fn subscribe(hub: &Hub) -> bool {
    let batch = hub.lock().take_pending(BATCH);
    if batch.is_empty() {
        return false;
    }
    match hub.bus.subscribe(&batch).await {
        Ok(ends) => {
            let confirmed = hub.lock().confirm(&batch, &ends, now());
            hub.repair.request(confirmed.unread);
            confirmed.waiting.into_iter().for_each(std::task::Waker::wake);
        }
        Err(error) => {
            tracing::debug!(%error, channels = batch.len(), "cannot subscribe; retrying");
            hub.lock().retry(batch);
            tokio::time::sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
        }
    }
    true
}

/// Unsubscribes from channels that had no subscriber for `linger`. Returns false if there are none.
async fn unsubscribe(hub: &Hub, linger: Millis) -> bool {
    let Some(before) = now().checked_sub(linger) else { return false };
    let batch = hub.lock().take_idle(before, BATCH);
    if batch.is_empty() {
        return false;
    }
    hub.bus.unsubscribe(&batch).await;
    hub.lock().unsubscribed(batch);
    true
}

/// Waits for a first subscriber or a last unsubscribe, or until the longest idle channel has
/// lingered long enough.
async fn wait(hub: &Hub, linger: Millis) {
    let idle = hub.lock().idle_since().map(|since| (since + linger).saturating_sub(now()).max(1));
    let due = async {
        match idle {
            Some(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = hub.interest_changed.notified() => {}
        () = due => {}
    }
}
