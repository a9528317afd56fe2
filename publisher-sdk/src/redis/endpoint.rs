//! The address of Redis from the URL: one server, a primary monitored by sentinels, or a Cluster.
//! The topology is discovered again each time that connections are opened.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Value};

use super::connection::connect;
use super::slots::{Address, Slots};
use crate::error::ConnectError;
use crate::failure::Failure;

/// The Redis that the URL names.
pub(super) struct RedisEndpoint {
    /// How to connect to a data server, whatever its address: TLS, user, password, database.
    connection_info: ConnectionInfo,
    kind: Topology,
}

/// How to find the data servers.
enum Topology {
    /// One server at this address.
    Single(Address),
    /// The primary of this service, known to the sentinels.
    Sentinel { sentinels: Vec<Address>, service: String, connection_info: Box<ConnectionInfo> },
    /// A Cluster. Any node knows the slots: the URL's nodes, and the primaries found last, since
    /// the URL's nodes may have been replaced.
    Cluster { seeds: Vec<Address>, known: Mutex<Vec<Address>> },
}

impl RedisEndpoint {
    /// Parses the URL. The error does not contain it, since it may contain a password.
    pub(super) fn from_url(url: &str) -> Result<Self, ConnectError> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        let (base, suffix) = scheme.split_once('-').unwrap_or((&scheme, ""));
        // The crate's own messages may contain parts of the URL.
        let mut parsed = redis::parse_redis_url(&format!("{base}://{rest}"))
            .ok_or(url_error("the given URL cannot be parsed"))?;
        let host = match parsed.host_str() {
            Some(host) if !host.is_empty() => host.to_owned(),
            _ => return Err(url_error("the given URL has no host")),
        };
        let database = parsed.path().trim_matches('/');
        if !database.is_empty() && database.parse::<u32>().is_err() {
            return Err(url_error("the given URL has a database that is not a number"));
        }
        if parsed.fragment().is_some() {
            return Err(url_error("the given URL has a `#`, as in `#insecure`: certificates are always checked"));
        }
        if suffix.is_empty() {
            let connection_info = configured(parsed.into_connection_info())?;
            let kind = Topology::Single(address_of(connection_info.addr()));
            return Ok(Self { connection_info, kind });
        }
        let pairs: Vec<(String, String)> =
            parsed.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
        let first =
            Address { host, port: parsed.port().unwrap_or(if suffix == "sentinel" { 26_379 } else { 6_379 }) };
        let nodes = std::iter::once(Ok(first))
            .chain(values(&pairs, "node").map(parse_address))
            .collect::<Result<Vec<_>, _>>()?;
        parsed.set_query(None);
        let connection_info = configured(parsed.into_connection_info())?;
        if suffix == "cluster" {
            if connection_info.redis_settings().db() != 0 {
                return Err(url_error("the given URL has a database: a Cluster has only database 0"));
            }
            return Ok(Self { connection_info, kind: Topology::Cluster { seeds: nodes, known: Mutex::default() } });
        }
        let service = values(&pairs, "sentinelServiceName").next().filter(|name| !name.is_empty());
        let service = service.ok_or(url_error("the given URL has no `sentinelServiceName`"))?.to_owned();
        let sentinel = Box::new(sentinel_connection_info(&connection_info, &pairs)?);
        Ok(Self {
            connection_info,
            kind: Topology::Sentinel { sentinels: nodes, service, connection_info: sentinel },
        })
    }

    /// Returns whether the connected server may become a replica while another becomes the primary.
    pub(super) fn can_fail_over(&self) -> bool {
        !matches!(self.kind, Topology::Single(_))
    }

    /// Returns a client of one data server.
    pub(super) fn client(&self, address: &Address) -> Result<Client, Failure> {
        client(&self.connection_info, address)
    }

    /// Discovers which server owns which slots.
    pub(super) async fn slots(&self, config: &AsyncConnectionConfig, timeout: Duration) -> Result<Slots, Failure> {
        let mut servers = match &self.kind {
            Topology::Single(address) => return Ok(Slots::all_at(address.clone())),
            Topology::Sentinel { sentinels, .. } => sentinels.clone(),
            Topology::Cluster { seeds, known } => lock(known).iter().chain(seeds).cloned().collect(),
        };
        // In random order, so that a server with outdated knowledge is not always queried first.
        fastrand::shuffle(&mut servers);
        let mut last = Failure::unavailable("no server to discover Redis from");
        for server in &servers {
            match self.query_slots(server, config, timeout).await {
                Ok(slots) => return Ok(slots),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    async fn query_slots(
        &self,
        server: &Address,
        config: &AsyncConnectionConfig,
        timeout: Duration,
    ) -> Result<Slots, Failure> {
        match &self.kind {
            Topology::Single(address) => Ok(Slots::all_at(address.clone())),
            Topology::Sentinel { service, connection_info, .. } => {
                let mut connection = connect(&client(connection_info, server)?, server, config, timeout).await?;
                query_primary(&mut connection, service).await.map(Slots::all_at)
            }
            Topology::Cluster { known, .. } => {
                let mut connection = connect(&self.client(server)?, server, config, timeout).await?;
                let slots = query_cluster(&mut connection, server).await?;
                *lock(known) = slots.owners();
                Ok(slots)
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for RedisEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The addresses, without passwords.
        let addresses = match &self.kind {
            Topology::Single(address) => std::slice::from_ref(address),
            Topology::Sentinel { sentinels, .. } => sentinels,
            Topology::Cluster { seeds, .. } => seeds,
        };
        f.debug_list().entries(addresses.iter().map(ToString::to_string)).finish()
    }
}

/// Queries a sentinel for the primary of the service.
async fn query_primary(connection: &mut MultiplexedConnection, service: &str) -> Result<Address, Failure> {
    let command = redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(service).to_owned();
    let answer: Option<(String, u16)> =
        command.query_async(connection).await.map_err(|error| Failure::unavailable(error.to_string()))?;
    let unknown = || Failure::unavailable(format!("the sentinels do not know the service `{service}`"));
    answer.map(|(host, port)| Address { host, port }).ok_or_else(unknown)
}

/// Queries a node of the Cluster for the slots.
async fn query_cluster(connection: &mut MultiplexedConnection, node: &Address) -> Result<Slots, Failure> {
    let answer: Result<Value, _> = redis::cmd("CLUSTER").arg("SLOTS").query_async(connection).await;
    let answer = answer.map_err(|error| Failure::unavailable(error.to_string()))?;
    let holes = || Failure::unavailable(format!("{node} does not know an owner for every slot"));
    Slots::read(&answer, node).ok_or_else(holes)
}

fn client(connection_info: &ConnectionInfo, address: &Address) -> Result<Client, Failure> {
    let (host, port) = (address.host.clone(), address.port);
    let addr = match connection_info.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    Client::open(connection_info.clone().set_addr(addr)).map_err(|error| Failure::unavailable(error.to_string()))
}

/// Adds the options of every connection: TLS provider, `TCP_NODELAY`, and the client's name.
fn configured(info: redis::RedisResult<ConnectionInfo>) -> Result<ConnectionInfo, ConnectError> {
    let info = info.map_err(|_| url_error("the given URL is not a valid Redis URL"))?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        crate::tls::ensure_provider();
    }
    // Events are small and urgent: do not delay them to fill a packet.
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let settings = info.redis_settings().clone().set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    Ok(info.set_redis_settings(settings))
}

/// Returns how to connect to the sentinels, which have their own users and passwords, or none.
fn sentinel_connection_info(
    connection_info: &ConnectionInfo,
    pairs: &[(String, String)],
) -> Result<ConnectionInfo, ConnectError> {
    let plain = configured(connection_info.addr().clone().into_connection_info())?;
    let mut settings = plain.redis_settings().clone();
    if let Some(user) = values(pairs, "sentinelUsername").next() {
        settings = settings.set_username(user);
    }
    if let Some(password) = values(pairs, "sentinelPassword").next() {
        settings = settings.set_password(password);
    }
    Ok(plain.set_redis_settings(settings))
}

fn values<'a>(pairs: &'a [(String, String)], key: &'a str) -> impl Iterator<Item = &'a str> {
    pairs.iter().filter(move |(found, _)| found == key).map(|(_, value)| value.as_str())
}

fn parse_address(text: &str) -> Result<Address, ConnectError> {
    let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let address = parts.and_then(|(host, port)| Some(Address { host: host.to_owned(), port: port.parse().ok()? }));
    address.ok_or(url_error("the given URL has a `node` that is not host:port"))
}

fn address_of(addr: &ConnectionAddr) -> Address {
    match addr {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Address { host: host.clone(), port: *port }
        }
        other => Address { host: other.to_string(), port: 0 },
    }
}

fn url_error(found: &'static str) -> ConnectError {
    ConnectError::Url { found }
}
