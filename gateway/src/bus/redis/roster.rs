//! Who else lives: every node enters itself, with the address of its services' door, in a sorted set whose scores say
//! until when, and keeps the list of the others in memory. It is of use when Redis is not there: then a node can ask
//! the others whether they lack it too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand};
use fred::util::redis_keyslot;
use tokio::sync::watch;
use wirebell_protocol::NodeId;

use super::BusError;
use super::commands::{Commands, failed};
use super::slots::Address;
use crate::lifecycle::{Lifecycle, millis};

/// How often a node says that it lives.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How long it counts as living after it last said so: some renewals may fail.
const LIVES_FOR: Duration = Duration::from_secs(20);
/// The pause before trying again while Redis does not answer.
const RETRY: Duration = Duration::from_secs(1);
/// Others that are remembered. Only a few of them are ever asked.
const MOST: usize = 1_000;

/// Enters the node, drops those that are gone, and answers with the rest. Redis' clock is the one that counts.
const SCRIPT: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZREVRANGE', KEYS[1], 0, ARGV[3])
";

/// What it takes to enter a node.
#[derive(Clone)]
pub struct Roster {
    commands: Arc<Commands>,
    hosts: Vec<Address>,
    node: NodeId,
}

impl Roster {
    pub(super) fn new(commands: Arc<Commands>, hosts: Vec<Address>, node: NodeId) -> Self {
        Self { commands, hosts, node }
    }

    /// Enters the node for as long as it lives, and tells the addresses of the others. Of an address without an IP of
    /// its own (0.0.0.0) the port is taken, and the IP by which this machine reaches Redis.
    pub fn keep(self, services: SocketAddr, life: &Lifecycle) -> watch::Receiver<Vec<SocketAddr>> {
        let (sender, others) = watch::channel(Vec::new());
        life.spawn(async move {
            loop {
                let pause = match self.renew(services).await {
                    Ok(found) => {
                        sender.send_replace(found);
                        RENEW_EVERY
                    }
                    Err(error) => {
                        tracing::debug!(%error, "not entered among the nodes that live");
                        RETRY
                    }
                };
                tokio::time::sleep(pause).await;
            }
        });
        others
    }

    async fn renew(&self, services: SocketAddr) -> Result<Vec<SocketAddr>, BusError> {
        let address = self.reachable(services).await;
        let key = self.commands.keys.nodes();
        let entry = format!("{} {address}", self.node);
        // Once in seconds: its text costs less than to know whether Redis has it.
        let eval = CustomCommand::new_static("EVAL", ClusterHash::Custom(redis_keyslot(key.as_bytes())), false);
        let (count, lives_for, most) = ("1".to_owned(), millis(LIVES_FOR).to_string(), MOST.to_string());
        let words = vec![SCRIPT.to_owned(), count, key, entry, lives_for, most];
        let entries: Vec<String> =
            self.commands.client.custom(eval, words).await.map_err(|error| failed(&error))?;
        Ok(entries.iter().filter_map(|entry| other(entry, self.node)).collect())
    }

    async fn reachable(&self, services: SocketAddr) -> SocketAddr {
        if !services.ip().is_unspecified() {
            return services;
        }
        for host in &self.hosts {
            let Ok(found) = tokio::net::lookup_host((host.host.as_str(), host.port)).await else { continue };
            if let Some(ip) = found.into_iter().find_map(local_ip) {
                return SocketAddr::new(ip, services.port());
            }
        }
        services
    }
}

/// The address from which this machine would speak to that one. Nothing is sent.
fn local_ip(to: SocketAddr) -> Option<IpAddr> {
    let any = if to.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().map(|local| local.ip())
}

/// `<node> <address>`, unless it is this node, or has no address at which it could be asked.
fn other(entry: &str, this: NodeId) -> Option<SocketAddr> {
    let (node, address) = entry.split_once(' ')?;
    let address: SocketAddr = address.parse().ok()?;
    (node != this.as_str() && !address.ip().is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_those_that_can_be_asked() {
        let this = NodeId::from_bits(7);
        let at = |text: &str| text.parse::<SocketAddr>().ok();
        assert_eq!(other("aaaaaaaa 10.0.0.1:9090", this), at("10.0.0.1:9090"));
        assert_eq!(other("aaaaaaaa [fd00::1]:9090", this), at("[fd00::1]:9090"));
        for entry in [&format!("{this} 10.0.0.1:9090"), "aaaaaaaa 0.0.0.0:9090", "aaaaaaaa", "aaaaaaaa x:1"] {
            assert_eq!(other(entry, this), None, "{entry}");
        }
    }

    #[test]
    fn a_machine_reaches_itself_from_itself() {
        assert_eq!(local_ip(SocketAddr::from(([127, 0, 0, 1], 1))), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
