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
        Fault::NotAllowed | Fault::UserMismatch => CloseCode::Forbidden,
        Fault::TooMany => CloseCode::TooMany,
        Fault::FrameTooLarge => CloseCode::FrameTooLarge,
        Fault::Draining => CloseCode::Restart,
        Fault::Unavailable | Fault::Internal => CloseCode::Internal,
        Fault::BadRequest => CloseCode::Protocol,
        _ => CloseCode::Token,
    }
}
