//! Opens connections to single servers.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind};

use super::failure;
use super::slots::Address;
use crate::failure::Failure;

/// Opens a connection to one server.
pub(super) async fn connect(
    client: &Client,
    address: &Address,
    config: &AsyncConnectionConfig,
    timeout: Duration,
) -> Result<MultiplexedConnection, Failure> {
    client.get_multiplexed_async_connection_with_config(config).await.map_err(|error| match error.kind() {
        ErrorKind::Io if error.is_timeout() => {
            Failure::unavailable(format!("cannot connect to Redis at {address} within {timeout:?}"))
        }
        ErrorKind::Io => Failure::unavailable(format!("cannot connect to Redis at {address}: {error}")),
        _ => failure(&error, timeout),
    })
}
