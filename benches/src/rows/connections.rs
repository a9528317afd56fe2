//! Measurements on many connections: their memory and CPU, their handshakes, and events to all of
//! them.

use std::time::{Duration, Instant};

use super::{Group, Samples, Sizes};
use crate::failure::Result;
use crate::peer::{Ability, Ingress};
use crate::publish::Plan;
use crate::scenario::Scenario;
use crate::usage;

/// Connects all clients. A first client connects before, so that lazy initialization of the system
/// is not counted as the cost of a connection.
pub(super) fn connect(scenario: &mut Scenario, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    scenario.clients.connect(1, 1, false)?;
    scenario.empty = memory(scenario);
    let before = scenario.costs()[0];
    let (arrivals, latency) = scenario.clients.connect(sizes.connections, sizes.arriving, false)?;
    let cpu = (scenario.costs()[0].saturating_sub(before)).as_secs_f64();
    if scenario.peer.can(Ability::Hs256) && !scenario.peer.is_variant() {
        samples.add("handshakes-hs256", f64::from(sizes.connections - 1) / cpu.max(0.01));
    }
    println!(
        "    {} connected in {:.2} s, p99 {:.1} ms, {} failed attempts {}",
        arrivals.connected,
        Duration::from_nanos(arrivals.nanos).as_secs_f64(),
        latency.micros(0.99) / 1000.0,
        arrivals.failed,
        arrivals.reason
    );
    Ok(())
}

/// Measures what requires that nothing was delivered yet.
pub(super) fn before_load(
    scenario: &mut Scenario,
    groups: &[Group],
    sizes: &Sizes,
    samples: &mut Samples,
) -> Result<()> {
    if !groups.contains(&Group::Idle) || !is_system(scenario) {
        return Ok(());
    }
    let bytes = memory(scenario);
    samples.add("idle-memory", (bytes - scenario.empty).max(0.0) / f64::from(sizes.connections - 1));
    samples.add("whole-memory", bytes / f64::from(sizes.connections));
    if scenario.peer.can(Ability::Heartbeat) && sizes.idle_seconds > 0 && samples.round == 0 {
        let phase = scenario.next_phase();
        scenario.clients.begin_phase(phase, false)?;
        let (before, begun) = (scenario.costs()[0], Instant::now());
        std::thread::sleep(Duration::from_secs(sizes.idle_seconds.into()));
        let cpu = scenario.costs()[0].saturating_sub(before).as_secs_f64();
        let seconds = begun.elapsed().as_secs_f64();
        let idle = scenario.end_phase(crate::load_clients::Sent::default())?;
        let pings: u64 = idle.seen.iter().map(|seen| seen.pings).sum();
        println!("    {pings} pings in {seconds:.1} s");
        samples.add_phase("idle-cpu", cpu * 1e6 / seconds / f64::from(sizes.connections), &idle);
    }
    Ok(())
}

/// Measures events to all, and what requires that they were delivered.
pub(super) fn under_load(
    scenario: &mut Scenario,
    groups: &[Group],
    sizes: &Sizes,
    samples: &mut Samples,
) -> Result<()> {
    if groups.contains(&Group::Fanout) {
        fanout(scenario, sizes, samples)?;
    }
    if groups.contains(&Group::Payment) {
        payment(scenario, sizes, samples)?;
    }
    if groups.contains(&Group::Idle) && is_system(scenario) {
        let grown = (memory(scenario) - scenario.empty).max(0.0);
        samples.add("loaded-memory", grown / f64::from(sizes.connections - 1));
    }
    if groups.contains(&Group::Storm) && is_system(scenario) {
        storm(scenario, sizes, samples)?;
    }
    Ok(())
}

/// Returns whether it is a system whose memory and handshakes can be compared: the bare writer only
/// holds sockets.
fn is_system(scenario: &Scenario) -> bool {
    scenario.peer.can(Ability::Redis) || scenario.peer.can(Ability::Http)
}

fn memory(scenario: &Scenario) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a size below a petabyte")]
    let bytes = scenario.stable_memory() as f64;
    bytes
}

/// Returns how this system gets events to all.
fn ingress(scenario: &Scenario) -> Ingress {
    let only_http = scenario.peer.can(Ability::Http) && !scenario.peer.can(Ability::Redis);
    if only_http { Ingress::Http } else { Ingress::Redis }
}

fn fanout(scenario: &mut Scenario, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let ingress = ingress(scenario);
    let one = Plan::to_all(scenario.next_phase(), ingress, sizes.connections, 1);
    scenario.run(one.phase, &[one], false)?;
    let one = Plan { phase: scenario.next_phase(), ..one };
    let single = scenario.run(one.phase, &[one], false)?;
    samples.add_phase("fanout-last", single.broadcast_latency().micros(1.0) / 1000.0, &single);
    let seconds = single.wall.as_secs_f64().max(0.001);
    let events = to_count(f64::from(sizes.seconds) / seconds).clamp(4, 100);
    let plan = Plan { phase: scenario.next_phase(), events, ..one };
    let phase = scenario.run(plan.phase, &[plan], false)?;
    samples.add_phase("fanout", per_second(plan.deliveries(), phase.server), &phase);
    Ok(())
}

fn payment(scenario: &mut Scenario, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let ingress = ingress(scenario);
    let single = |phase| {
        let events = sizes.payment_rate * sizes.rate_seconds;
        Plan::round_robin(phase, ingress, sizes.payment_users, events).at(sizes.payment_rate)
    };
    let plan = single(scenario.next_phase());
    let alone = scenario.run(plan.phase, &[plan], false)?;
    let alone_p99 = alone.single_latency(0..1).micros(0.99);
    samples.add_phase("payment-alone", alone_p99, &alone);
    // The other clients only create load. On two cores, the timed clients must not wait for them.
    scenario.clients.renice_all_but_the_first(10);
    let plan = single(scenario.next_phase());
    let broadcasts = sizes.broadcast_rate * sizes.rate_seconds;
    let all = Plan::to_all(plan.phase, ingress, sizes.connections, broadcasts).at(sizes.broadcast_rate);
    let amid = scenario.run(plan.phase, &[plan, all], false)?;
    scenario.clients.renice_all_but_the_first(0);
    let amid_p99 = amid.single_latency(0..1).micros(0.99);
    samples.add_phase("payment-amid", amid_p99, &amid);
    samples.add("payment-ratio", amid_p99 / alone_p99.max(1.0));
    Ok(())
}

fn storm(scenario: &mut Scenario, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    scenario.clients.reset()?;
    let before = usage::cpu(&scenario.server_pids());
    let (arrivals, latency) = scenario.clients.connect(sizes.connections, sizes.storming, false)?;
    let cpu = usage::cpu(&scenario.server_pids()).saturating_sub(before);
    let seconds = Duration::from_nanos(arrivals.nanos).as_secs_f64();
    println!("    storm: p99 {:.0} ms, {} failed attempts", latency.micros(0.99) / 1000.0, arrivals.failed);
    // The reconnected clients must receive new events.
    let one = Plan::to_all(scenario.next_phase(), ingress(scenario), sizes.connections, 1);
    let after = scenario.run(one.phase, &[one], false)?;
    samples.add_phase("storm-time", seconds, &after);
    samples.add_phase("storm-cpu", cpu.as_secs_f64() * 1e6 / f64::from(sizes.connections), &after);
    Ok(())
}

/// Returns the count for each second of CPU.
pub(super) fn per_second(count: u64, cpu: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a count below a billion")]
    let count = count as f64;
    count / cpu.as_secs_f64().max(0.01)
}

/// Returns the CPU for each of `count`, in microseconds.
pub(super) fn micros_each(cpu: Duration, count: u64) -> f64 {
    1e6 / per_second(count, cpu)
}

/// Rounds a quotient down to a count.
pub(super) fn to_count(number: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is bounded right here")]
    let count = number.clamp(0.0, 1e9) as u32;
    count
}
