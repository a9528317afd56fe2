//! One client, from its accept to its close_reason. The session knows no sockets: it runs over a [`Peer`], which any
//! transport can be.

mod accept;
mod acks;
mod catchup;
mod close_reason;
mod connection_log;
mod delivery_status;
mod emit;
mod expiry;
mod frames;
pub mod limits;
mod meters;
mod peer;
mod rate_limiter;
mod requests;
mod resume;
mod run;
mod serve;
mod state;
mod writing;

use std::sync::Arc;

use crate::auth::Verifier;
use crate::hub::Hub;
pub use crate::hub::{Frame, Pinged, Wire, Written};
use crate::lifecycle::Lifecycle;
use crate::telemetry::Metrics;

pub use accept::ConnectRequest;
pub use close_reason::CloseReason;
pub use limits::Limits;
pub use meters::Meters;
pub use peer::{Disconnected, Incoming, Peer};
#[cfg(test)]
pub(crate) use run::task_bytes;
pub use run::{Joined, join, run};

/// What every session of a node shares.
pub struct Sessions {
    /// Who listens for what.
    pub hub: Arc<Hub>,
    /// Who may come in.
    pub verifier: Arc<Verifier>,
    /// How much of everything.
    pub limits: Limits,
    /// The node's numbers.
    pub metrics: Arc<Metrics>,
    /// Those of them that every frame touches.
    pub meters: Meters,
    /// Whether the node is being drained.
    pub life: Lifecycle,
}
