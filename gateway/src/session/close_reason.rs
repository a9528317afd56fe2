//! Why a session ended: a label for the metric, a close code for the client.

use wirebell_protocol::{CloseCode, ErrorCode};

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The client closed, or the connection was lost.
    Client,
    /// The client answered no heartbeat.
    HeartbeatTimeout,
    /// The client accepted no bytes within the write timeout.
    WriteTimeout,
    /// The token expired and was not renewed.
    TokenExpired,
    /// The node is being drained.
    Drain,
    /// A newer session of the user replaced this one.
    Replaced,
    /// A service disconnected the session.
    DisconnectedByService,
    /// The token was revoked.
    TokenRevoked,
    /// The process stops at once.
    Shutdown,
    /// The client sent too many invalid frames in a row.
    InvalidFrames,
    /// The client sent a frame larger than the limit.
    FrameTooLarge,
    /// The client sent a text frame that is not UTF-8.
    InvalidUtf8,
    /// The client broke the transport's protocol.
    ProtocolError,
}

impl CloseReason {
    /// Returns the label of the metric.
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

    /// Returns the close code and reason for the client. `None` if the client can no longer receive
    /// them.
    pub fn close_frame(self) -> Option<(CloseCode, &'static str)> {
        match self {
            Self::Client => Some((CloseCode::Normal, "")),
            Self::HeartbeatTimeout | Self::WriteTimeout => None,
            Self::TokenExpired => Some((CloseCode::Token, "the token has expired")),
            Self::Drain => Some((CloseCode::Restart, "the node is being replaced; reconnect")),
            Self::Replaced => Some((CloseCode::Replaced, "replaced by another connection of this user")),
            Self::DisconnectedByService => Some((CloseCode::Forbidden, "disconnected by a service")),
            Self::TokenRevoked => Some((CloseCode::Forbidden, "the token was revoked")),
            Self::Shutdown => Some((CloseCode::GoingAway, "the node is shutting down")),
            Self::InvalidFrames => Some((CloseCode::Policy, "too many invalid frames in a row")),
            Self::FrameTooLarge => Some((CloseCode::FrameTooLarge, "the frame is larger than the limit")),
            Self::InvalidUtf8 => Some((CloseCode::InvalidText, "a text frame must be UTF-8")),
            Self::ProtocolError => Some((CloseCode::Protocol, "protocol violation: see RFC 6455")),
        }
    }
}

/// Returns the close code for a rejected connection.
pub(super) fn close_code(code: ErrorCode) -> CloseCode {
    match code {
        ErrorCode::AuthTimeout => CloseCode::AuthTimeout,
        ErrorCode::NotAllowed | ErrorCode::UserMismatch | ErrorCode::TokenRevoked => CloseCode::Forbidden,
        ErrorCode::TooMany | ErrorCode::TooManySessions => CloseCode::TooMany,
        ErrorCode::FrameTooLarge => CloseCode::FrameTooLarge,
        ErrorCode::Draining => CloseCode::Restart,
        ErrorCode::Unavailable | ErrorCode::Internal => CloseCode::Internal,
        ErrorCode::BadRequest => CloseCode::Protocol,
        _ => CloseCode::Token,
    }
}
