//! The ids of recently published events, for deduplication.

use std::collections::{HashMap, VecDeque};

use wirebell_protocol::publish::Accepted;
use wirebell_protocol::{Channel, Prepared};

/// Maximum number of remembered ids. Beyond it, the oldest is forgotten early.
const MAX_IDS: usize = 200_000;

type Key = (Channel, Box<str>);

/// Remembers the answer to each id, and forgets ids in the order in which they were added.
#[derive(Default)]
pub(super) struct SeenIds {
    answers: HashMap<Key, (Accepted, u64)>,
    order: VecDeque<(Key, u64)>,
}

impl SeenIds {
    /// Returns the answer to the id if it is still remembered at `now`, in milliseconds.
    pub(super) fn find(&mut self, channel: &Channel, id: &str, now: u64) -> Option<Accepted> {
        self.forget_expired(now);
        self.answers.get(&(channel.clone(), id.into())).map(|(accepted, _)| *accepted)
    }

    /// Remembers the answer until `until`, in milliseconds.
    pub(super) fn insert(&mut self, event: &Prepared, accepted: Accepted, until: u64) {
        let key = (event.channel.clone(), Box::from(event.id.as_str()));
        self.order.push_back((key.clone(), until));
        self.answers.insert(key, (accepted, until));
    }

    fn forget_expired(&mut self, now: u64) {
        while let Some((key, until)) = self.order.front() {
            if *until > now && self.order.len() <= MAX_IDS {
                break;
            }
            self.answers.remove(key);
            self.order.pop_front();
        }
    }
}
