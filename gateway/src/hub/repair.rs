//! Repair: reads the logs whose announcements were missed. Requests for the same log are merged, so
//! the number of channels bounds the queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::{Notify, mpsc};
use wirebell_protocol::{Announcement, Channel, Cursor};

use super::Hub;
use super::log_kind::ChannelLog;
use crate::bus::BusError;

/// Maximum number of logs in one request.
const LOGS: usize = 250;
/// Maximum number of events of one log in a chunk.
const EVENTS: usize = 100;
/// Pause after an error of the bus, plus a random part of the same length.
const RETRY: Duration = Duration::from_millis(200);

/// A chunk of a log.
pub(super) struct LogChunk {
    pub(super) log: ChannelLog,
    pub(super) events: Vec<Announcement>,
    /// Whether the log ends with this chunk.
    pub(super) is_last: bool,
}

/// Queue of logs to read.
#[derive(Default)]
pub(super) struct Repair {
    requested: Mutex<HashMap<ChannelLog, Cursor>>,
    changed: Notify,
}

impl Repair {
    /// Queues logs to be read after these cursors.
    pub(super) fn request(&self, logs: impl IntoIterator<Item = (ChannelLog, Cursor)>) {
        self.lock().extend(logs);
        self.changed.notify_one();
    }

    fn take(&self) -> Vec<(ChannelLog, Cursor)> {
        let mut requested = self.lock();
        let some: Vec<ChannelLog> = requested.keys().take(LOGS).cloned().collect();
        some.into_iter().filter_map(|log| requested.remove_entry(&log)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelLog, Cursor>> {
        self.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads while the process runs, and sends the chunks to the pump.
pub(super) async fn run(hub: Arc<Hub>, pump: mpsc::Sender<Vec<LogChunk>>) {
    loop {
        let batch = hub.repair.take();
        if batch.is_empty() {
            hub.repair.changed.notified().await;
            continue;
        }
        match read(&hub, &batch).await {
            Ok(events) => {
                let chunks = batch.into_iter().zip(events).map(|((log, _), events)| chunk(log, events));
                if pump.send(chunks.collect()).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, logs = batch.len(), "cannot read logs for repair; retrying");
                hub.repair.request(batch);
                tokio::time::sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
            }
        }
    }
}

/// Reads the events after each cursor: all logs in one request, and the retained values next to it.
async fn read(hub: &Hub, requested: &[(ChannelLog, Cursor)]) -> Result<Vec<Vec<Announcement>>, BusError> {
    let logs: Vec<(Channel, Cursor)> = requested
        .iter()
        .filter(|(log, _)| log.is_durable())
        .map(|(log, after)| (log.channel.clone(), *after))
        .collect();
    let retained = requested
        .iter()
        .filter(|(log, _)| !log.is_durable())
        .map(|(log, after)| hub.bus.read_retained(&log.channel, *after));
    let (logs, retained) = futures_util::try_join!(hub.bus.read(&logs, EVENTS), try_join_all(retained))?;
    let (mut logs, mut retained) = (logs.into_iter(), retained.into_iter());
    let next = |(log, _): &(ChannelLog, Cursor)| if log.is_durable() { logs.next() } else { retained.next() };
    Ok(requested.iter().map(next).map(Option::unwrap_or_default).collect())
}

fn chunk(log: ChannelLog, events: Vec<Announcement>) -> LogChunk {
    // Retained values are read completely.
    let is_last = !log.is_durable() || events.len() < EVENTS;
    LogChunk { log, events, is_last }
}
