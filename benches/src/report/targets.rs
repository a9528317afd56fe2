//! Compares the figures with the project's targets.

use super::figures::{Figures, OURS, short};
use crate::peers;
use crate::rows::ROWS;

/// One target, and whether it is met.
pub(super) struct TargetResult {
    pub(super) target: &'static str,
    pub(super) found: String,
    pub(super) met: bool,
}

/// Evaluates every target for which this run has figures.
pub(super) fn evaluate(figures: &Figures) -> Vec<TargetResult> {
    let mut results = Vec::new();
    let value = |row: &str, subject: &str| figures.spread(row, subject).map(|spread| spread.median);
    let mut judge = |target, found: Option<(String, bool)>| {
        results.extend(found.map(|(found, met)| TargetResult { target, found, met }));
    };
    let at_most = |found: Option<f64>, limit: f64| found.map(|found| (short(found), found <= limit));
    judge("an idle connection takes at most 4,096 bytes", at_most(value("idle-memory", OURS), 4096.0));
    let grown = value("idle-memory", OURS).zip(value("loaded-memory", OURS));
    judge("after load within 10 % of that", at_most(grown.map(|(idle, loaded)| loaded / idle), 1.1));
    judge("its heartbeats cost at most 1 µs of CPU a second", at_most(value("idle-cpu", OURS), 1.0));
    let bare = value("unicast", "wirebell").zip(value("unicast", "bare")).map(|(ours, bare)| ours / bare);
    judge("at least 0.8 of the bare writer's deliveries", bare.map(|part| (short(part), part >= 0.8)));
    for (row, target, times) in [
        ("idle-memory", "2.5 times less memory a connection than the leanest peer", 2.5),
        ("whole-memory", "2.5 times less memory than the leanest peer, the whole system counted", 2.5),
        ("unicast", "1.5 times the deliveries through Redis of the fastest peer", 1.5),
        ("unicast-p99", "half the p99 of the best peer at the same rate", 2.0),
        ("unicast-p99-typical", "half the p99 of the best peer within the median quarter of a second", 2.0),
    ] {
        judge(target, nearest(figures, row).map(|(peer, advantage)| (named(&peer, advantage), advantage >= times)));
    }
    let durable = value("durable-rate", "wirebell's script").zip(value("durable-rate", "least script"));
    let part = durable.map(|(ours, min)| ours / min);
    judge("durable publishing at least 0.6 of the least script", part.map(|part| (short(part), part >= 0.6)));
    judge("a payment amid broadcasts at most 3 times its p99 alone", at_most(value("payment-ratio", OURS), 3.0));
    judge("an event costs the same, within 15 %, when something grows tenfold", growth(figures));
    judge("nothing lost at overload", at_most(value("overload-lost", OURS), 0.0));
    let behind = rows_behind(figures).len();
    let found = if behind == 0 { "yes".to_owned() } else { format!("a peer is better in {behind} rows") };
    let others = peers::ALL.iter().any(|peer| is_rival(peer.name()) && value("unicast", peer.name()).is_some());
    judge("first in every row", others.then_some((found, behind == 0)));
    results
}

/// Returns the rows in which a peer is better, each with the best peer.
pub(super) fn rows_behind(figures: &Figures) -> Vec<String> {
    // This row is no target: Redis stores Wirebell's events, and forgets those of the peers.
    let rows = ROWS.iter().filter(|row| row.id != "unicast-redis");
    let slower = rows.filter_map(|row| nearest(figures, row.id).map(|(peer, advantage)| (row, peer, advantage)));
    let slower = slower.filter(|(_, _, advantage)| *advantage < 1.0);
    slower.map(|(row, peer, advantage)| format!("`{}` {}", row.id, named(&peer, advantage))).collect()
}

/// Returns how many times more an event costs on the larger side of each growth; subjects come in
/// pairs.
fn growth(figures: &Figures) -> Option<(String, bool)> {
    let subjects: Vec<&str> = figures.subjects("growth-server").collect();
    let times = |pair: &[&str]| {
        let of = |subject| Some(figures.spread("growth-server", subject)?.median);
        Some((pair.get(1)?.to_string(), of(pair.get(1)?)? / of(pair[0])?))
    };
    let all: Vec<_> = subjects.chunks(2).filter_map(times).collect();
    let named: Vec<_> = all.iter().map(|(what, times)| format!("{what}: {} times", short(*times))).collect();
    (!all.is_empty()).then(|| (named.join(", "), all.iter().all(|(_, times)| *times <= 1.15)))
}

/// Returns the peer that is closest to Wirebell, or farthest ahead of it, in this row.
fn nearest(figures: &Figures, row: &str) -> Option<(String, f64)> {
    let row = ROWS.iter().find(|known| known.id == row)?;
    let rivals = figures.subjects(row.id).filter(|name| is_rival(name));
    let advantage = rivals.filter_map(|name| Some((name.to_owned(), figures.advantage(row, OURS, name)?.median)));
    advantage.min_by(|one, other| one.1.total_cmp(&other.1))
}

/// Returns whether it is another system: not a variant of Wirebell, nor the bare writer.
fn is_rival(name: &str) -> bool {
    peers::by_name(name).is_some_and(|peer| !peer.is_variant() && name != OURS && name != "bare")
}

fn named(peer: &str, advantage: f64) -> String {
    format!("{} times ({peer})", short(advantage))
}
