//! The revocation store on Redis: one hash.

use async_trait::async_trait;
use wirebell_protocol::revocation::{self, Revocation, Revocations};

use super::RedisBus;
use crate::bus::{BusError, RevocationStore};

#[async_trait]
impl RevocationStore for RedisBus {
    async fn revoke(&self, revocation: &Revocation) -> Result<(), BusError> {
        self.commands.require_connection()?;
        self.commands.call::<i64>(&revocation::revoke(&self.commands.keys, revocation)).await.map(drop)
    }

    async fn revocations(&self, known: &str) -> Result<Option<Revocations>, BusError> {
        self.commands.require_connection()?;
        let answer: Vec<String> = self.commands.call(&revocation::revocations(&self.commands.keys, known)).await?;
        Ok(Revocations::parse(&answer))
    }
}
