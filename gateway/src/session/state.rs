//! What a frame or the time means to a session: pure, so that every case can be tried without a socket. It reads no
//! clock: the caller says what time it is, in milliseconds.

use std::num::NonZeroU64;

use wirebell_protocol::frame::client::{ClientFrame, FrameError};
use wirebell_protocol::inbox::Emission;
use wirebell_protocol::{Channel, Cursor, Fault};

use super::expiry::{Due, Expiry};
use super::goodbye::Goodbye;
use super::limits::MOST_FAULTS;

/// An admitted session.
#[derive(Debug)]
pub(super) struct State {
    expiry: Expiry,
    /// When it has to have left, once it was told to.
    leave_at: Option<NonZeroU64>,
    /// Frames in a row that were not understood.
    faults: u8,
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
    Refuse(FrameError),
    /// Say that the token expires soon.
    Expiring,
    /// End.
    Close(Goodbye),
    /// Nothing.
    Nothing,
}

impl State {
    /// A session whose token lives for `token_left` milliseconds, and which says so `notice` before its end.
    pub(super) fn new(now: u64, token_left: u64, notice: u64) -> Self {
        Self { expiry: Expiry::new(now, token_left, notice), leave_at: None, faults: 0 }
    }

    /// When the session has to look at the time again.
    pub(super) fn due(&self) -> u64 {
        let due = self.expiry.due();
        self.leave_at.map_or(due, |leave_at| leave_at.get().min(due))
    }

    /// A frame from the client.
    pub(super) fn frame(&mut self, frame: Result<ClientFrame, FrameError>) -> Action {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return self.fault(error),
        };
        self.faults = 0;
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
        self.fault(FrameError { fault: Fault::BinaryFrame, message, reference: None })
    }

    fn fault(&mut self, error: FrameError) -> Action {
        self.faults += 1;
        if self.faults >= MOST_FAULTS { Action::Close(Goodbye::Faults) } else { Action::Refuse(error) }
    }

    /// The time has come that [`State::due`] named.
    pub(super) fn tick(&mut self, now: u64) -> Action {
        if self.leave_at.is_some_and(|at| at.get() <= now) {
            return Action::Close(Goodbye::Drain);
        }
        match self.expiry.check(now) {
            Some(Due::End) => Action::Close(Goodbye::Expired),
            Some(Due::Notice) => Action::Expiring,
            None => Action::Nothing,
        }
    }

    /// A new token lives for `left` more.
    pub(super) fn renewed(&mut self, now: u64, left: u64, notice: u64) {
        self.expiry = Expiry::new(now, left, notice);
    }

    /// The session has to have left in `after` milliseconds.
    pub(super) fn leave(&mut self, now: u64, after: u64) {
        self.leave_at = NonZeroU64::new((now + after).max(1));
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
        for _ in 1..MOST_FAULTS {
            assert!(matches!(state.frame(ClientFrame::parse("nonsense")), Action::Refuse(_)));
        }
        assert!(matches!(state.frame(ClientFrame::parse(r#"{"type":"wirebell.ping"}"#)), Action::Pong { .. }));
        for _ in 1..MOST_FAULTS {
            assert!(matches!(state.binary(), Action::Refuse(_)));
        }
        assert_eq!(state.binary(), Action::Close(Goodbye::Faults));
    }

    #[test]
    fn a_token_is_asked_for_in_time_and_a_new_one_is_good_for_longer() {
        let mut state = session(400);
        assert_eq!(state.due(), 300);
        assert_eq!(state.tick(300), Action::Expiring);
        state.renewed(350, 10_000, NOTICE);
        assert_eq!(state.tick(400), Action::Nothing);
        assert_eq!(state.tick(10_350), Action::Close(Goodbye::Expired));
    }

    #[test]
    fn it_leaves_when_it_was_told_to() {
        let mut state = session(100_000);
        state.leave(10, 40);
        assert_eq!(state.due(), 50);
        assert_eq!(state.tick(50), Action::Close(Goodbye::Drain));
    }
}
