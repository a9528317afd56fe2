//! A WebSocket with the CloudEvents subprotocol: every frame in both directions is a JSON
//! CloudEvent. It has no wire, since the hub writes frames in another form. So an event wakes its
//! session, and other sessions are not slowed down.

use bytes::Bytes;
use wirebell_protocol::CloseCode;
use wirebell_protocol::cloudevents;
use wirebell_protocol::frame::client::{ClientFrame, FrameError};

use super::socket::Socket;
use crate::session::{Disconnected, Incoming, Peer};

/// A WebSocket that translates frames to and from CloudEvents.
pub(super) struct CloudEvents {
    socket: Socket,
}

impl CloudEvents {
    pub(super) fn over(socket: Socket) -> Self {
        Self { socket }
    }
}

impl Peer for CloudEvents {
    type Text = String;

    fn parse(text: &str) -> Result<ClientFrame, FrameError> {
        cloudevents::client_frame(text)
    }

    fn receive(&mut self) -> impl Future<Output = Incoming<String>> + Send {
        self.socket.receive()
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), Disconnected> {
        self.socket.feed(cloudevents::encode(&frame, || ulid::Ulid::generate().to_string())).await
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Disconnected>> + Send {
        Peer::flush(&mut self.socket)
    }

    fn ping(&mut self) -> impl Future<Output = Result<(), Disconnected>> + Send {
        self.socket.ping()
    }

    fn close(&mut self, code: CloseCode, reason: &'static str) -> impl Future<Output = ()> + Send {
        Peer::close(&mut self.socket, code, reason)
    }
}
