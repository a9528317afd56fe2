//! Catching up: logs that a session reads at its client's speed. It does so after a resume with a
//! cursor, or after its send buffer overflowed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};
use wirebell_protocol::{Channel, Cursor};

use crate::hub::ChannelLog;
use crate::lifecycle::{instant_at, uptime_millis};

/// A log that has to be read: of durable events or of retained values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PendingLog {
    pub(super) log: ChannelLog,
    /// Reading begins after this cursor.
    pub(super) after: Cursor,
    /// Reading ends with this cursor. `None`: read to the end, from where on the session gets
    /// announced events.
    pub(super) until: Option<Cursor>,
    /// The client already knows of the gap before the first event.
    pub(super) gap_sent: bool,
    /// The newest announced cursor that the log did not have yet when it was last read.
    pub(super) announced: Option<Cursor>,
}

impl PendingLog {
    /// Reads to the end of the log, then continues with live events.
    pub(super) fn to_end(log: ChannelLog, after: Cursor) -> Self {
        Self { log, after, until: None, gap_sent: false, announced: None }
    }

    /// Notes whether the log was complete after the cursor. If not, the client already got a gap.
    pub(super) fn recovered(self, recovered: bool) -> Self {
        Self { gap_sent: !recovered, ..self }
    }

    /// Reads a bounded range, after which the session already gets every event.
    pub(super) fn range(channel: &Channel, after: Cursor, until: Cursor) -> Self {
        Self { log: ChannelLog::durable(channel), after, until: Some(until), gap_sent: false, announced: None }
    }
}

/// The logs that have to be read: one batch of each in turn. Boxed, since most sessions have
/// nothing to read most of the time.
#[derive(Debug, Default)]
pub(super) struct CatchUp(Option<Box<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    logs: VecDeque<PendingLog>,
    /// No read before this ends. Set after a failed read.
    pause: Option<Pin<Box<Sleep>>>,
}

/// The least pause after a failed read; a random part of as much again is added.
const RETRY_MILLIS: u64 = 250;

impl CatchUp {
    pub(super) fn push(&mut self, log: PendingLog) {
        self.0.get_or_insert_default().logs.push_back(log);
    }

    /// Returns whether a bounded read of this channel is in progress. At most one is allowed, which
    /// bounds the queue by the number of channels.
    pub(super) fn is_resuming(&self, channel: &Channel) -> bool {
        let mut logs = self.0.iter().flat_map(|queue| &queue.logs);
        logs.any(|pending| pending.until.is_some() && pending.log.channel == *channel)
    }

    /// Completes when a log can be read; never, if there is none.
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

    /// Removes the next log to read. The caller pushes it again unless it is complete.
    pub(super) fn take(&mut self) -> Option<PendingLog> {
        let log = self.0.as_mut()?.logs.pop_front();
        self.shrink();
        log
    }

    /// Removes the logs of a channel that the session left.
    pub(super) fn remove(&mut self, channel: &Channel) {
        if let Some(queue) = &mut self.0 {
            queue.logs.retain(|pending| pending.log.channel != *channel);
            self.shrink();
        }
    }

    /// Puts the log back, and pauses: the read failed.
    pub(super) fn retry_later(&mut self, log: PendingLog) {
        let again = uptime_millis() + fastrand::u64(RETRY_MILLIS..2 * RETRY_MILLIS);
        let queue = self.0.get_or_insert_default();
        queue.pause = Some(Box::pin(sleep_until(Instant::from_std(instant_at(again)))));
        queue.logs.push_front(log);
    }

    /// Frees the queue of a session that has caught up.
    fn shrink(&mut self) {
        self.0.take_if(|queue| queue.logs.is_empty());
    }
}
