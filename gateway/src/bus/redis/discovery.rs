//! Asking who holds the data now: sentinels for the primary, or any node of a Cluster for the slots.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Value};

use super::BusError;
use super::place::{Kind, Place, client};
use super::slots::{Address, Slots};

/// How long one of several that could answer may take: those behind it wait.
const PATIENCE: Duration = Duration::from_millis(750);

/// The slots as they are now. `known` are servers that were of use before: the URL's may be long gone.
pub(super) async fn slots(place: &Place, known: &[Address]) -> Result<Slots, BusError> {
    match &place.kind {
        Kind::Alone(address) => Ok(Slots::all_at(address.clone())),
        Kind::Sentinel { sentinels, service, manner } => {
            let ask = |address: Address| async move {
                let client = client(manner, &address)?;
                primary(client, service, &address).await
            };
            first_of(sentinels.clone(), ask).await
        }
        Kind::Cluster { seeds } => {
            let ask = |address: Address| async move { cluster(place.client(&address)?, &address).await };
            first_of(known.iter().chain(seeds).cloned().collect(), ask).await
        }
    }
}

/// The first good answer, in an order by chance: one server that knows less than the others is not asked for ever.
async fn first_of<F>(mut servers: Vec<Address>, ask: impl Fn(Address) -> F) -> Result<Slots, BusError>
where
    F: Future<Output = Result<Slots, BusError>>,
{
    fastrand::shuffle(&mut servers);
    let mut last = BusError::Unavailable("nobody to ask where the data are".to_owned());
    for server in servers {
        match ask(server).await {
            Ok(slots) => return Ok(slots),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn primary(client: Client, service: &str, sentinel: &Address) -> Result<Slots, BusError> {
    let mut connection = connect(&client, sentinel).await?;
    let asked = redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(service).to_owned();
    let answer: Option<(String, u16)> = asked.query_async(&mut connection).await.map_err(|e| at(sentinel, &e))?;
    let unknown = || BusError::Unavailable(format!("the sentinel at {sentinel} knows no service `{service}`"));
    answer.map(|(host, port)| Slots::all_at(Address::new(&host, port))).ok_or_else(unknown)
}

async fn cluster(client: Client, node: &Address) -> Result<Slots, BusError> {
    let mut connection = connect(&client, node).await?;
    let answer: Value =
        redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await.map_err(|e| at(node, &e))?;
    let holes = || BusError::Unavailable(format!("{node} does not know an owner for every slot"));
    Slots::read(&answer, node).ok_or_else(holes)
}

async fn connect(client: &Client, address: &Address) -> Result<MultiplexedConnection, BusError> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
    client.get_multiplexed_async_connection_with_config(&config).await.map_err(|error| at(address, &error))
}

fn at(address: &Address, error: &redis::RedisError) -> BusError {
    BusError::Unavailable(format!("{address}: {error}"))
}
