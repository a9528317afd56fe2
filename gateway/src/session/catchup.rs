//! Catching up: logs that a session reads at its client's speed, after it came back with a cursor, or because its
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
pub(super) struct Lag {
    pub(super) line: Line,
    /// Behind this cursor.
    pub(super) after: Cursor,
    /// Up to and with this one; none for up to the end, from where on the session gets what is announced.
    pub(super) until: Option<Cursor>,
    /// The client knows already that something is missing before the first event.
    pub(super) told: bool,
    /// This one was announced, and the log had not shown it yet when it was read last.
    pub(super) expected: Option<Cursor>,
}

impl Lag {
    /// Up to the line's end, and then live.
    pub(super) fn to_the_end(line: Line, after: Cursor) -> Self {
        Self { line, after, until: None, told: false, expected: None }
    }

    /// The same, and the client was told of a gap at its beginning unless it is whole.
    pub(super) fn whole(self, is_whole: bool) -> Self {
        Self { told: !is_whole, ..self }
    }

    /// Up to where the session gets everything anyhow.
    pub(super) fn between(channel: &Channel, after: Cursor, until: Cursor) -> Self {
        Self { line: Line::log(channel), after, until: Some(until), told: false, expected: None }
    }
}

/// The logs that have to be read, each a piece at a time, in turn. A session that has nothing to read is the smaller for
/// it: most have, most of the time.
#[derive(Debug, Default)]
pub(super) struct Catchup(Option<Box<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    lags: VecDeque<Lag>,
    /// Not before this is over, after the bus has refused.
    pause: Option<Pin<Box<Sleep>>>,
}

/// The pause after the bus has refused, with as much again by chance.
const RETRY_MILLIS: u64 = 250;

impl Catchup {
    pub(super) fn push(&mut self, lag: Lag) {
        self.0.get_or_insert_default().lags.push_back(lag);
    }

    /// Is a bounded reading of this channel under way? There is one at a time, so that what waits here is bounded by
    /// the number of channels.
    pub(super) fn reads(&self, channel: &Channel) -> bool {
        let mut lags = self.0.iter().flat_map(|queue| &queue.lags);
        lags.any(|lag| lag.until.is_some() && lag.line.channel == *channel)
    }

    /// Done when there is something to read; never, if there is nothing.
    pub(super) fn due(&mut self) -> impl Future<Output = ()> + '_ {
        std::future::poll_fn(|context| self.poll_due(context))
    }

    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(queue) = &mut self.0 else { return Poll::Pending };
        if let Some(pause) = &mut queue.pause {
            std::task::ready!(pause.as_mut().poll(context));
            queue.pause = None;
        }
        Poll::Ready(())
    }

    /// The next log to be read; whoever takes it pushes it again unless it is done.
    pub(super) fn take(&mut self) -> Option<Lag> {
        let lag = self.0.as_mut()?.lags.pop_front();
        self.let_go();
        lag
    }

    /// The session listens no longer for the channel.
    pub(super) fn forget(&mut self, channel: &Channel) {
        if let Some(queue) = &mut self.0 {
            queue.lags.retain(|lag| lag.line.channel != *channel);
            self.let_go();
        }
    }

    /// The bus refused: try again in a while.
    pub(super) fn refused(&mut self, lag: Lag) {
        let again = uptime_millis() + fastrand::u64(RETRY_MILLIS..2 * RETRY_MILLIS);
        let queue = self.0.get_or_insert_default();
        queue.pause = Some(Box::pin(sleep_until(Instant::from_std(instant_at(again)))));
        queue.lags.push_front(lag);
    }

    /// A session that has caught up is as small as one that never was behind.
    fn let_go(&mut self) {
        self.0.take_if(|queue| queue.lags.is_empty());
    }
}
