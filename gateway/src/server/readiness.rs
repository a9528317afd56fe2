//! Whether a node without its bus is alone with that. If others have the bus, their clients are served and this one's
//! are not: it has to leave the load balancer. If all lack it, taking them out would only add a second outage.
//!
//! Nothing is decided in a moment. During a failover nodes lose the bus and find it again at different times, and a
//! node that does not yet know of the loss says that it has it: so it must hold for some seconds that others have the
//! bus while this one has not.

use std::time::{Duration, Instant};

use super::peers::PeerReport;
use crate::bus::Health;

/// How long others have the bus while this node has not, before it counts as alone. Longer than a probe that runs out
/// of time (2 s) and the pause before it (1 s): whoever still says "up" then does have it.
const ISOLATED_AFTER: Duration = Duration::from_secs(4);
/// How long others have to lack it as well, before a node that was alone no longer is.
const OUTAGE_AFTER: Duration = Duration::from_secs(10);
/// How long the bus has to stay with a node that was alone, before it gets clients again.
const STABLE_AFTER: Duration = Duration::from_secs(3);

/// Whether the node may be sent clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BusReadiness {
    /// It has its bus.
    Ready,
    /// It has not, and nor has anybody else, as far as is known; or only for a moment.
    Degraded(String),
    /// It alone has not, or it never had.
    Unready(String),
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct ReadinessPolicy {
    /// Has the node ever had its bus?
    was_up: bool,
    /// Is it out, since it was alone?
    withdrawn: bool,
    up_since: Option<Instant>,
    isolated_since: Option<Instant>,
    outage_since: Option<Instant>,
}

impl ReadinessPolicy {
    /// Judges anew.
    pub(super) fn evaluate(&mut self, now: Instant, health: &Health, answers: PeerReport) -> BusReadiness {
        match health {
            Health::Up => self.up(now),
            Health::Down(why) | Health::Deaf(why) if !self.was_up => BusReadiness::Unready(why.clone()),
            Health::Down(why) => self.without(now, why, is_isolated(answers, false)),
            Health::Deaf(why) => self.without(now, why, is_isolated(answers, true)),
        }
    }

    fn up(&mut self, now: Instant) -> BusReadiness {
        self.was_up = true;
        (self.isolated_since, self.outage_since) = (None, None);
        let since = *self.up_since.get_or_insert(now);
        self.withdrawn &= now.duration_since(since) < STABLE_AFTER;
        if self.withdrawn { BusReadiness::Unready("the bus is back, but not for long".to_owned()) } else { BusReadiness::Ready }
    }

    fn without(&mut self, now: Instant, why: &str, isolated: Option<bool>) -> BusReadiness {
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

/// None: there were nodes to ask, and none of them answered, so everything stays as it was.
///
/// `answered`: the bus answers this node, it only does not hear. Then it is there for others as well, unless they say
/// that they do not hear either.
fn is_isolated(answers: PeerReport, answered: bool) -> Option<bool> {
    match answers {
        PeerReport { up: 1.., .. } => Some(true),
        PeerReport { down: 1.., .. } => Some(false),
        _ if answered => Some(true),
        PeerReport { asked: 0, .. } => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: PeerReport = PeerReport { asked: 2, up: 1, down: 1 };
    const DOWN: PeerReport = PeerReport { asked: 2, up: 0, down: 1 };
    const SILENT: PeerReport = PeerReport { asked: 2, up: 0, down: 0 };
    const NO_PEERS: PeerReport = PeerReport { asked: 0, up: 0, down: 0 };

    fn down() -> Health {
        Health::Down("w".to_owned())
    }

    fn deaf() -> Health {
        Health::Deaf("w".to_owned())
    }

    /// Judges at each second given, and says how the node stood: `r`eady, `d`egraded, `u`nready.
    fn states(story: &[(u64, Health, PeerReport)]) -> String {
        let (mut policy, begin) = (ReadinessPolicy::default(), Instant::now());
        let letters = story.iter().map(|(second, health, answers)| {
            match policy.evaluate(begin + Duration::from_secs(*second), health, *answers) {
                BusReadiness::Ready => 'r',
                BusReadiness::Degraded(_) => 'd',
                BusReadiness::Unready(_) => 'u',
            }
        });
        letters.collect()
    }

    #[test]
    fn never_reached_is_unready_whatever_others_say() {
        assert_eq!(states(&[(0, down(), NO_PEERS), (60, down(), DOWN), (61, Health::Up, UP)]), "uur");
    }

    #[test]
    fn alone_is_unready_after_a_while_and_ready_again_once_it_is_steady() {
        let story = [
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
        assert_eq!(states(&story), "rdduuuuur");
    }

    #[test]
    fn together_is_degraded_for_as_long_as_it_lasts() {
        for (health, answers) in [(down(), DOWN), (down(), NO_PEERS), (down(), SILENT), (deaf(), DOWN)] {
            let story = [(0, Health::Up, NO_PEERS), (1, health.clone(), answers), (900, health, answers)];
            assert_eq!(states(&story), "rdd", "{answers:?}");
        }
    }

    #[test]
    fn a_moment_in_which_others_have_it_is_not_being_alone() {
        let story = [(0, Health::Up, UP), (1, down(), UP), (3, down(), DOWN), (4, down(), UP), (7, down(), UP)];
        assert_eq!(states(&story), "rdddd");
    }

    #[test]
    fn deaf_to_a_bus_that_answers_is_alone_unless_others_are_deaf() {
        for answers in [UP, NO_PEERS, SILENT] {
            assert_eq!(states(&[(0, Health::Up, NO_PEERS), (1, deaf(), answers), (5, deaf(), answers)]), "rdu");
        }
    }

    #[test]
    fn alone_ends_when_everybody_lacks_it() {
        let story = [(0, Health::Up, UP), (1, down(), UP), (5, down(), UP), (6, down(), DOWN), (16, down(), DOWN)];
        assert_eq!(states(&story), "rduud");
    }
}
