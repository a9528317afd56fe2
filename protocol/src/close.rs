//! Close codes: how a connection ended. 1000–1012 are those of RFC 6455 and its registry; 44xx are Wirebell's,
//! each the HTTP status of the same meaning plus 4000.

/// How a WebSocket connection was closed by the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The client said goodbye.
    Normal = 1000,
    /// The node is stopping at once.
    GoingAway = 1001,
    /// The peer broke RFC 6455, as with an unmasked frame.
    Protocol = 1002,
    /// A text frame that is not UTF-8.
    InvalidText = 1007,
    /// The client keeps sending what is not understood.
    Policy = 1008,
    /// A fault of the node, or the bus stayed out of reach.
    Internal = 1011,
    /// The node is being replaced: come back, to another one.
    Restart = 1012,
    /// The token is missing, bad or expired.
    Token = 4401,
    /// The token was revoked, or this is not allowed.
    Forbidden = 4403,
    /// No token within the time to authenticate.
    AuthTimeout = 4408,
    /// Another connection took this one's place.
    Replaced = 4409,
    /// A frame was larger than the limit.
    FrameTooLarge = 4413,
    /// Too many connections, or too much that was not taken in time.
    TooMany = 4429,
}

impl CloseCode {
    /// The number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }
}
