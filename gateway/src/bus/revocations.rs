//! The store of revocations that all nodes share.

use async_trait::async_trait;
use wirebell_protocol::revocation::{Revocation, Revocations};

use super::error::BusError;

/// Stores revoked tokens. Adding one twice has no effect, and none is removed before it expires.
#[async_trait]
pub trait RevocationStore: Send + Sync + 'static {
    /// Adds a revocation.
    async fn revoke(&self, revocation: &Revocation) -> Result<(), BusError>;

    /// Returns all revocations, or `None` if `known` is the current version. The initial version is
    /// empty.
    async fn revocations(&self, known: &str) -> Result<Option<Revocations>, BusError>;
}
