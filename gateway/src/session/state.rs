//! Decides what a frame or a timer means for a session. Pure, which makes every case testable
//! without a socket. It reads no clock: the caller passes the time in milliseconds.

use std::num::NonZeroU64;

use wirebell_protocol::frame::client::{ClientFrame, FrameError};
use wirebell_protocol::inbox::Emission;
use wirebell_protocol::{Channel, Cursor, ErrorCode};

use super::close_reason::CloseReason;
use super::expiry::{Due, Expiry};
use super::limits::MAX_INVALID_FRAMES;

/// The state of an accepted session.
#[derive(Debug)]
pub(super) struct State {
    expiry: Expiry,
    /// When a draining node closes the session.
    close_at: Option<NonZeroU64>,
    /// Invalid frames in a row.
    invalid_frames: u8,
}

/// What the session does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Verify the token, and continue with it.
    Renew { token: String, reference: Option<String> },
    /// Subscribe to the channel, if the token permits it.
    Subscribe { channel: Channel, cursor: Option<Cursor>, reference: Option<String> },
    /// Replay the events after these cursors.
    Resume { cursors: Vec<(Channel, Cursor)>, reference: Option<String> },
    /// Unsubscribe from the channel.
    Unsubscribe { channel: Channel, reference: Option<String> },
    /// The client handled everything on the channel up to the cursor.
    Acknowledge { channel: Channel, cursor: Cursor, reference: Option<String> },
    /// Add an event to the inbox, if the token permits it.
    Emit(Box<Emission>),
    /// Answer a ping.
    Pong { reference: Option<String> },
    /// Send an error for an invalid frame.
    SendError(FrameError),
    /// Warn the client that its token expires soon.
    NotifyExpiring,
    /// Close the session.
    Close(CloseReason),
    /// Do nothing.
    Nothing,
}

impl State {
    /// Creates the state for a token that is valid for `token_left` milliseconds; the client is
    /// warned `notice` before its end.
    pub(super) fn new(now: u64, token_left: u64, notice: u64) -> Self {
        Self { expiry: Expiry::new(now, token_left, notice), close_at: None, invalid_frames: 0 }
    }

    /// Returns the time at which [`State::tick`] has to be called.
    pub(super) fn wake_at(&self) -> u64 {
        let wake_at = self.expiry.due();
        self.close_at.map_or(wake_at, |close_at| close_at.get().min(wake_at))
    }

    /// Handles a frame from the client.
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

    /// Handles a binary frame, which is never valid.
    pub(super) fn binary(&mut self) -> Action {
        let message = "binary frames are not supported; send frames as JSON text".into();
        self.invalid_frame(FrameError { code: ErrorCode::BinaryFrame, message, reference: None })
    }

    fn invalid_frame(&mut self, error: FrameError) -> Action {
        self.invalid_frames += 1;
        if self.invalid_frames >= MAX_INVALID_FRAMES {
            Action::Close(CloseReason::InvalidFrames)
        } else {
            Action::SendError(error)
        }
    }

    /// Handles a timer: the time that [`State::wake_at`] returned has come.
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

    /// Replaces the token by one that is valid for `left` more.
    pub(super) fn renewed(&mut self, now: u64, left: u64, notice: u64) {
        self.expiry = Expiry::new(now, left, notice);
    }

    /// Closes the session in `after` milliseconds.
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
    fn invalid_frames_in_a_row_close_the_session_and_a_valid_one_resets_the_count() {
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
    fn client_is_warned_before_expiry_and_a_new_token_extends_the_session() {
        let mut state = session(400);
        assert_eq!(state.wake_at(), 300);
        assert_eq!(state.tick(300), Action::NotifyExpiring);
        state.renewed(350, 10_000, NOTICE);
        assert_eq!(state.tick(400), Action::Nothing);
        assert_eq!(state.tick(10_350), Action::Close(CloseReason::TokenExpired));
    }

    #[test]
    fn draining_session_closes_after_its_delay() {
        let mut state = session(100_000);
        state.close_within(10, 40);
        assert_eq!(state.wake_at(), 50);
        assert_eq!(state.tick(50), Action::Close(CloseReason::Drain));
    }
}
