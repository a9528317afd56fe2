//! Revocations, as a bus keeps them for all nodes.

use async_trait::async_trait;
use wirebell_protocol::revocation::{Revocation, Revocations};

use super::BusError;

/// Where revoked tokens are known. Adding one twice is adding it once; none is forgotten before its time.
#[async_trait]
pub trait Revoking: Send + Sync + 'static {
    /// Adds one.
    async fn revoke(&self, revocation: &Revocation) -> Result<(), BusError>;

    /// All of them; none if that version is still the newest. At first the version is empty.
    async fn revocations(&self, known: &str) -> Result<Option<Revocations>, BusError>;
}
