//! Repair: reads logs for channels of which announcements were missed. What is asked for the same channel twice is
//! asked once, so what waits here is bounded by the number of channels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use wirebell_protocol::{Announcement, Channel, Cursor};

use super::Hub;

/// Logs read in one request.
const CHANNELS: usize = 250;
/// Events of one log in one piece.
const EVENTS: usize = 100;
/// The pause after the bus refused, with as much again by chance.
const RETRY: Duration = Duration::from_millis(200);

/// A piece of a log.
pub(super) struct Piece {
    pub(super) channel: Channel,
    pub(super) events: Vec<Announcement>,
    /// The log ends with it.
    pub(super) complete: bool,
}

/// What has to be read.
#[derive(Default)]
pub(super) struct Repair {
    asked: Mutex<HashMap<Channel, Cursor>>,
    news: Notify,
}

impl Repair {
    /// Reads these channels' logs behind these cursors, as soon as it can be done.
    pub(super) fn ask(&self, channels: impl IntoIterator<Item = (Channel, Cursor)>) {
        self.lock().extend(channels);
        self.news.notify_one();
    }

    fn take(&self) -> Vec<(Channel, Cursor)> {
        let mut asked = self.lock();
        let some: Vec<Channel> = asked.keys().take(CHANNELS).cloned().collect();
        some.into_iter().filter_map(|channel| asked.remove_entry(&channel)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Channel, Cursor>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads for as long as the process lives, and hands the findings to the pump.
pub(super) async fn run(hub: Arc<Hub>, found: mpsc::Sender<Vec<Piece>>) {
    loop {
        let batch = hub.repair.take();
        if batch.is_empty() {
            hub.repair.news.notified().await;
            continue;
        }
        match hub.bus.read(&batch, EVENTS).await {
            Ok(events) => {
                let pieces = batch.into_iter().zip(events).map(|((channel, _), events)| piece(channel, events));
                if found.send(pieces.collect()).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, channels = batch.len(), "logs not read yet");
                hub.repair.ask(batch);
                tokio::time::sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
            }
        }
    }
}

fn piece(channel: Channel, events: Vec<Announcement>) -> Piece {
    let complete = events.len() < EVENTS;
    Piece { channel, events, complete }
}
