//! The Redis endpoint: a standalone server, a primary behind Sentinels, or a Cluster. It is parsed
//! from the URL once.

use fred::types::config::{Config, ServerConfig};
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use super::slots::Address;
use crate::bus::BusError;

/// The endpoint of the URL, for the connections of the redis crate.
pub(super) struct RedisEndpoint {
    /// How to connect to a data server at any address: TLS, user, password, database.
    options: ConnectionInfo,
    pub(super) topology: Topology,
}

/// How the data servers are found.
pub(super) enum Topology {
    /// The server itself.
    Standalone(Address),
    /// The Sentinels name the primary of the service.
    Sentinel { sentinels: Vec<Address>, service: String, options: Box<ConnectionInfo> },
    /// Every node knows the slots; the seeds are queried first.
    Cluster { seeds: Vec<Address> },
}

impl RedisEndpoint {
    /// Parses the URL in the same way as fred, which sends the commands to the same servers.
    pub(super) fn parse(url: &str, config: &Config) -> Result<Self, BusError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("no scheme"))?;
        let base_scheme = scheme.trim_end_matches("-cluster").trim_end_matches("-sentinel");
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let options = format!("{base_scheme}://{rest}").into_connection_info().map_err(invalid)?;
        // Announcements arrive as push messages, which need RESP3.
        let settings = options.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let options = options.set_redis_settings(settings);
        let hosts = || config.server.hosts().into_iter().map(|server| Address::new(&server.host, server.port));
        Ok(match &config.server {
            ServerConfig::Clustered { .. } => {
                // A Cluster has one database.
                let settings = options.redis_settings().clone().set_db(0);
                Self {
                    options: options.set_redis_settings(settings),
                    topology: Topology::Cluster { seeds: hosts().collect() },
                }
            }
            ServerConfig::Sentinel { service_name, username, password, .. } => {
                let sentinel = sentinel_options(&options, username.as_deref(), password.as_deref())?;
                let service = service_name.clone();
                let topology =
                    Topology::Sentinel { sentinels: hosts().collect(), service, options: Box::new(sentinel) };
                Self { options, topology }
            }
            ServerConfig::Centralized { server } => {
                let address = Address::new(&server.host, server.port);
                Self { options, topology: Topology::Standalone(address) }
            }
        })
    }

    /// Returns the servers that the URL names.
    pub(super) fn hosts(&self) -> Vec<Address> {
        match &self.topology {
            Topology::Standalone(address) => vec![address.clone()],
            Topology::Sentinel { sentinels: named, .. } | Topology::Cluster { seeds: named } => named.clone(),
        }
    }

    /// Returns a client of one data server.
    pub(super) fn client(&self, address: &Address) -> Result<Client, BusError> {
        client(&self.options, address)
    }

    /// Returns whether a primary can become a replica and another server can replace it.
    pub(super) fn can_fail_over(&self) -> bool {
        !matches!(self.topology, Topology::Standalone(_))
    }
}

/// Returns a client of the server at the address.
pub(super) fn client(options: &ConnectionInfo, address: &Address) -> Result<Client, BusError> {
    let (host, port) = (address.host.clone(), address.port);
    let addr = match options.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    Client::open(options.clone().set_addr(addr)).map_err(invalid)
}

/// Returns the options for Sentinels, which have users and passwords of their own, or none.
fn sentinel_options(
    options: &ConnectionInfo,
    username: Option<&str>,
    password: Option<&str>,
) -> Result<ConnectionInfo, BusError> {
    let mut settings = options.addr().clone().into_connection_info().map_err(invalid)?.redis_settings().clone();
    if let Some(username) = username {
        settings = settings.set_username(username);
    }
    if let Some(password) = password {
        settings = settings.set_password(password);
    }
    Ok(options.clone().set_redis_settings(settings))
}

fn invalid(why: impl std::fmt::Display) -> BusError {
    BusError::Rejected(format!("bus.redis: {why}"))
}
