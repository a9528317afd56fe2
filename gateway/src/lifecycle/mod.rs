//! Birth and death of the process: who runs, who may be sent clients, how it ends.

mod readiness;
mod signal;
mod uptime;

pub use readiness::{Readiness, Reason};
pub use signal::Signals;
pub use tokio_util::sync::CancellationToken;
pub use tokio_util::task::TaskTracker;
pub use uptime::{instant_at, millis, uptime_millis, wall_clock};

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
}

impl Lifecycle {
    /// Spawns a task that ends with the process at the latest.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                () = stop.cancelled() => {}
            }
        });
    }
}
