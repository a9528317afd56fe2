//! A snapshot: what there is on this node, for people to look at. It is made when somebody asks, and costs a look at
//! every session then.

use std::sync::Arc;

use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, ConnectionId, Cursor, NodeId};

pub use super::line::Line;
use super::outbox::Outbox;
use super::reading::Reading;
use super::{Hub, Owner};
use crate::lifecycle::uptime_millis;

/// Sessions that are listed by name, of each kind.
const MOST: usize = 50;

/// Makes a snapshot when it is called.
pub type Snapshots = Arc<dyn Fn() -> Snapshot + Send + Sync>;

/// What there is on this node.
#[derive(Debug)]
pub struct Snapshot {
    /// The node.
    pub node: NodeId,
    /// Sessions.
    pub sessions: usize,
    /// Channels that are listened for.
    pub channels: usize,
    /// Sessions that read a log or retained values by themselves.
    pub behind: usize,
    /// Those of them that have done so for longest.
    pub slowest: Vec<Sitting>,
    /// Those for whom most waits, the fullest outbox first.
    pub fullest: Vec<Sitting>,
}

/// One session.
#[derive(Debug)]
pub struct Sitting {
    /// Its connection.
    pub connection: ConnectionId,
    /// Whose it is.
    pub user: String,
    /// From which device.
    pub device: Option<Arc<str>>,
    /// For how many milliseconds it has been there.
    pub age: u64,
    /// Bytes that wait for it.
    pub waiting: usize,
    /// What it reads by itself.
    pub behind: Vec<Lagging>,
}

/// A line that a session reads by itself.
#[derive(Debug)]
pub struct Lagging {
    /// Which one.
    pub line: Line,
    /// It has read up to here.
    pub at: Cursor,
    /// Here it ends, as far as this node knows.
    pub end: Cursor,
    /// How many milliseconds of events lie in between; none if it reads from the beginning.
    pub behind: Option<u64>,
    /// For how many milliseconds it has been reading.
    pub age: u64,
}

impl Hub {
    /// What there is now.
    pub fn snapshot(&self) -> Snapshot {
        let (sessions, channels, everyone) = {
            let registry = self.lock();
            (registry.sessions(), registry.channels(), registry.everyone())
        };
        let (behind, slowest) = self.readers.slowest(MOST);
        let slowest = slowest.into_iter().filter_map(|number| self.sitting(number)).collect();
        let fullest = fullest(&everyone).into_iter().filter_map(|number| self.sitting(number)).collect();
        Snapshot { node: self.node, sessions, channels, behind, slowest, fullest }
    }

    /// The sessions of one user on this node.
    pub fn sessions_of(&self, user: &str) -> Vec<Sitting> {
        let Ok(channel) = Channel::user(user) else { return Vec::new() };
        let numbers = self.lock().listeners(&channel);
        numbers.into_iter().filter_map(|number| self.sitting(number)).collect()
    }

    fn sitting(&self, number: u64) -> Option<Sitting> {
        let (owner, outbox) = self.lock().sitting(number)?;
        let (now, readings) = (uptime_millis(), self.readers.of(number));
        Some(Sitting {
            connection: ConnectionId { node: self.node, number },
            user: user(&owner),
            device: owner.device,
            age: now.saturating_sub(owner.since),
            waiting: outbox.bytes(),
            behind: readings.into_iter().map(|reading| self.lagging(reading, now)).collect(),
        })
    }

    fn lagging(&self, reading: Reading, now: u64) -> Lagging {
        let Reading { line, at, began } = reading;
        let end = self.lock().end_of(&line).max(at);
        let behind = (at > Cursor::START).then(|| end.millis.saturating_sub(at.millis));
        Lagging { line, at, end, behind, age: now.saturating_sub(began) }
    }
}

fn user(owner: &Owner) -> String {
    match owner.user.kind() {
        Kind::User(user) => user.to_owned(),
        _ => owner.user.to_string(),
    }
}

/// The numbers of those for whom most waits, if anything does.
fn fullest(everyone: &[Arc<Outbox>]) -> Vec<u64> {
    let waiting = |outbox: &Arc<Outbox>| Some((outbox.bytes(), outbox.number())).filter(|(bytes, _)| *bytes > 0);
    let mut found: Vec<(usize, u64)> = everyone.iter().filter_map(waiting).collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().take(MOST).map(|(_, number)| number).collect()
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::Class;

    use super::super::frame::Frame;
    use super::*;

    #[test]
    fn the_fullest_outbox_comes_first_and_an_empty_one_not_at_all() {
        let outbox = |number: u64, bytes: usize| {
            let outbox = Outbox::new(number, 1_000);
            if bytes > 0 {
                let bytes = vec![b'x'; bytes].into();
                outbox.offer(Frame { bytes, class: Class::Durable, accepted_at: 0, watched: None });
            }
            Arc::new(outbox)
        };
        assert_eq!(fullest(&[outbox(1, 10), outbox(2, 0), outbox(3, 30)]), [3, 1]);
    }
}
