//! The whole node: everything built, bound, served, and stopped in good order.

mod build;
mod routes;
mod drain;
mod identity;
mod listener;
mod peers;
mod revocations;
mod readiness;
mod bus_health;

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::bus::BusError;
use crate::config::{Config, ConfigErrors, Mode};
use crate::lifecycle::{Lifecycle, Signals};
use crate::webhook::WebhookError;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that cannot be listened on.
    #[error("{key}: cannot listen on {address}: {error}")]
    Bind {
        /// The setting that names it.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// Something in the configuration that only shows when it is used.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The bus cannot even be tried.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The webhook cannot even be tried.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The signals cannot be listened for.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    /// The system gives no thread.
    #[error("cannot start the delivery thread: {0}")]
    Thread(std::io::Error),
    /// Two metrics of one name: a fault of the program.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The publisher of the dev page cannot be made.
    #[error("the dev page's publisher: {0}")]
    Publisher(#[from] wirebell_publisher::ConnectError),
}

/// Runs a node until a signal ends it.
pub async fn run(config: Config, mode: Mode) -> Result<(), StartError> {
    raise_descriptor_limit();
    let mut signals = Signals::listen().map_err(StartError::Signals)?;
    let clients = bind("clients.listen", config.clients.listen)?;
    let services = bind("services.listen", config.services.listen)?;
    let life = Lifecycle::with_delivery_thread().map_err(StartError::Thread)?;
    let node = build::node(&config, &life)?;
    let bound = services.local_addr().unwrap_or(config.services.listen);
    bus_health::watch(&node, config.services.reachable_at(bound), &life);
    let listeners = routes::serve(&config, mode, &node, &life, clients, services)?;
    tracing::info!(clients = %listeners.clients, services = %listeners.services, node = %node.id, "listening");
    if mode == Mode::Dev {
        tracing::info!("the live page is at http://{}/", doors.clients);
    }
    drain::until_stopped(&mut signals, &life, &node, &config.drain).await;
    Ok(())
}

fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    listener::bind(address).map_err(|error| StartError::Bind { key, address, error })
}

/// Every connection is a descriptor, and the usual soft limit is a thousand.
fn raise_descriptor_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::debug!(limit, "file descriptors"),
        Err(error) => tracing::warn!(%error, "the limit of file descriptors stays as it was"),
    }
}
