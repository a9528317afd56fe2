//! How a client is connected.

/// How a client is connected: a name, by which nothing is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// Server-Sent Events.
    Sse,
    /// Socket.IO, over whatever carries it.
    SocketIo,
}

impl Transport {
    /// The word for it, in metrics, histories and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
            Self::SocketIo => "socketio",
        }
    }

    /// The one of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::WebSocket, Self::Sse, Self::SocketIo].into_iter().find(|transport| transport.as_str() == name)
    }
}
