//! The roster of live nodes.
//!
//! Every node adds itself, with the address of its server API, to a sorted set whose scores are
//! expiry times. It keeps the list of the other nodes in memory. When Redis is down, a node can
//! then query the others for the state of their bus.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand};
use fred::util::redis_keyslot;
use tokio::sync::watch;
use wirebell_protocol::NodeId;

use super::commands::{Commands, bus_error};
use super::slots::Address;
use crate::bus::BusError;
use crate::lifecycle::{Lifecycle, millis};

/// How often a node renews its entry.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// How long an entry is valid after its renewal. Some renewals may fail in between.
const ENTRY_TTL: Duration = Duration::from_secs(20);
/// The delay before the next attempt while Redis does not answer.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Maximum number of other nodes in memory. A node queries only a few of them.
const MAX_NODES: usize = 1_000;

/// Adds the node, removes expired ones, and returns the rest. Redis' clock decides.
const SCRIPT: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZREVRANGE', KEYS[1], 0, ARGV[3])
";

/// Adds this node to the roster.
#[derive(Clone)]
pub struct Roster {
    commands: Arc<Commands>,
    redis_hosts: Vec<Address>,
    node: NodeId,
}

impl Roster {
    pub(super) fn new(commands: Arc<Commands>, redis_hosts: Vec<Address>, node: NodeId) -> Self {
        Self { commands, redis_hosts, node }
    }

    /// Renews the node's entry for as long as the process runs, and returns the addresses of the
    /// other nodes. If the address has no IP of its own (0.0.0.0), the node uses its port, and the
    /// IP from which it reaches Redis.
    pub fn start(self, services: SocketAddr, life: &Lifecycle) -> watch::Receiver<Vec<SocketAddr>> {
        let (sender, others) = watch::channel(Vec::new());
        life.spawn(async move {
            loop {
                let delay = match self.renew(services).await {
                    Ok(found) => {
                        sender.send_replace(found);
                        RENEW_INTERVAL
                    }
                    Err(error) => {
                        tracing::debug!(%error, "cannot add this node to the roster of live nodes; retrying");
                        RETRY_DELAY
                    }
                };
                tokio::time::sleep(delay).await;
            }
        });
        others
    }

    async fn renew(&self, services: SocketAddr) -> Result<Vec<SocketAddr>, BusError> {
        let address = self.reachable_address(services).await;
        let key = self.commands.keys.nodes();
        let entry = format!("{} {address}", self.node);
        // Sending the text once every few seconds costs less than tracking whether Redis knows the
        // script.
        let eval = CustomCommand::new_static("EVAL", ClusterHash::Custom(redis_keyslot(key.as_bytes())), false);
        let (key_count, ttl, limit) = ("1".to_owned(), millis(ENTRY_TTL).to_string(), MAX_NODES.to_string());
        let args = vec![SCRIPT.to_owned(), key_count, key, entry, ttl, limit];
        let entries: Vec<String> =
            self.commands.client.custom(eval, args).await.map_err(|error| bus_error(&error))?;
        Ok(entries.iter().filter_map(|entry| other_node(entry, self.node)).collect())
    }

    async fn reachable_address(&self, services: SocketAddr) -> SocketAddr {
        if !services.ip().is_unspecified() {
            return services;
        }
        for host in &self.redis_hosts {
            let Ok(found) = tokio::net::lookup_host((host.host.as_str(), host.port)).await else { continue };
            if let Some(ip) = found.into_iter().find_map(local_ip) {
                return SocketAddr::new(ip, services.port());
            }
        }
        services
    }
}

/// Returns the local IP from which this machine reaches the address. It sends nothing.
fn local_ip(to: SocketAddr) -> Option<IpAddr> {
    let any = if to.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().map(|local| local.ip())
}

/// Parses `<node> <address>`. Returns `None` for this node, and for an address that cannot be
/// reached.
fn other_node(entry: &str, this: NodeId) -> Option<SocketAddr> {
    let (node, address) = entry.split_once(' ')?;
    let address: SocketAddr = address.parse().ok()?;
    (node != this.as_str() && !address.ip().is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_reachable_nodes_are_listed() {
        let this = NodeId::from_bits(7);
        let at = |text: &str| text.parse::<SocketAddr>().ok();
        assert_eq!(other_node("aaaaaaaa 10.0.0.1:9090", this), at("10.0.0.1:9090"));
        assert_eq!(other_node("aaaaaaaa [fd00::1]:9090", this), at("[fd00::1]:9090"));
        for entry in [&format!("{this} 10.0.0.1:9090"), "aaaaaaaa 0.0.0.0:9090", "aaaaaaaa", "aaaaaaaa x:1"] {
            assert_eq!(other_node(entry, this), None, "{entry}");
        }
    }

    #[test]
    fn loopback_is_reached_from_loopback() {
        assert_eq!(local_ip(SocketAddr::from(([127, 0, 0, 1], 1))), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
