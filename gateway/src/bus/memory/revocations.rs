//! The revocation store of the embedded bus.

use async_trait::async_trait;
use wirebell_protocol::revocation::{Revocation, Revocations};

use super::MemoryBus;
use super::shared::micros;
use crate::bus::{BusError, RevocationStore};

#[async_trait]
impl RevocationStore for MemoryBus {
    async fn revoke(&self, revocation: &Revocation) -> Result<(), BusError> {
        self.lock().revocations.add(revocation, micros() / 1_000_000);
        Ok(())
    }

    async fn revocations(&self, known: &str) -> Result<Option<Revocations>, BusError> {
        Ok(self.lock().revocations.newer_than(known))
    }
}
