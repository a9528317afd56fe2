//! The node: built from the other modules, bound to its addresses, served, and shut down.
//!
//! A configuration comes in. `build` is the composition root; `routes` lists all HTTP routes;
//! `drain` shuts the node down after a signal. It knows which modules exist, not what they do.

mod build;
mod bus_health;
mod drain;
mod identity;
mod listener;
mod peers;
mod readiness;
mod revocations;
mod routes;

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::bus::BusError;
use crate::config::{Config, ConfigErrors, Mode};
use crate::lifecycle::{Lifecycle, Signals};
use crate::webhook::WebhookError;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The node cannot listen on an address.
    #[error("{key}: cannot listen on {address}: {error}")]
    Bind {
        /// The setting with the address.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        error: std::io::Error,
    },
    /// A configuration error that only shows when the value is used.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The bus cannot be created.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The webhook cannot be created.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The node cannot listen for signals.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    /// The system cannot start a thread.
    #[error("cannot start the delivery thread: {0}")]
    Thread(std::io::Error),
    /// Two metrics have the same name, which is a bug.
    #[error("cannot register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The publisher of the live page cannot be created.
    #[error("cannot create the live page's publisher: {0}")]
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
        tracing::info!("the live page is at http://{}/", listeners.clients);
    }
    drain::on_signal(&mut signals, &life, &node, &config.drain).await;
    Ok(())
}

fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    listener::bind(address).map_err(|error| StartError::Bind { key, address, error })
}

/// Raises the limit of file descriptors. Each connection uses one, and the usual soft limit is a
/// thousand.
fn raise_descriptor_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::debug!(limit, "file descriptors"),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of file descriptors"),
    }
}
