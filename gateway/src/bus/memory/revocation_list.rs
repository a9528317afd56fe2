//! The revocations of the embedded bus.

use wirebell_protocol::revocation::{Revocation, Revocations, Tokens};

/// All revocations, and a counter of changes that serves as their version.
#[derive(Default)]
pub(super) struct RevocationList {
    all: Vec<Revocation>,
    changes: u64,
}

impl RevocationList {
    /// Adds a revocation, merges it with one for the same tokens, and drops expired ones. `now` is
    /// in seconds.
    pub(super) fn add(&mut self, new: &Revocation, now: u64) {
        self.changes += 1;
        self.all.retain(|known| known.until >= now);
        for known in &mut self.all {
            match (&mut known.tokens, &new.tokens) {
                (Tokens::OfUser { user, issued_before }, Tokens::OfUser { user: same, issued_before: other })
                    if user == same =>
                {
                    *issued_before = (*issued_before).max(*other);
                }
                (one, other) if one == other => {}
                _ => continue,
            }
            known.until = known.until.max(new.until);
            return;
        }
        self.all.push(new.clone());
    }

    /// Returns all revocations, or `None` if `known` is the current version.
    pub(super) fn newer_than(&self, known: &str) -> Option<Revocations> {
        let version = if self.changes == 0 { String::new() } else { self.changes.to_string() };
        (version != known).then(|| Revocations { version, all: self.all.clone() })
    }
}
