//! WebSocket close codes. 1000–1012 are those of RFC 6455 and its registry. 44xx are Wirebell's
//! own: the HTTP status with the same meaning plus 4000.

/// The close code that a node sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The client closed the connection.
    Normal = 1000,
    /// The node stops at once.
    GoingAway = 1001,
    /// The peer violated RFC 6455, for example with an unmasked frame.
    Protocol = 1002,
    /// The client sent a text frame that is not UTF-8.
    InvalidText = 1007,
    /// The client sent too many invalid frames.
    Policy = 1008,
    /// The node failed, or the bus was unavailable.
    Internal = 1011,
    /// The node is being replaced; the client should reconnect to another node.
    Restart = 1012,
    /// The token is missing, invalid or expired.
    Token = 4401,
    /// The token was revoked, or the session is not allowed.
    Forbidden = 4403,
    /// The client did not send a token within the authentication timeout.
    AuthTimeout = 4408,
    /// A newer connection of the user replaced this one.
    Replaced = 4409,
    /// The client sent a frame larger than the limit.
    FrameTooLarge = 4413,
    /// There are too many connections, or too many sessions of the user.
    TooMany = 4429,
}

impl CloseCode {
    /// Returns the number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }
}
