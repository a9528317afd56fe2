//! The task behind a worker: reads the stream as there is room, takes over from workers that are gone, gives signs of
//! life for what is in hand, and brings back what is to be tried again. It outlives every outage.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Work;
use super::desk::Desk;
use crate::failure::Failure;
use crate::redis::{Entry, has_code};
use crate::retry::Backoff;

/// How often the Streams are looked at while something comes.
const SOON: Duration = Duration::from_millis(5);
/// The longest wait after failures.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Entries of one shard that are taken at once.
const MOST_AT_ONCE: usize = 32;

/// Runs until it is aborted.
pub(super) async fn feed<T: Work>(desk: Arc<Desk<T>>) {
    let mut feed = Feed { desk, opened: false, kept: Instant::now(), looked_for_the_gone: None };
    let mut backoff = Backoff::up_to(LONGEST_WAIT);
    let mut is_outage = false;
    loop {
        match feed.round().await {
            Ok(found) => {
                if std::mem::take(&mut is_outage) {
                    tracing::info!(streams = T::STREAMS, "they are read again");
                }
                backoff.reset();
                sleep(if found { SOON } else { T::LOOK_EVERY }).await;
            }
            Err(failure) => {
                if !std::mem::replace(&mut is_outage, true) {
                    tracing::warn!(streams = T::STREAMS, error = %failure.error, "they cannot be read, and it is tried again");
                }
                sleep(backoff.wait(failure.come_back_after())).await;
            }
        }
    }
}

struct Feed<T> {
    desk: Arc<Desk<T>>,
    opened: bool,
    /// When the last sign of life was given.
    kept: Instant,
    looked_for_the_gone: Option<Instant>,
}

impl<T: Work> Feed<T> {
    /// Answers whether anything was found.
    async fn round(&mut self) -> Result<bool, Failure> {
        let third = self.desk.settings.gone_after / 3;
        if !self.opened {
            self.desk.group.open().await?;
            self.opened = true;
        }
        if self.kept.elapsed() >= third {
            self.desk.group.keep(&self.desk.in_hand()).await?;
            self.kept = Instant::now();
        }
        self.bring_back().await?;
        let room = self.desk.room();
        if room == 0 {
            return Ok(false);
        }
        if self.looked_for_the_gone.is_none_or(|last| last.elapsed() >= third) {
            let taken = self.desk.group.take_over(self.desk.settings.gone_after, &self.desk.in_hand()).await?;
            self.looked_for_the_gone = Some(Instant::now());
            self.desk.count(|counters| counters.taken_over += taken.len() as u64);
            self.sort_out(taken).await?;
        }
        let new = match self.desk.group.read(room.div_ceil(8).min(MOST_AT_ONCE)).await {
            // The streams are gone, as in a Redis that came back empty: the group is made again.
            Err(failure) if has_code(&failure, "NOGROUP") => {
                self.opened = false;
                return Err(failure);
            }
            new => new?,
        };
        let found = !new.is_empty();
        self.sort_out(new).await?;
        Ok(found)
    }

    /// What has been tried too often by workers that died over it is given up before another does.
    async fn sort_out(&self, entries: Vec<Entry>) -> Result<(), Failure> {
        let most = self.desk.settings.tries;
        let (hopeless, good): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.tries > most);
        let unreadable = self.desk.take(good);
        let reasons = [(hopeless, "its workers died over it"), (unreadable, "it cannot be read")];
        for (entries, reason) in reasons {
            for entry in entries {
                tracing::error!(entry = entry.place.1, reason, "an event has become a dead letter");
                self.desk.group.bury(&entry, reason).await?;
                self.desk.count(|counters| counters.dead += 1);
            }
        }
        Ok(())
    }

    async fn bring_back(&self) -> Result<(), Failure> {
        let mut due = self.desk.due().into_iter();
        while let Some(entry) = due.next() {
            let again = Entry { tries: entry.tries + 1, ..entry.clone() };
            // That it is tried once more has to outlive this worker.
            if let Err(failure) = self.desk.group.again(&again).await {
                // Those behind it wait, too: what nobody has in hand would count as left behind.
                self.desk.still_due(std::iter::once(entry).chain(due));
                return Err(failure);
            }
            self.desk.take(vec![again]);
        }
        Ok(())
    }
}
