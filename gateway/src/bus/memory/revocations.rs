//! Revocations, in memory.

use async_trait::async_trait;
use wirebell_protocol::revocation::{Revocation, Revocations, Tokens};

use super::{MemoryBus, micros};
use crate::bus::{BusError, Revoking};

/// What is revoked, and how often that has changed.
#[derive(Default)]
pub(super) struct Revoked {
    all: Vec<Revocation>,
    changes: u64,
}

impl Revoked {
    fn add(&mut self, new: &Revocation, now: u64) {
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
}

#[async_trait]
impl Revoking for MemoryBus {
    async fn revoke(&self, revocation: &Revocation) -> Result<(), BusError> {
        self.lock().revoked.add(revocation, micros() / 1_000_000);
        Ok(())
    }

    async fn revocations(&self, known: &str) -> Result<Option<Revocations>, BusError> {
        let state = self.lock();
        let changes = state.revoked.changes;
        let version = if changes == 0 { String::new() } else { changes.to_string() };
        Ok((version != known).then(|| Revocations { version, all: state.revoked.all.clone() }))
    }
}
