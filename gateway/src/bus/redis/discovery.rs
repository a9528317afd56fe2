//! Finds the servers that hold the data: Sentinels name the primary, any node of a Cluster knows
//! the slots.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Value};

use super::endpoint::{RedisEndpoint, Topology, client};
use super::slots::{Address, Slots};
use crate::bus::BusError;

/// How long one of several servers may take to reply, since the next one is queried only after it.
const SERVER_TIMEOUT: Duration = Duration::from_millis(750);

/// Returns the current slot map. `known` are servers that replied before: those in the URL may no
/// longer exist.
pub(super) async fn slots(endpoint: &RedisEndpoint, known: &[Address]) -> Result<Slots, BusError> {
    match &endpoint.topology {
        Topology::Standalone(address) => Ok(Slots::all_at(address.clone())),
        Topology::Sentinel { sentinels, service, options } => {
            let query = |address: Address| async move {
                let client = client(options, &address)?;
                primary(client, service, &address).await
            };
            first_reply(sentinels.clone(), query).await
        }
        Topology::Cluster { seeds } => {
            let query = |address: Address| async move { cluster_slots(endpoint.client(&address)?, &address).await };
            first_reply(known.iter().chain(seeds).cloned().collect(), query).await
        }
    }
}

/// Returns the first valid reply. The random order avoids asking the same outdated server every
/// time.
async fn first_reply<F>(mut servers: Vec<Address>, query: impl Fn(Address) -> F) -> Result<Slots, BusError>
where
    F: Future<Output = Result<Slots, BusError>>,
{
    fastrand::shuffle(&mut servers);
    let mut last = BusError::Unavailable("no Redis server is known that could name the primaries".to_owned());
    for server in servers {
        match query(server).await {
            Ok(slots) => return Ok(slots),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn primary(client: Client, service: &str, sentinel: &Address) -> Result<Slots, BusError> {
    let mut connection = connect(&client, sentinel).await?;
    let command = redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(service).to_owned();
    let answer: Option<(String, u16)> = command.query_async(&mut connection).await.map_err(|e| at(sentinel, &e))?;
    let unknown = || {
        BusError::Unavailable(format!(
            "the Sentinel at {sentinel} knows no service `{service}`; check `sentinelServiceName` in bus.redis"
        ))
    };
    answer.map(|(host, port)| Slots::all_at(Address::new(&host, port))).ok_or_else(unknown)
}

async fn cluster_slots(client: Client, node: &Address) -> Result<Slots, BusError> {
    let mut connection = connect(&client, node).await?;
    let answer: Value =
        redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await.map_err(|e| at(node, &e))?;
    let incomplete = || BusError::Unavailable(format!("{node} does not know an owner for every slot"));
    Slots::parse(&answer, node).ok_or_else(incomplete)
}

async fn connect(client: &Client, address: &Address) -> Result<MultiplexedConnection, BusError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(SERVER_TIMEOUT))
        .set_response_timeout(Some(SERVER_TIMEOUT));
    client.get_multiplexed_async_connection_with_config(&config).await.map_err(|error| at(address, &error))
}

fn at(address: &Address, error: &redis::RedisError) -> BusError {
    BusError::Unavailable(format!("{address}: {error}"))
}
