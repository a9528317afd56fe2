//! The life of the process: its tasks, its clock, its readiness, and how it ends.
//!
//! It owns the task tracker, the cancellation tokens for drain and stop, and the readiness latch.
//! Every other module spawns its tasks here and reports why the node is not ready. The server and
//! the admin API read that. This module does not know what the tasks do.

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
pub use uptime::{instant_at, millis, next_tick, uptime_millis, wall_clock};

/// State shared by all tasks: they are spawned on `tasks` and end when `stop` is cancelled.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// Tracks every long-lived task, so the process can wait for them at the end.
    pub tasks: TaskTracker,
    /// Cancelled when all tasks have to end now.
    pub stop: CancellationToken,
    /// Cancelled when the drain begins: no new sessions from then on.
    pub drain: CancellationToken,
    /// Reasons why the node is not ready.
    pub readiness: Readiness,
    /// Runtime of the delivery thread, if there is one.
    deliveries: Option<Handle>,
}

impl Lifecycle {
    /// Returns a lifecycle with a delivery thread.
    pub fn with_delivery_thread() -> io::Result<Self> {
        let life = Self::default();
        let deliveries = Some(delivery::start(life.stop.clone())?);
        Ok(Self { deliveries, ..life })
    }

    /// Spawns a task. It is dropped when `stop` is cancelled, if it has not ended before.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.until_stopped(work));
    }

    /// Spawns such a task on the delivery thread.
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
