//! Transports: how a client is connected.

/// The transport of a client. It is only a label; no decision depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// Server-Sent Events.
    Sse,
    /// Socket.IO, over polling or WebSocket.
    SocketIo,
}

impl Transport {
    /// Returns the name used in metrics, connection logs and replies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
            Self::SocketIo => "socketio",
        }
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::WebSocket, Self::Sse, Self::SocketIo].into_iter().find(|transport| transport.as_str() == name)
    }
}
