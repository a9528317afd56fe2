//! A snapshot of this node's sessions for operators. Taking one looks at every session.

use std::sync::Arc;

use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, ConnectionId, Cursor, NodeId};

pub use super::log_kind::ChannelLog;
use super::readers::Reading;
use super::send_buffer::SendBuffer;
use super::{Hub, Owner};
use crate::lifecycle::uptime_millis;

/// Maximum number of sessions in each list.
const MAX: usize = 50;

/// Takes a snapshot.
pub type Snapshots = Arc<dyn Fn() -> Snapshot + Send + Sync>;

/// The state of this node's hub.
#[derive(Debug)]
pub struct Snapshot {
    /// The node.
    pub node: NodeId,
    /// Number of sessions.
    pub sessions: usize,
    /// Number of subscribed channels.
    pub channels: usize,
    /// Number of sessions that are catching up.
    pub catching_up: usize,
    /// The sessions that have been catching up the longest.
    pub slowest: Vec<SessionInfo>,
    /// The sessions with the most queued bytes, the fullest buffer first.
    pub fullest: Vec<SessionInfo>,
}

/// One session.
#[derive(Debug)]
pub struct SessionInfo {
    /// The connection.
    pub connection: ConnectionId,
    /// The user.
    pub user: String,
    /// The device.
    pub device: Option<Arc<str>>,
    /// Milliseconds since the session began.
    pub age: u64,
    /// Bytes in the send buffer.
    pub buffered_bytes: usize,
    /// The logs that it reads to catch up.
    pub catching_up: Vec<CatchUpInfo>,
}

/// A log that a session reads to catch up.
#[derive(Debug)]
pub struct CatchUpInfo {
    /// The log.
    pub log: ChannelLog,
    /// Cursor up to which it has read.
    pub at: Cursor,
    /// End of the log, as far as this node knows.
    pub end: Cursor,
    /// Time between the two in milliseconds. `None` if it reads from the start.
    pub lag_millis: Option<u64>,
    /// Milliseconds since the reading started.
    pub age: u64,
}

impl Hub {
    /// Takes a snapshot.
    pub fn snapshot(&self) -> Snapshot {
        let (sessions, channels, buffers) = {
            let registry = self.lock();
            (registry.sessions(), registry.channels(), registry.send_buffers())
        };
        let (catching_up, slowest) = self.readers.slowest(MAX);
        let slowest = slowest.into_iter().filter_map(|number| self.session_info(number)).collect();
        let fullest = fullest(&buffers).into_iter().filter_map(|number| self.session_info(number)).collect();
        Snapshot { node: self.node, sessions, channels, catching_up, slowest, fullest }
    }

    /// Returns the sessions of one user on this node.
    pub fn sessions_of(&self, user: &str) -> Vec<SessionInfo> {
        let Ok(channel) = Channel::user(user) else { return Vec::new() };
        let numbers = self.lock().subscribers(&channel);
        numbers.into_iter().filter_map(|number| self.session_info(number)).collect()
    }

    fn session_info(&self, number: u64) -> Option<SessionInfo> {
        let (owner, buffer) = self.lock().session(number)?;
        let (now, readings) = (uptime_millis(), self.readers.of(number));
        Some(SessionInfo {
            connection: ConnectionId { node: self.node, number },
            user: user(&owner),
            device: owner.device,
            age: now.saturating_sub(owner.since),
            buffered_bytes: buffer.bytes(),
            catching_up: readings.into_iter().map(|reading| self.catch_up_info(reading, now)).collect(),
        })
    }

    fn catch_up_info(&self, reading: Reading, now: u64) -> CatchUpInfo {
        let Reading { log, read_to: at, started_at } = reading;
        let end = self.lock().end_of_log(&log).max(at);
        let lag_millis = (at > Cursor::START).then(|| end.millis.saturating_sub(at.millis));
        CatchUpInfo { log, at, end, lag_millis, age: now.saturating_sub(started_at) }
    }
}

fn user(owner: &Owner) -> String {
    match owner.user.kind() {
        Kind::User(user) => user.to_owned(),
        _ => owner.user.to_string(),
    }
}

/// Returns the numbers of the sessions with the most queued bytes.
fn fullest(buffers: &[Arc<SendBuffer>]) -> Vec<u64> {
    let buffered =
        |buffer: &Arc<SendBuffer>| Some((buffer.bytes(), buffer.number())).filter(|(bytes, _)| *bytes > 0);
    let mut found: Vec<(usize, u64)> = buffers.iter().filter_map(buffered).collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().take(MAX).map(|(_, number)| number).collect()
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::Class;

    use super::super::frame::Frame;
    use super::*;

    #[test]
    fn fullest_send_buffer_comes_first_and_empty_ones_are_left_out() {
        let buffer = |number: u64, bytes: usize| {
            let buffer = SendBuffer::new(number, 1_000);
            if bytes > 0 {
                let bytes = vec![b'x'; bytes].into();
                buffer.push(Frame { bytes, class: Class::Durable, accepted_at: 0, tracked: None });
            }
            Arc::new(buffer)
        };
        assert_eq!(fullest(&[buffer(1, 10), buffer(2, 0), buffer(3, 30)]), [3, 1]);
    }
}
