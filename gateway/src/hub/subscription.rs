//! A session's subscription to a channel, and how far the session has caught up by itself.
//!
//! Most subscriptions get what is announced. A session that resumed with a cursor, or whose send
//! buffer was full, reads the log at its own speed instead. Announcements skip it until it has
//! reached the end of the log.

use std::sync::Arc;

use wirebell_protocol::Cursor;
use wirebell_protocol::announcement::LogPosition;

use super::log_kind::LogKind;
use super::send_buffer::SendBuffer;
use crate::bus::ChannelEnds;

/// One subscription of a channel.
pub(super) struct Subscription {
    pub(super) buffer: Arc<SendBuffer>,
    /// Events after this cursor are delivered to the session.
    pub(super) live_after: Cursor,
    state: DeliveryState,
    retained: DeliveryState,
}

/// State of a subscription in one of the channel's logs. Empty for most subscriptions, so it is
/// boxed.
#[derive(Default)]
pub(super) struct DeliveryState(Option<Box<CatchUp>>);

enum CatchUp {
    /// The session reads the log. The cursor is the newest event announced since.
    Reading(Cursor),
    /// The session has read the log up to this cursor. Announcements up to it are repeats.
    ReadTo(Cursor),
}

impl DeliveryState {
    /// Returns a state that starts with reading the log.
    pub(super) fn catching_up() -> Self {
        Self(Some(Box::new(CatchUp::Reading(Cursor::START))))
    }

    /// Returns whether the session reads the log by itself.
    pub(super) fn is_catching_up(&self) -> bool {
        matches!(self.0.as_deref(), Some(CatchUp::Reading(_)))
    }

    /// Sets the end of the log. An empty log needs no reading.
    pub(super) fn set_log_end(&mut self, end: Cursor) {
        let is_after_start =
            matches!(self.0.as_deref(), Some(CatchUp::Reading(newest)) if *newest == Cursor::START);
        if is_after_start && end == Cursor::START {
            self.0 = None;
        }
    }

    /// Returns whether this announcement goes to the send buffer. An event without a position is in
    /// no log, so it always does.
    pub(super) fn takes(&mut self, position: Option<LogPosition>) -> bool {
        let (Some(catch_up), Some(LogPosition { cursor, .. })) = (&mut self.0, position) else { return true };
        match &mut **catch_up {
            CatchUp::Reading(newest) => {
                *newest = cursor.max(*newest);
                false
            }
            CatchUp::ReadTo(floor) if cursor <= *floor => false,
            CatchUp::ReadTo(_) => {
                self.0 = None;
                true
            }
        }
    }

    /// Starts reading the log because there was no room for this event.
    pub(super) fn fall_behind(&mut self, newest: Cursor) {
        self.0 = Some(Box::new(CatchUp::Reading(newest)));
    }

    /// Ends the reading at `at`, where the log seemed to end. Returns `None` if nothing was
    /// announced after it: announcements go to the send buffer again. Otherwise returns the newest
    /// such event.
    pub(super) fn caught_up(&mut self, at: Cursor) -> Option<Cursor> {
        if let Some(CatchUp::Reading(newest)) = self.0.as_deref()
            && *newest > at
        {
            return Some(*newest);
        }
        self.0 = Some(Box::new(CatchUp::ReadTo(at)));
        None
    }
}

impl Subscription {
    /// Returns a subscription from a cursor on: the channel's position, or where reading starts.
    pub(super) fn new(buffer: Arc<SendBuffer>, live_after: Cursor, state: DeliveryState) -> Self {
        Self { buffer, live_after, state, retained: DeliveryState::default() }
    }

    /// Sets the state for the channel's retained values.
    pub(super) fn with_retained(self, retained: DeliveryState) -> Self {
        Self { retained, ..self }
    }

    /// Confirms the channel's subscription on the bus: events after these ends are delivered.
    pub(super) fn confirm(&mut self, ends: ChannelEnds) {
        if self.state.0.is_none() {
            self.live_after = ends.log;
        }
        self.retained.set_log_end(ends.retained);
    }

    pub(super) fn is(&self, buffer: &Arc<SendBuffer>) -> bool {
        Arc::ptr_eq(&self.buffer, buffer)
    }

    pub(super) fn state(&mut self, kind: LogKind) -> &mut DeliveryState {
        match kind {
            LogKind::Durable => &mut self.state,
            LogKind::Retained => &mut self.retained,
        }
    }

    /// Returns the send buffer if this announcement is for it. An announcement that waited in the
    /// backlog may be older than the subscription.
    pub(super) fn takes(&mut self, kind: LogKind, position: Option<LogPosition>) -> Option<Arc<SendBuffer>> {
        let is_after_start =
            kind == LogKind::Retained || position.is_none_or(|position| position.cursor > self.live_after);
        (self.state(kind).takes(position) && is_after_start).then(|| Arc::clone(&self.buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    fn position(millis: u64) -> LogPosition {
        LogPosition { cursor: at(millis), previous: at(millis - 1) }
    }

    #[test]
    fn caught_up_subscription_takes_every_event() {
        let mut state = DeliveryState::default();
        assert!(state.takes(Some(position(5))) && state.takes(None));
    }

    #[test]
    fn catching_up_skips_announcements_until_the_end_of_the_log() {
        let mut state = DeliveryState::catching_up();
        assert!(!state.takes(Some(position(5))));
        assert!(state.takes(None), "an event without a position is not in the log");
        assert_eq!(state.caught_up(at(4)), Some(at(5)), "5 was announced and is not read yet");
        assert_eq!(state.caught_up(at(5)), None);
        assert!(state.takes(Some(position(6))));
    }

    #[test]
    fn event_read_before_its_announcement_is_not_repeated() {
        let mut state = DeliveryState::catching_up();
        assert_eq!(state.caught_up(at(7)), None);
        assert!(!state.takes(Some(position(6))));
        assert!(!state.takes(Some(position(7))));
        assert!(state.takes(Some(position(8))));
        assert!(state.takes(Some(position(9))));
    }

    #[test]
    fn event_older_than_the_subscription_is_not_taken() {
        let mut subscription = Subscription::new(Arc::new(SendBuffer::new(1, 10)), at(5), DeliveryState::default());
        assert!(subscription.takes(LogKind::Durable, Some(position(5))).is_none());
        assert!(subscription.takes(LogKind::Durable, Some(position(6))).is_some());
        assert!(subscription.takes(LogKind::Durable, None).is_some());
    }

    #[test]
    fn full_buffer_starts_catch_up_at_the_overflowing_event() {
        let mut state = DeliveryState::default();
        state.fall_behind(at(5));
        assert_eq!(state.caught_up(at(4)), Some(at(5)));
        assert_eq!(state.caught_up(at(5)), None);
    }
}
