//! Queries other nodes for the state of their bus, when this node has lost its own.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::sync::watch;

/// Time limit of a query. Nodes are near each other, and the next round follows soon.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Number of nodes per round. One node with a bus is enough, and some nodes may be gone.
const SAMPLE_SIZE: usize = 4;
/// Maximum size of a response, which usually has some hundred bytes.
const MAX_BYTES: usize = 16 * 1024;

/// The other nodes, as the roster last listed them.
pub(super) struct Peers {
    known: watch::Receiver<Vec<SocketAddr>>,
    client: Client,
}

/// The answers of one round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PeerReport {
    /// Number of nodes that were queried.
    pub(super) queried: usize,
    /// Number of nodes that have the bus.
    pub(super) up: usize,
    /// Number of nodes that have lost it too.
    pub(super) down: usize,
}

impl Peers {
    pub(super) fn new(known: watch::Receiver<Vec<SocketAddr>>) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            // Queries are rare.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { known, client })
    }

    /// Queries a random sample of nodes.
    pub(super) async fn query(&self) -> PeerReport {
        let known = self.known.borrow().clone();
        let chosen = fastrand::choose_multiple(known, SAMPLE_SIZE);
        let answers = join_all(chosen.iter().map(|peer| self.has_bus(*peer))).await;
        let count = |wanted| answers.iter().filter(|answer| **answer == Some(wanted)).count();
        PeerReport { queried: chosen.len(), up: count(true), down: count(false) }
    }

    /// Returns whether a node has its bus. `None` if it does not answer, or not like a node.
    async fn has_bus(&self, peer: SocketAddr) -> Option<bool> {
        let answer = self.client.get(format!("http://{peer}/readyz")).send().await.ok()?;
        // The status does not matter: a draining node knows the state of its bus as well.
        parse_bus_state(&body(answer).await?)
    }
}

async fn body(mut answer: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        body.extend_from_slice(&piece);
        if body.len() > MAX_BYTES {
            return None;
        }
    }
    Some(body)
}

fn parse_bus_state(body: &[u8]) -> Option<bool> {
    match serde_json::from_slice::<Value>(body).ok()?["bus"].as_str()? {
        "up" => Some(true),
        "down" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_of_nodes_count() {
        assert_eq!(parse_bus_state(br#"{"ready":false,"bus":"up"}"#), Some(true));
        assert_eq!(parse_bus_state(br#"{"ready":true,"bus":"down"}"#), Some(false));
        for other in [&b"ok"[..], b"{}", br#"{"bus":true}"#, br#"{"bus":"sideways"}"#] {
            assert_eq!(parse_bus_state(other), None);
        }
    }
}
