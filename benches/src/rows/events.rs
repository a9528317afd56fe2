//! Events to single users in turn: the throughput, and the latency at a rate that all systems
//! sustain.

use super::connections::{micros_each, per_second, to_count};
use super::{Samples, Sizes};
use crate::failure::Result;
use crate::peer::{Ability, Ingress};
use crate::publish::Plan;
use crate::scenario::{Phase, Scenario};

pub(super) fn by_redis(scenario: &mut Scenario, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    // The bare writer has no ingress; it takes its bursts in either case.
    if !scenario.peer.can(Ability::Redis) && scenario.peer.can(Ability::Http) {
        return Ok(());
    }
    let ingress = Ingress::Redis;
    let (events, phase) = throughput(scenario, ingress, sizes)?;
    samples.add_phase("unicast", per_second(events, phase.server), &phase);
    if scenario.peer.can(Ability::Redis) {
        samples.add_phase("unicast-redis", micros_each(phase.redis, events), &phase);
    }
    let phase = at_rate(scenario, ingress, sizes.rate, sizes)?;
    latencies(["unicast-p50", "unicast-p99", "unicast-p99-typical"], &phase, samples);
    Ok(())
}

pub(super) fn by_http(scenario: &mut Scenario, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    if !scenario.peer.can(Ability::Http) {
        return Ok(());
    }
    let (events, phase) = throughput(scenario, Ingress::Http, sizes)?;
    samples.add_phase("http", per_second(events, phase.server), &phase);
    let phase = at_rate(scenario, Ingress::Http, sizes.http_rate, sizes)?;
    latencies(["http-p50", "http-p99", "http-p99-typical"], &phase, samples);
    Ok(())
}

fn latencies([p50, p99, typical]: [&str; 3], phase: &Phase, samples: &mut Samples) {
    let latency = phase.single_latency(0..phase.seen.len());
    samples.add_phase(p50, latency.micros(0.5), phase);
    samples.add_phase(p99, latency.micros(0.99), phase);
    if let Some(micros) = phase.single_windows().median_micros(0.99) {
        samples.add_phase(typical, micros, phase);
    }
}

/// Warms the system up with a first burst, from which it derives the number of events for the given
/// time.
pub(super) fn throughput(scenario: &mut Scenario, ingress: Ingress, sizes: &Sizes) -> Result<(u64, Phase)> {
    let first = Plan::round_robin(scenario.next_phase(), ingress, sizes.users, sizes.users.min(3000));
    let warm = scenario.run(first.phase, &[first], false)?;
    let rate = f64::from(first.events) / warm.wall.as_secs_f64().max(0.001);
    let events = to_count(rate * f64::from(sizes.seconds)).clamp(first.events, 400_000);
    let plan = Plan { phase: scenario.next_phase(), events, ..first };
    Ok((events.into(), scenario.run(plan.phase, &[plan], false)?))
}

fn at_rate(scenario: &mut Scenario, ingress: Ingress, rate: u32, sizes: &Sizes) -> Result<Phase> {
    let plan = Plan::round_robin(scenario.next_phase(), ingress, sizes.users, rate * sizes.rate_seconds).at(rate);
    scenario.run(plan.phase, &[plan], false)
}
