//! What a frame or the time means to a session: pure, so that every case can be tried without a socket. It reads no
//! clock: the caller says what time it is, in milliseconds.

use std::num::NonZeroU64;

use wirebell_protocol::frame::client::{ClientFrame, FrameError};
use wirebell_protocol::inbox::Emission;
use wirebell_protocol::{Channel, Cursor, Fault};

use super::close_reason::CloseReason;
use super::expiry::{Due, Expiry};
use super::limits::MAX_INVALID_FRAMES;

/// An accepted session.
#[derive(Debug)]
pub(super) struct State {
    expiry: Expiry,
    /// When it has to have left, once it was told to.
    close_at: Option<NonZeroU64>,
    /// Frames in a row that were not understood.
    invalid_frames: u8,
}

/// What a session has to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Check the token, and go on with it.
    Renew { token: String, reference: Option<String> },
    /// Listen for the channel, if the token permits it.
    Subscribe { channel: Channel, cursor: Option<Cursor>, reference: Option<String> },
    /// Read what was missed behind these cursors.
    Resume { cursors: Vec<(Channel, Cursor)>, reference: Option<String> },
    /// Listen no longer.
    Unsubscribe { channel: Channel, reference: Option<String> },
    /// Everything on the channel up to the cursor was handled.
    Acknowledge { channel: Channel, cursor: Cursor, reference: Option<String> },
    /// Put an event into the inbox, if the token permits it.
    Emit(Box<Emission>),
    /// Answer a ping.
    Pong { reference: Option<String> },
    /// Say what was wrong.
    SendError(FrameError),
    /// Say that the token expires soon.
    NotifyExpiring,
    /// End.
    Close(CloseReason),
    /// Nothing.
    Nothing,
}

impl State {
    /// A session whose token lives for `token_left` milliseconds, and which says so `notice` before its end.
    pub(super) fn new(now: u64, token_left: u64, notice: u64) -> Self {
        Self { expiry: Expiry::new(now, token_left, notice), close_at: None, invalid_frames: 0 }
    }

    /// When the session has to look at the time again.
    pub(super) fn wake_at(&self) -> u64 {
        let wake_at = self.expiry.due();
        self.close_at.map_or(wake_at, |close_at| close_at.get().min(wake_at))
    }

    /// A frame from the client.
    pub(super) fn frame(&mut self, frame: Result<ClientFrame, FrameError>) -> Action {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return self.invalid_frame(error),
        };
        self.invalid_frames = 0;
        match frame {
            ClientFrame::Auth { token, reference } => Action::Renew { token, reference },
            ClientFrame::Subscribe { channel, cursor, reference } => {
                Action::Subscribe { channel, cursor, reference }
            }
            ClientFrame::Resume { cursors, reference } => Action::Resume { cursors, reference },
            ClientFrame::Unsubscribe { channel, reference } => Action::Unsubscribe { channel, reference },
            ClientFrame::Ack { channel, cursor, reference } => Action::Acknowledge { channel, cursor, reference },
            ClientFrame::Ping { reference } => Action::Pong { reference },
            ClientFrame::Emit(emission) => Action::Emit(emission),
        }
    }

    /// A frame that cannot be one.
    pub(super) fn binary(&mut self) -> Action {
        let message = "binary frames are not understood; frames are JSON text".into();
        self.invalid_frame(FrameError { fault: Fault::BinaryFrame, message, reference: None })
    }

    fn invalid_frame(&mut self, error: FrameError) -> Action {
        self.invalid_frames += 1;
        if self.invalid_frames >= MAX_INVALID_FRAMES {
            Action::Close(CloseReason::InvalidFrames)
        } else {
            Action::SendError(error)
        }
    }

    /// The time has come that [`State::wake_at`] named.
    pub(super) fn tick(&mut self, now: u64) -> Action {
        if self.close_at.is_some_and(|at| at.get() <= now) {
            return Action::Close(CloseReason::Drain);
        }
        match self.expiry.check(now) {
            Some(Due::Expired) => Action::Close(CloseReason::TokenExpired),
            Some(Due::Warning) => Action::NotifyExpiring,
            None => Action::Nothing,
        }
    }

    /// A new token lives for `left` more.
    pub(super) fn renewed(&mut self, now: u64, left: u64, notice: u64) {
        self.expiry = Expiry::new(now, left, notice);
    }

    /// The session has to have left in `after` milliseconds.
    pub(super) fn close_within(&mut self, now: u64, after: u64) {
        self.close_at = NonZeroU64::new((now + after).max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTICE: u64 = 100;

    fn session(token_left: u64) -> State {
        State::new(0, token_left, NOTICE)
    }

    #[test]
    fn faults_in_a_row_end_it_and_a_good_frame_forgives_them() {
        let mut state = session(100_000);
        for _ in 1..MAX_INVALID_FRAMES {
            assert!(matches!(state.frame(ClientFrame::parse("nonsense")), Action::SendError(_)));
        }
        assert!(matches!(state.frame(ClientFrame::parse(r#"{"type":"wirebell.ping"}"#)), Action::Pong { .. }));
        for _ in 1..MAX_INVALID_FRAMES {
            assert!(matches!(state.binary(), Action::SendError(_)));
        }
        assert_eq!(state.binary(), Action::Close(CloseReason::InvalidFrames));
    }

    #[test]
    fn a_token_is_asked_for_in_time_and_a_new_one_is_good_for_longer() {
        let mut state = session(400);
        assert_eq!(state.wake_at(), 300);
        assert_eq!(state.tick(300), Action::NotifyExpiring);
        state.renewed(350, 10_000, NOTICE);
        assert_eq!(state.tick(400), Action::Nothing);
        assert_eq!(state.tick(10_350), Action::Close(CloseReason::TokenExpired));
    }

    #[test]
    fn it_leaves_when_it_was_told_to() {
        let mut state = session(100_000);
        state.close_within(10, 40);
        assert_eq!(state.wake_at(), 50);
        assert_eq!(state.tick(50), Action::Close(CloseReason::Drain));
    }
}
