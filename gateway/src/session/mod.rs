//! One client, from its admission to its goodbye. The session knows no sockets: it runs over a [`Peer`], which any
//! transport can be.

mod acks;
mod admission;
mod answer;
mod catchup;
mod emit;
mod expiry;
mod goodbye;
mod history;
pub mod limits;
mod meters;
mod pace;
mod peer;
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

pub use admission::Entrance;
pub use goodbye::Goodbye;
pub use limits::Limits;
pub use meters::Meters;
pub use peer::{Gone, Incoming, Peer};
#[cfg(test)]
pub(crate) use run::task_bytes;
pub use run::{Entered, enter, run};

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
