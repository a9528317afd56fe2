//! The wire by which the hub writes to a client while its session is idle. It needs a WebSocket.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use super::encode;
use super::engine::PING;
use crate::session::{Frame, Pinged, Wire, Written};
use crate::transport::websocket::{Sender, Socket, write_text};

/// The WebSocket's sender. Empty while the client polls.
#[derive(Debug, Default)]
pub(super) struct SocketWire(OnceLock<Arc<Sender>>);

impl SocketWire {
    pub(super) fn is_open(&self) -> bool {
        self.0.get().is_some()
    }

    pub(super) fn open(&self, socket: &Socket) {
        let _ = self.0.set(Arc::clone(socket.sender()));
    }
}

impl Wire for SocketWire {
    fn try_write(&self, frames: &VecDeque<Frame>) -> Written {
        let Some(sender) = self.0.get() else { return Written::Some(0) };
        sender.try_write_as(frames, |frame, into| {
            encode::packets(&frame.bytes, None, |packet| write_text(packet.as_bytes(), into));
        })
    }
    fn try_ping(&self) -> Pinged {
        let Some(sender) = self.0.get() else { return Pinged::Unable };
        sender.try_ping_as(|into| write_text(PING.as_bytes(), into))
    }
}
