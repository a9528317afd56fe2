//! One client, from authentication to close.
//!
//! Owns the state of one session: token expiry, invalid frames, rate limit, pending logs and
//! acknowledgements. In: frames from the client through a [`Peer`], events and commands from the
//! hub, timers. Out: frames to the client; subscriptions, emitted events and delivery reports to
//! the hub. Must not know: sockets, HTTP, the transport. Each transport implements [`Peer`].

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

/// What all sessions of a node share.
pub struct Sessions {
    /// The hub: subscriptions and delivery.
    pub hub: Arc<Hub>,
    /// Verifies tokens.
    pub verifier: Arc<Verifier>,
    /// Limits of each session.
    pub limits: Limits,
    /// The node's metrics.
    pub metrics: Arc<Metrics>,
    /// The metrics that every frame touches.
    pub meters: Meters,
    /// The node's lifecycle, which says whether it drains.
    pub life: Lifecycle,
}
