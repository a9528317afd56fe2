//! Repair: reads the lines of which announcements were missed. What is asked for the same line twice is asked once, so
//! what waits here is bounded by the number of channels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::{Notify, mpsc};
use wirebell_protocol::{Announcement, Channel, Cursor};

use super::Hub;
use super::line::Line;
use crate::bus::BusError;

/// Lines read in one request.
const LINES: usize = 250;
/// Events of one log in one piece.
const EVENTS: usize = 100;
/// The pause after the bus refused, with as much again by chance.
const RETRY: Duration = Duration::from_millis(200);

/// A piece of a log.
pub(super) struct Piece {
    pub(super) line: Line,
    pub(super) events: Vec<Announcement>,
    /// The log ends with it.
    pub(super) complete: bool,
}

/// What has to be read.
#[derive(Default)]
pub(super) struct Repair {
    asked: Mutex<HashMap<Line, Cursor>>,
    news: Notify,
}

impl Repair {
    /// Reads these lines behind these cursors, as soon as it can be done.
    pub(super) fn ask(&self, lines: impl IntoIterator<Item = (Line, Cursor)>) {
        self.lock().extend(lines);
        self.news.notify_one();
    }

    fn take(&self) -> Vec<(Line, Cursor)> {
        let mut asked = self.lock();
        let some: Vec<Line> = asked.keys().take(LINES).cloned().collect();
        some.into_iter().filter_map(|line| asked.remove_entry(&line)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Line, Cursor>> {
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
        match read(&hub, &batch).await {
            Ok(events) => {
                let pieces = batch.into_iter().zip(events).map(|((line, _), events)| piece(line, events));
                if found.send(pieces.collect()).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, lines = batch.len(), "not read yet");
                hub.repair.ask(batch);
                tokio::time::sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
            }
        }
    }
}

/// What stands behind each cursor; the logs in one request, and beside it the retained values.
async fn read(hub: &Hub, asked: &[(Line, Cursor)]) -> Result<Vec<Vec<Announcement>>, BusError> {
    let logs: Vec<(Channel, Cursor)> = asked
        .iter()
        .filter(|(line, _)| line.is_log())
        .map(|(line, after)| (line.channel.clone(), *after))
        .collect();
    let retained = asked
        .iter()
        .filter(|(line, _)| !line.is_log())
        .map(|(line, after)| hub.bus.read_retained(&line.channel, *after));
    let (logs, retained) = futures_util::try_join!(hub.bus.read(&logs, EVENTS), try_join_all(retained))?;
    let (mut logs, mut retained) = (logs.into_iter(), retained.into_iter());
    let next = |(line, _): &(Line, Cursor)| if line.is_log() { logs.next() } else { retained.next() };
    Ok(asked.iter().map(next).map(Option::unwrap_or_default).collect())
}

fn piece(line: Line, events: Vec<Announcement>) -> Piece {
    // Retained values come all at once.
    let complete = !line.is_log() || events.len() < EVENTS;
    Piece { line, events, complete }
}
