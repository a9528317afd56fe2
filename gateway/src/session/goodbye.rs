//! Why a session ended: a label for the metric, a close code for the client.

use wirebell_protocol::{CloseCode, Fault};

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goodbye {
    /// The client closed, or its connection is gone.
    Client,
    /// The client gave no sign of life.
    Dead,
    /// The client took nothing for too long.
    Stalled,
    /// The token expired and was not renewed.
    Expired,
    /// The node is being drained.
    Drain,
    /// A newer session of the user has taken this one's place.
    Replaced,
    /// A service wants it to end.
    Disconnected,
    /// The token was revoked.
    Revoked,
    /// The process ends at once.
    Stop,
    /// Too many frames that were not understood.
    Faults,
    /// A frame larger than the limit.
    TooLarge,
    /// A text frame that is not text.
    NotText,
    /// The client broke the transport's protocol.
    Protocol,
}

impl Goodbye {
    /// The label of the metric.
    pub fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Dead => "dead",
            Self::Stalled => "stalled",
            Self::Expired => "expired",
            Self::Drain => "drain",
            Self::Replaced => "replaced",
            Self::Disconnected => "disconnected",
            Self::Revoked => "revoked",
            Self::Stop => "stop",
            Self::Faults => "faults",
            Self::TooLarge => "too_large",
            Self::NotText => "not_text",
            Self::Protocol => "protocol",
        }
    }

    /// What the client is told, unless there is nobody left to tell.
    pub fn close(self) -> Option<(CloseCode, &'static str)> {
        match self {
            Self::Client => Some((CloseCode::Normal, "")),
            Self::Dead | Self::Stalled => None,
            Self::Expired => Some((CloseCode::Token, "the token has expired")),
            Self::Drain => Some((CloseCode::Restart, "the node is being replaced; come back")),
            Self::Replaced => Some((CloseCode::Replaced, "another connection of this user took this one's place")),
            Self::Disconnected => Some((CloseCode::Forbidden, "disconnected by a service")),
            Self::Revoked => Some((CloseCode::Forbidden, "the token was revoked")),
            Self::Stop => Some((CloseCode::GoingAway, "the node stops")),
            Self::Faults => Some((CloseCode::Policy, "too many frames that were not understood")),
            Self::TooLarge => Some((CloseCode::FrameTooLarge, "a frame was larger than the limit")),
            Self::NotText => Some((CloseCode::InvalidText, "a text frame must be UTF-8")),
            Self::Protocol => Some((CloseCode::Protocol, "not as RFC 6455 has it")),
        }
    }
}

/// How a connection is closed that was refused.
pub(super) fn close_code(fault: Fault) -> CloseCode {
    match fault {
        Fault::AuthTimeout => CloseCode::AuthTimeout,
        Fault::NotAllowed | Fault::UserMismatch | Fault::TokenRevoked => CloseCode::Forbidden,
        Fault::TooMany | Fault::TooManySessions => CloseCode::TooMany,
        Fault::FrameTooLarge => CloseCode::FrameTooLarge,
        Fault::Draining => CloseCode::Restart,
        Fault::Unavailable | Fault::Internal => CloseCode::Internal,
        Fault::BadRequest => CloseCode::Protocol,
        _ => CloseCode::Token,
    }
}
