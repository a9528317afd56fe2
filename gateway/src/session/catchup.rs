//! Catching up: logs that a session is_resuming at its client's speed, after it came back with a cursor, or because its
//! outbox was full.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};
use wirebell_protocol::{Channel, Cursor};

use crate::hub::Line;
use crate::lifecycle::{instant_at, uptime_millis};

/// A line that has to be read: a log, or retained values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PendingLog {
    pub(super) log: Line,
    /// Behind this cursor.
    pub(super) after: Cursor,
    /// Up to and with this one; none for up to the end, from where on the session gets what is announced.
    pub(super) until: Option<Cursor>,
    /// The client knows already that something is missing before the first event.
    pub(super) gap_sent: bool,
    /// This one was announced, and the log had not shown it yet when it was read last.
    pub(super) announced: Option<Cursor>,
}

impl PendingLog {
    /// Up to the line's end, and then live.
    pub(super) fn to_end(log: Line, after: Cursor) -> Self {
        Self { log, after, until: None, gap_sent: false, announced: None }
    }

    /// The same, and the client was gap_sent of a gap at its beginning unless it is recovered.
    pub(super) fn recovered(self, recovered: bool) -> Self {
        Self { gap_sent: !recovered, ..self }
    }

    /// Up to where the session gets everything anyhow.
    pub(super) fn range(channel: &Channel, after: Cursor, until: Cursor) -> Self {
        Self { log: Line::log(channel), after, until: Some(until), gap_sent: false, announced: None }
    }
}

/// The logs that have to be read, each a piece at a time, in turn. A session that has nothing to read is the smaller for
/// it: most have, most of the time.
#[derive(Debug, Default)]
pub(super) struct CatchUp(Option<Box<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    logs: VecDeque<PendingLog>,
    /// Not before this is over, after the bus has refused.
    pause: Option<Pin<Box<Sleep>>>,
}

/// The pause after the bus has refused, with as much again by chance.
const RETRY_MILLIS: u64 = 250;

impl CatchUp {
    pub(super) fn push(&mut self, log: PendingLog) {
        self.0.get_or_insert_default().logs.push_back(log);
    }

    /// Is a bounded reading of this channel under way? There is one at a time, so that what waits here is bounded by
    /// the number of channels.
    pub(super) fn is_resuming(&self, channel: &Channel) -> bool {
        let mut logs = self.0.iter().flat_map(|queue| &queue.logs);
        logs.any(|pending| pending.until.is_some() && pending.log.channel == *channel)
    }

    /// Done when there is something to read; never, if there is nothing.
    pub(super) fn ready(&mut self) -> impl Future<Output = ()> + '_ {
        std::future::poll_fn(|context| self.poll_ready(context))
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(queue) = &mut self.0 else { return Poll::Pending };
        if let Some(pause) = &mut queue.pause {
            std::task::ready!(pause.as_mut().poll(context));
            queue.pause = None;
        }
        Poll::Ready(())
    }

    /// The next log to be read; whoever takes it pushes it again unless it is done.
    pub(super) fn take(&mut self) -> Option<PendingLog> {
        let log = self.0.as_mut()?.logs.pop_front();
        self.shrink();
        log
    }

    /// The session listens no longer for the channel.
    pub(super) fn remove(&mut self, channel: &Channel) {
        if let Some(queue) = &mut self.0 {
            queue.logs.retain(|pending| pending.log.channel != *channel);
            self.shrink();
        }
    }

    /// The bus refused: try again in a while.
    pub(super) fn retry_later(&mut self, log: PendingLog) {
        let again = uptime_millis() + fastrand::u64(RETRY_MILLIS..2 * RETRY_MILLIS);
        let queue = self.0.get_or_insert_default();
        queue.pause = Some(Box::pin(sleep_until(Instant::from_std(instant_at(again)))));
        queue.logs.push_front(log);
    }

    /// A session that has caught up is as small as one that never was behind.
    fn shrink(&mut self) {
        self.0.take_if(|queue| queue.logs.is_empty());
    }
}
