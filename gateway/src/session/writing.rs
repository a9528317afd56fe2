//! Writes to the client, with a timeout.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::timeout;

use super::Sessions;
use super::close_reason::CloseReason;
use super::peer::{Disconnected, Peer};
use super::serve::{Session, Step};
use crate::hub::Frame;

/// Bytes of one write; the write timeout applies to each.
const WRITE_BYTES: usize = 16 * 1024;

impl<P: Peer> Session<P> {
    /// Writes one frame.
    pub(super) async fn write(&mut self, frame: Bytes) -> Step {
        let peer = &mut self.peer;
        let writing = async {
            peer.feed(frame).await?;
            peer.flush().await
        };
        with_write_timeout(&self.shared, writing).await
    }

    /// Sends a ping.
    pub(super) async fn ping(&mut self) -> Step {
        with_write_timeout(&self.shared, self.peer.ping()).await
    }

    /// Writes the buffered frames in several writes, each with its own timeout, which gives a slow
    /// client time for each.
    pub(super) async fn deliver(&mut self, mut frames: VecDeque<Frame>) -> Step {
        if frames.is_empty() {
            return with_write_timeout(&self.shared, self.peer.flush()).await;
        }
        while !frames.is_empty() {
            let (mut bytes, mut count) = (0, 0);
            let peer = &mut self.peer;
            let writing = async {
                for frame in &frames {
                    if bytes >= WRITE_BYTES {
                        break;
                    }
                    bytes += frame.bytes.len();
                    count += 1;
                    peer.feed(frame.bytes.clone()).await?;
                }
                peer.flush().await
            };
            with_write_timeout(&self.shared, writing).await?;
            self.shared.hub.meters().written(frames.range(..count));
            for frame in frames.drain(..count) {
                if let Some(event) = &frame.tracked {
                    self.written(event);
                }
            }
        }
        Ok(())
    }
}

/// Runs a write, and ends the session if the client accepts nothing within the timeout.
async fn with_write_timeout(shared: &Sessions, writing: impl Future<Output = Result<(), Disconnected>>) -> Step {
    match timeout(shared.limits.write_timeout, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Disconnected)) => Err(CloseReason::Client),
        Err(_) => Err(CloseReason::WriteTimeout),
    }
}
