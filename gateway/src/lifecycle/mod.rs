//! Birth and death of the process: who runs, and where, who may be sent clients, how it ends.

mod delivery;
mod readiness;
mod signal;
mod uptime;

use std::io;

use tokio::runtime::Handle;

pub use readiness::{Readiness, Reason};
pub use signal::Signals;
pub use tokio_util::sync::CancellationToken;
pub use tokio_util::task::TaskTracker;
pub use uptime::{instant_at, millis, next_turn, uptime_millis, wall_clock};

/// Shared by everything that runs: tasks are spawned on `tasks`, and end when `stop` is cancelled.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// Every long-lived task is spawned here, so that the end can wait for it.
    pub tasks: TaskTracker,
    /// Cancelled when everything has to end now.
    pub stop: CancellationToken,
    /// Cancelled when the drain begins: no new sessions from then on.
    pub drain: CancellationToken,
    /// Why the node must not be sent clients, if so.
    pub readiness: Readiness,
    /// Where deliveries are worked on, if that is a thread of its own.
    deliveries: Option<Handle>,
}

impl Lifecycle {
    /// One with a thread of its own for deliveries.
    pub fn with_delivery_thread() -> io::Result<Self> {
        let life = Self::default();
        let deliveries = Some(delivery::start(life.stop.clone())?);
        Ok(Self { deliveries, ..life })
    }

    /// Spawns a task that ends with the process at the latest.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.until_stopped(work));
    }

    /// The same, where deliveries are worked on.
    pub fn spawn_delivery(&self, work: impl Future<Output = ()> + Send + 'static) {
        match &self.deliveries {
            Some(thread) => drop(self.tasks.spawn_on(self.until_stopped(work), thread)),
            None => self.spawn(work),
        }
    }

    fn until_stopped(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let stop = self.stop.clone();
        async move {
            tokio::select! {
                () = work => {}
                () = stop.cancelled() => {}
            }
        }
    }
}
