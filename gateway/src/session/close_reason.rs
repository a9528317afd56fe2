//! Why a session ended: a label for the metric, a close_frame code for the client.

use wirebell_protocol::{CloseCode, Fault};

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The client closed, or its connection is gone.
    Client,
    /// The client gave no sign of life.
    HeartbeatTimeout,
    /// The client took nothing for too long.
    WriteTimeout,
    /// The token expired and was not renewed.
    TokenExpired,
    /// The node is being drained.
    Drain,
    /// A newer session of the user has taken this one's place.
    Replaced,
    /// A service wants it to end.
    DisconnectedByService,
    /// The token was revoked.
    TokenRevoked,
    /// The process ends at once.
    Shutdown,
    /// Too many frames that were not understood.
    InvalidFrames,
    /// A frame larger than the limit.
    FrameTooLarge,
    /// A text frame that is not text.
    InvalidUtf8,
    /// The client broke the transport's protocol.
    ProtocolError,
}

impl CloseReason {
    /// The label of the metric.
    pub fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::HeartbeatTimeout => "dead",
            Self::WriteTimeout => "stalled",
            Self::TokenExpired => "expired",
            Self::Drain => "drain",
            Self::Replaced => "replaced",
            Self::DisconnectedByService => "disconnected",
            Self::TokenRevoked => "revoked",
            Self::Shutdown => "stop",
            Self::InvalidFrames => "faults",
            Self::FrameTooLarge => "too_large",
            Self::InvalidUtf8 => "not_text",
            Self::ProtocolError => "protocol",
        }
    }

    /// What the client is told, unless there is nobody left to tell.
    pub fn close_frame(self) -> Option<(CloseCode, &'static str)> {
        match self {
            Self::Client => Some((CloseCode::Normal, "")),
            Self::HeartbeatTimeout | Self::WriteTimeout => None,
            Self::TokenExpired => Some((CloseCode::Token, "the token has expired")),
            Self::Drain => Some((CloseCode::Restart, "the node is being replaced; come back")),
            Self::Replaced => Some((CloseCode::Replaced, "another connection of this user took this one's place")),
            Self::DisconnectedByService => Some((CloseCode::Forbidden, "disconnected by a service")),
            Self::TokenRevoked => Some((CloseCode::Forbidden, "the token was revoked")),
            Self::Shutdown => Some((CloseCode::GoingAway, "the node stops")),
            Self::InvalidFrames => Some((CloseCode::Policy, "too many frames that were not understood")),
            Self::FrameTooLarge => Some((CloseCode::FrameTooLarge, "a frame was larger than the limit")),
            Self::InvalidUtf8 => Some((CloseCode::InvalidText, "a text frame must be UTF-8")),
            Self::ProtocolError => Some((CloseCode::Protocol, "not as RFC 6455 has it")),
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
