//! Where Redis is: one server, a primary that sentinels know, or a Cluster; read from the URL once.

use fred::types::config::{Config, ServerConfig};
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use super::BusError;
use super::slots::Address;

/// What the URL says, for the connections of the redis crate.
pub(super) struct Place {
    /// How to connect to a server of the data, whatever its address: TLS, user, password, database.
    manner: ConnectionInfo,
    pub(super) kind: Kind,
}

/// Who knows where the data are.
pub(super) enum Kind {
    /// Nobody has to be asked.
    Alone(Address),
    /// These, about the service of that name.
    Sentinel { sentinels: Vec<Address>, service: String, manner: Box<ConnectionInfo> },
    /// Every node; these to begin with.
    Cluster { seeds: Vec<Address> },
}

impl Place {
    /// Reads the URL as fred does, which carries the commands to the same place.
    pub(super) fn of(url: &str, config: &Config) -> Result<Self, BusError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| refused("no scheme"))?;
        let alone = scheme.trim_end_matches("-cluster").trim_end_matches("-sentinel");
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let manner = format!("{alone}://{rest}").into_connection_info().map_err(refused)?;
        // Pushes, which carry the announcements, are of RESP3.
        let settings = manner.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let manner = manner.set_redis_settings(settings);
        let hosts = || config.server.hosts().into_iter().map(|server| Address::new(&server.host, server.port));
        Ok(match &config.server {
            ServerConfig::Clustered { .. } => {
                // A Cluster has one database.
                let settings = manner.redis_settings().clone().set_db(0);
                Self {
                    manner: manner.set_redis_settings(settings),
                    kind: Kind::Cluster { seeds: hosts().collect() },
                }
            }
            ServerConfig::Sentinel { service_name, username, password, .. } => {
                let sentinel = as_sentinel(&manner, username.as_deref(), password.as_deref())?;
                let service = service_name.clone();
                let kind = Kind::Sentinel { sentinels: hosts().collect(), service, manner: Box::new(sentinel) };
                Self { manner, kind }
            }
            ServerConfig::Centralized { server } => {
                let address = Address::new(&server.host, server.port);
                Self { manner, kind: Kind::Alone(address) }
            }
        })
    }

    /// The servers that the URL names.
    pub(super) fn hosts(&self) -> Vec<Address> {
        match &self.kind {
            Kind::Alone(address) => vec![address.clone()],
            Kind::Sentinel { sentinels: named, .. } | Kind::Cluster { seeds: named } => named.clone(),
        }
    }

    /// A client of one server of the data.
    pub(super) fn client(&self, address: &Address) -> Result<Client, BusError> {
        client(&self.manner, address)
    }

    /// May the server that is connected to turn into a replica, while another takes its place?
    pub(super) fn can_move(&self) -> bool {
        !matches!(self.kind, Kind::Alone(_))
    }
}

/// A client of the server at that address.
pub(super) fn client(manner: &ConnectionInfo, address: &Address) -> Result<Client, BusError> {
    let (host, port) = (address.host.clone(), address.port);
    let addr = match manner.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    Client::open(manner.clone().set_addr(addr)).map_err(refused)
}

/// Sentinels have users and passwords of their own, or none.
fn as_sentinel(
    manner: &ConnectionInfo,
    username: Option<&str>,
    password: Option<&str>,
) -> Result<ConnectionInfo, BusError> {
    let mut settings = manner.addr().clone().into_connection_info().map_err(refused)?.redis_settings().clone();
    if let Some(username) = username {
        settings = settings.set_username(username);
    }
    if let Some(password) = password {
        settings = settings.set_password(password);
    }
    Ok(manner.clone().set_redis_settings(settings))
}

fn refused(why: impl std::fmt::Display) -> BusError {
    BusError::Refused(format!("bus.redis: {why}"))
}
