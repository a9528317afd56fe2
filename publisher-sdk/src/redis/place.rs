//! Where Redis is: one server, a primary that sentinels know, or a Cluster. Read from the URL, and asked for anew
//! each time that connections are opened.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Value};

use super::routes::connect;
use super::slots::{Address, Slots};
use crate::error::ConnectError;
use crate::failure::Failure;

/// What the URL says.
pub(super) struct Place {
    /// How to connect to a server of the data, whatever its address: TLS, user, password, database.
    manner: ConnectionInfo,
    kind: Kind,
}

/// Who knows where the data are.
enum Kind {
    /// Nobody has to be asked.
    Alone(Address),
    /// These, about the service of that name.
    Sentinel { sentinels: Vec<Address>, service: String, manner: Box<ConnectionInfo> },
    /// Every node: these to begin with, and the primaries of last time, since the URL's may be long gone.
    Cluster { seeds: Vec<Address>, known: Mutex<Vec<Address>> },
}

impl Place {
    pub(super) fn of(url: &str) -> Result<Self, ConnectError> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        let (alone, suffix) = scheme.split_once('-').unwrap_or((&scheme, ""));
        // The crate's own messages may hold parts of the URL.
        let mut parsed = redis::parse_redis_url(&format!("{alone}://{rest}"))
            .ok_or(wrong("the one given cannot be read as a URL"))?;
        let host = match parsed.host_str() {
            Some(host) if !host.is_empty() => host.to_owned(),
            _ => return Err(wrong("the one given has no host")),
        };
        let database = parsed.path().trim_matches('/');
        if !database.is_empty() && database.parse::<u32>().is_err() {
            return Err(wrong("the one given has a database that is not a number"));
        }
        if parsed.fragment().is_some() {
            return Err(wrong("the one given has a `#`, as in `#insecure`: certificates are always checked"));
        }
        if suffix.is_empty() {
            let manner = named(parsed.into_connection_info())?;
            let kind = Kind::Alone(address_of(manner.addr()));
            return Ok(Self { manner, kind });
        }
        let pairs: Vec<(String, String)> =
            parsed.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
        let first =
            Address { host, port: parsed.port().unwrap_or(if suffix == "sentinel" { 26_379 } else { 6_379 }) };
        let nodes =
            std::iter::once(Ok(first)).chain(values(&pairs, "node").map(node)).collect::<Result<Vec<_>, _>>()?;
        parsed.set_query(None);
        let manner = named(parsed.into_connection_info())?;
        if suffix == "cluster" {
            if manner.redis_settings().db() != 0 {
                return Err(wrong("the one given has a database: a Cluster has one only"));
            }
            return Ok(Self { manner, kind: Kind::Cluster { seeds: nodes, known: Mutex::default() } });
        }
        let service = values(&pairs, "sentinelServiceName").next().filter(|name| !name.is_empty());
        let service = service.ok_or(wrong("the one given has no `sentinelServiceName`"))?.to_owned();
        let sentinel = Box::new(as_sentinel(&manner, &pairs)?);
        Ok(Self { manner, kind: Kind::Sentinel { sentinels: nodes, service, manner: sentinel } })
    }

    /// May the server that is connected to turn into a replica, while another takes its place?
    pub(super) fn can_move(&self) -> bool {
        !matches!(self.kind, Kind::Alone(_))
    }

    /// A client of one server of the data.
    pub(super) fn client(&self, address: &Address) -> Result<Client, Failure> {
        client(&self.manner, address)
    }

    /// Who has which slots now.
    pub(super) async fn slots(&self, config: &AsyncConnectionConfig, timeout: Duration) -> Result<Slots, Failure> {
        let mut servers = match &self.kind {
            Kind::Alone(address) => return Ok(Slots::all_at(address.clone())),
            Kind::Sentinel { sentinels, .. } => sentinels.clone(),
            Kind::Cluster { seeds, known } => locked(known).iter().chain(seeds).cloned().collect(),
        };
        // In an order by chance: one that knows less than the others is not asked for ever.
        fastrand::shuffle(&mut servers);
        let mut last = Failure::unavailable("there is nobody to ask where Redis is");
        for server in &servers {
            match self.ask(server, config, timeout).await {
                Ok(slots) => return Ok(slots),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    async fn ask(
        &self,
        server: &Address,
        config: &AsyncConnectionConfig,
        timeout: Duration,
    ) -> Result<Slots, Failure> {
        match &self.kind {
            Kind::Alone(address) => Ok(Slots::all_at(address.clone())),
            Kind::Sentinel { service, manner, .. } => {
                let mut connection = connect(&client(manner, server)?, server, config, timeout).await?;
                primary(&mut connection, service).await.map(Slots::all_at)
            }
            Kind::Cluster { known, .. } => {
                let mut connection = connect(&self.client(server)?, server, config, timeout).await?;
                let slots = cluster(&mut connection, server).await?;
                *locked(known) = slots.owners();
                Ok(slots)
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The addresses without passwords.
        let addresses = match &self.kind {
            Kind::Alone(address) => std::slice::from_ref(address),
            Kind::Sentinel { sentinels, .. } => sentinels,
            Kind::Cluster { seeds, .. } => seeds,
        };
        f.debug_list().entries(addresses.iter().map(ToString::to_string)).finish()
    }
}

async fn primary(connection: &mut MultiplexedConnection, service: &str) -> Result<Address, Failure> {
    let asked = redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(service).to_owned();
    let answer: Option<(String, u16)> =
        asked.query_async(connection).await.map_err(|error| Failure::unavailable(error.to_string()))?;
    let unknown = || Failure::unavailable(format!("the sentinels know no service `{service}`"));
    answer.map(|(host, port)| Address { host, port }).ok_or_else(unknown)
}

async fn cluster(connection: &mut MultiplexedConnection, node: &Address) -> Result<Slots, Failure> {
    let answer: Result<Value, _> = redis::cmd("CLUSTER").arg("SLOTS").query_async(connection).await;
    let answer = answer.map_err(|error| Failure::unavailable(error.to_string()))?;
    let holes = || Failure::unavailable(format!("{node} does not know an owner for every slot"));
    Slots::read(&answer, node).ok_or_else(holes)
}

fn client(manner: &ConnectionInfo, address: &Address) -> Result<Client, Failure> {
    let (host, port) = (address.host.clone(), address.port);
    let addr = match manner.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    Client::open(manner.clone().set_addr(addr)).map_err(|error| Failure::unavailable(error.to_string()))
}

fn named(info: redis::RedisResult<ConnectionInfo>) -> Result<ConnectionInfo, ConnectError> {
    let info = info.map_err(|_| wrong("the one given is not one of Redis"))?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        crate::tls::ensure_provider();
    }
    // An event is small and somebody waits for it: never hold it back to fill a packet.
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let settings = info.redis_settings().clone().set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    Ok(info.set_redis_settings(settings))
}

/// Sentinels have users and passwords of their own, or none.
fn as_sentinel(manner: &ConnectionInfo, pairs: &[(String, String)]) -> Result<ConnectionInfo, ConnectError> {
    let plain = named(manner.addr().clone().into_connection_info())?;
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

fn node(text: &str) -> Result<Address, ConnectError> {
    let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let address = parts.and_then(|(host, port)| Some(Address { host: host.to_owned(), port: port.parse().ok()? }));
    address.ok_or(wrong("the one given has a `node` that is not host:port"))
}

fn address_of(addr: &ConnectionAddr) -> Address {
    match addr {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Address { host: host.clone(), port: *port }
        }
        other => Address { host: other.to_string(), port: 0 },
    }
}

fn wrong(found: &'static str) -> ConnectError {
    ConnectError::Url { found }
}
