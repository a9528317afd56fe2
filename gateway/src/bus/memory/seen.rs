//! Which event ids were published of late, with what was answered.

use std::collections::{HashMap, VecDeque};

use wirebell_protocol::publish::Accepted;
use wirebell_protocol::{Channel, Prepared};

/// Ids remembered at the most; beyond that the oldest is forgotten early.
const MOST: usize = 200_000;

type Key = (Channel, Box<str>);

/// The memory of ids, forgotten in the order in which they came.
#[derive(Default)]
pub(super) struct Seen {
    answers: HashMap<Key, (Accepted, u64)>,
    order: VecDeque<(Key, u64)>,
}

impl Seen {
    /// What was answered to that id, if it is still remembered at `now` (milliseconds).
    pub(super) fn find(&mut self, channel: &Channel, id: &str, now: u64) -> Option<Accepted> {
        self.forget(now);
        self.answers.get(&(channel.clone(), id.into())).map(|(accepted, _)| *accepted)
    }

    /// Remembers the answer until `until` (milliseconds).
    pub(super) fn remember(&mut self, event: &Prepared, accepted: Accepted, until: u64) {
        let key = (event.channel.clone(), Box::from(event.id.as_str()));
        self.order.push_back((key.clone(), until));
        self.answers.insert(key, (accepted, until));
    }

    fn forget(&mut self, now: u64) {
        while let Some((key, until)) = self.order.front() {
            if *until > now && self.order.len() <= MOST {
                break;
            }
            self.answers.remove(key);
            self.order.pop_front();
        }
    }
}
