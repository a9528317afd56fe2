//! Asking other nodes whether they have the bus that this one lacks.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::sync::watch;

/// How long an answer may take: nodes are near each other, and the next round comes soon.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How many are asked at a time. One that has the bus is enough, and some may be gone.
const SAMPLE_SIZE: usize = 4;
/// The most that is read of an answer; it has some hundred bytes.
const MAX_BYTES: usize = 16 * 1024;

/// The other nodes, as they were known last.
pub(super) struct Peers {
    known: watch::Receiver<Vec<SocketAddr>>,
    client: Client,
}

/// What they said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PeerReport {
    /// Whom there was to ask.
    pub(super) asked: usize,
    /// Those that have the bus.
    pub(super) up: usize,
    /// Those that lack it, too.
    pub(super) down: usize,
}

impl Peers {
    pub(super) fn new(known: watch::Receiver<Vec<SocketAddr>>) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            // They are asked in times of trouble only.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { known, client })
    }

    /// Asks a few, others each time.
    pub(super) async fn ask(&self) -> PeerReport {
        let known = self.known.borrow().clone();
        let chosen = fastrand::choose_multiple(known, SAMPLE_SIZE);
        let answers = join_all(chosen.iter().map(|peer| self.has_bus(*peer))).await;
        let count = |wanted| answers.iter().filter(|answer| **answer == Some(wanted)).count();
        PeerReport { asked: chosen.len(), up: count(true), down: count(false) }
    }

    /// None: no answer, or not one of a node.
    async fn has_bus(&self, peer: SocketAddr) -> Option<bool> {
        let answer = self.client.get(format!("http://{peer}/readyz")).send().await.ok()?;
        // Ready or not: one that is being drained knows as well as any other.
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
    fn only_a_nodes_answer_counts() {
        assert_eq!(parse_bus_state(br#"{"ready":false,"bus":"up"}"#), Some(true));
        assert_eq!(parse_bus_state(br#"{"ready":true,"bus":"down"}"#), Some(false));
        for other in [&b"ok"[..], b"{}", br#"{"bus":true}"#, br#"{"bus":"sideways"}"#] {
            assert_eq!(parse_bus_state(other), None);
        }
    }
}
