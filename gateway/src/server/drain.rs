//! Graceful shutdown. The node first reports unready, then asks its clients to reconnect to other
//! nodes, spread over a window, then stops. A second signal or the deadline stops it at once.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::build::Node;
use crate::config;
use crate::hub::SessionCommand;
use crate::lifecycle::{Lifecycle, Signals, millis};

/// How long tasks may take to end once the node stops. Enough for close handshakes.
const TASK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the last acknowledgements may take to reach the bus.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// How often the number of remaining sessions is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Waits for a signal, then drains and stops the node. Returns when everything has ended.
pub(super) async fn on_signal(signals: &mut Signals, life: &Lifecycle, node: &Node, config: &config::Drain) {
    let signal = signals.next().await;
    tracing::info!(signal, sessions = node.hub.sessions(), "draining; a second signal stops the node at once");
    node.metrics.draining.set(1);
    life.readiness.set_not_ready("draining", "the node is shutting down");
    tokio::select! {
        () = drain(life, node, config) => tracing::info!("drained"),
        () = sleep(config.deadline) => tracing::warn!(sessions = node.hub.sessions(), "drain deadline exceeded; stopping"),
        signal = signals.next() => tracing::warn!(signal, sessions = node.hub.sessions(), "second signal; stopping at once"),
    }
    stop(life, node).await;
}

/// Waits for the load balancers, then asks all clients to reconnect, and waits until they have
/// left.
async fn drain(life: &Lifecycle, node: &Node, config: &config::Drain) {
    // Load balancers need time to notice. Until then clients still connect and are served.
    sleep(config.notice).await;
    life.drain.cancel();
    let window = millis(config.window);
    node.hub.command_all(|| SessionCommand::Reconnect { after: fastrand::u64(0..=window) });
    while node.hub.sessions() > 0 {
        sleep(CHECK_INTERVAL).await;
    }
}

/// Closes the remaining sessions, writes what is queued for the bus, and ends all tasks.
async fn stop(life: &Lifecycle, node: &Node) {
    life.drain.cancel();
    node.hub.command_all(|| SessionCommand::Stop);
    node.hub.flush(FLUSH_TIMEOUT).await;
    node.hub.release_leases(FLUSH_TIMEOUT).await;
    life.stop.cancel();
    life.tasks.close();
    if timeout(TASK_TIMEOUT, life.tasks.wait()).await.is_err() {
        tracing::warn!(tasks = life.tasks.len(), "some tasks did not end in time");
    }
}
