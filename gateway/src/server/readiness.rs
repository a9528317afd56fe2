//! Decides whether a node that lost its bus stays ready.
//!
//! If other nodes have the bus, only this node's clients are affected, and it must leave the load
//! balancer (*isolated*). If all nodes lost it (*outage*), removing them would only add a second
//! outage.
//!
//! No decision is immediate. During a failover nodes lose and regain the bus at different times,
//! and a node that has not noticed the loss still reports it as up. So a difference must last for
//! some seconds.

use std::time::{Duration, Instant};

use super::peers::PeerReport;
use crate::bus::Health;

/// How long others must have the bus while this node does not, before it counts as isolated. Longer
/// than a probe's timeout (2 s) and the pause before it (1 s): a node that still reports "up" after
/// that does have the bus.
const ISOLATED_AFTER: Duration = Duration::from_secs(4);
/// How long others must lack the bus too, before an isolated node counts as part of an outage.
const OUTAGE_AFTER: Duration = Duration::from_secs(10);
/// How long the bus must stay up on an isolated node, before it receives clients again.
const STABLE_AFTER: Duration = Duration::from_secs(3);

/// Whether the node may receive clients, as far as its bus is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BusReadiness {
    /// The node has its bus.
    Ready,
    /// The node lost its bus: together with all known nodes, or a few seconds ago.
    Degraded(String),
    /// Only this node lost its bus, or it never had it.
    Unready(String),
}

/// The observations so far.
#[derive(Debug, Default)]
pub(super) struct ReadinessPolicy {
    /// Whether the node ever had its bus.
    was_up: bool,
    /// Whether the node has left the load balancer, since it was isolated.
    withdrawn: bool,
    up_since: Option<Instant>,
    isolated_since: Option<Instant>,
    outage_since: Option<Instant>,
}

impl ReadinessPolicy {
    /// Updates the state with new observations.
    pub(super) fn evaluate(&mut self, now: Instant, health: &Health, peers: PeerReport) -> BusReadiness {
        match health {
            Health::Up => self.up(now),
            Health::Down(why) | Health::Deaf(why) if !self.was_up => BusReadiness::Unready(why.clone()),
            Health::Down(why) => self.down(now, why, is_isolated(peers, false)),
            Health::Deaf(why) => self.down(now, why, is_isolated(peers, true)),
        }
    }

    /// Returns the readiness while the bus is up.
    fn up(&mut self, now: Instant) -> BusReadiness {
        self.was_up = true;
        (self.isolated_since, self.outage_since) = (None, None);
        let since = *self.up_since.get_or_insert(now);
        self.withdrawn &= now.duration_since(since) < STABLE_AFTER;
        if self.withdrawn {
            BusReadiness::Unready("the bus is up again, but not yet stable".to_owned())
        } else {
            BusReadiness::Ready
        }
    }

    /// Returns the readiness while the bus is down. `isolated` says whether other nodes have it.
    fn down(&mut self, now: Instant, why: &str, isolated: Option<bool>) -> BusReadiness {
        self.up_since = None;
        match isolated {
            Some(true) => {
                self.outage_since = None;
                let since = *self.isolated_since.get_or_insert(now);
                self.withdrawn |= now.duration_since(since) >= ISOLATED_AFTER;
            }
            Some(false) => {
                self.isolated_since = None;
                let since = *self.outage_since.get_or_insert(now);
                self.withdrawn &= now.duration_since(since) < OUTAGE_AFTER;
            }
            None => {}
        }
        if self.withdrawn {
            BusReadiness::Unready(format!("{why}; other nodes have the bus"))
        } else {
            BusReadiness::Degraded(why.to_owned())
        }
    }
}

/// Returns whether only this node lacks the bus. `None` if the queried nodes did not answer: the
/// state stays unchanged.
///
/// `answered`: the bus peers this node, which is only deaf. The bus is then up for others as
/// well, unless they report that they are deaf too.
fn is_isolated(peers: PeerReport, answered: bool) -> Option<bool> {
    match peers {
        PeerReport { up: 1.., .. } => Some(true),
        PeerReport { down: 1.., .. } => Some(false),
        _ if answered => Some(true),
        PeerReport { queried: 0, .. } => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: PeerReport = PeerReport { queried: 2, up: 1, down: 1 };
    const DOWN: PeerReport = PeerReport { queried: 2, up: 0, down: 1 };
    const SILENT: PeerReport = PeerReport { queried: 2, up: 0, down: 0 };
    const NO_PEERS: PeerReport = PeerReport { queried: 0, up: 0, down: 0 };

    fn down() -> Health {
        Health::Down("w".to_owned())
    }

    fn deaf() -> Health {
        Health::Deaf("w".to_owned())
    }

    /// Evaluates at each given second. Returns the states: `r`eady, `d`egraded, `u`nready.
    fn states(steps: &[(u64, Health, PeerReport)]) -> String {
        let (mut policy, begin) = (ReadinessPolicy::default(), Instant::now());
        let states = steps.iter().map(|(second, health, peers)| {
            match policy.evaluate(begin + Duration::from_secs(*second), health, *peers) {
                BusReadiness::Ready => 'r',
                BusReadiness::Degraded(_) => 'd',
                BusReadiness::Unready(_) => 'u',
            }
        });
        states.collect()
    }

    #[test]
    fn a_node_that_never_had_the_bus_is_unready() {
        assert_eq!(states(&[(0, down(), NO_PEERS), (60, down(), DOWN), (61, Health::Up, UP)]), "uur");
    }

    #[test]
    fn an_isolated_node_is_unready_until_its_bus_is_stable() {
        let steps = [
            (0, Health::Up, NO_PEERS),
            (1, down(), UP),
            (4, down(), UP),
            (5, down(), UP),
            (6, down(), SILENT),
            (7, Health::Up, UP),
            (8, down(), UP),
            (9, Health::Up, UP),
            (12, Health::Up, UP),
        ];
        assert_eq!(states(&steps), "rdduuuuur");
    }

    #[test]
    fn an_outage_of_all_nodes_is_degraded() {
        for (health, peers) in [(down(), DOWN), (down(), NO_PEERS), (down(), SILENT), (deaf(), DOWN)] {
            let steps = [(0, Health::Up, NO_PEERS), (1, health.clone(), peers), (900, health, peers)];
            assert_eq!(states(&steps), "rdd", "{peers:?}");
        }
    }

    #[test]
    fn a_short_difference_is_not_isolation() {
        let steps = [(0, Health::Up, UP), (1, down(), UP), (3, down(), DOWN), (4, down(), UP), (7, down(), UP)];
        assert_eq!(states(&steps), "rdddd");
    }

    #[test]
    fn a_deaf_node_is_isolated_unless_others_are_deaf() {
        for peers in [UP, NO_PEERS, SILENT] {
            assert_eq!(states(&[(0, Health::Up, NO_PEERS), (1, deaf(), peers), (5, deaf(), peers)]), "rdu");
        }
    }

    #[test]
    fn isolation_ends_when_all_nodes_lose_the_bus() {
        let steps = [(0, Health::Up, UP), (1, down(), UP), (5, down(), UP), (6, down(), DOWN), (16, down(), DOWN)];
        assert_eq!(states(&steps), "rduud");
    }
}
