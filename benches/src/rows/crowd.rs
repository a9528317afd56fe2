//! What is measured on a crowd of connections: what they take, what they cost to take in, events to all of them.

use std::time::{Duration, Instant};

use super::{Group, Samples, Sizes};
use crate::failure::Result;
use crate::peer::{Ability, Door};
use crate::publish::Plan;
use crate::stage::Stage;
use crate::usage;

/// Connects the crowd. A first client comes and goes before, since what it makes the system load is not the price of a
/// connection.
pub(super) fn arrive(stage: &mut Stage, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    stage.crowd.connect(1, 1, false)?;
    stage.empty = memory(stage);
    let before = stage.costs()[0];
    let (arrivals, latency) = stage.crowd.connect(sizes.connections, sizes.arriving, false)?;
    let cpu = (stage.costs()[0].saturating_sub(before)).as_secs_f64();
    if stage.peer.can(Ability::Hs256) && !stage.peer.is_variant() {
        samples.add("handshakes-hs256", f64::from(sizes.connections - 1) / cpu.max(0.01));
    }
    println!(
        "    {} connected in {:.2} s, p99 {:.1} ms, {} tries failed {}",
        arrivals.connected,
        Duration::from_nanos(arrivals.nanos).as_secs_f64(),
        latency.micros(0.99) / 1000.0,
        arrivals.failed,
        arrivals.why
    );
    Ok(())
}

/// What has to be measured before anything was delivered.
pub(super) fn before_load(stage: &mut Stage, groups: &[Group], sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    if !groups.contains(&Group::Idle) || !is_system(stage) {
        return Ok(());
    }
    let whole = memory(stage);
    samples.add("idle-memory", (whole - stage.empty).max(0.0) / f64::from(sizes.connections - 1));
    samples.add("whole-memory", whole / f64::from(sizes.connections));
    if stage.peer.can(Ability::Heartbeat) && sizes.idle_seconds > 0 && samples.round == 0 {
        let phase = stage.next_phase();
        stage.crowd.watch(phase, false)?;
        let (before, begun) = (stage.costs()[0], Instant::now());
        std::thread::sleep(Duration::from_secs(sizes.idle_seconds.into()));
        let cpu = stage.costs()[0].saturating_sub(before).as_secs_f64();
        let seconds = begun.elapsed().as_secs_f64();
        let idle = stage.close(crate::crowd::Sent::default())?;
        let pings: u64 = idle.seen.iter().map(|seen| seen.pings).sum();
        println!("    {pings} pings in {seconds:.1} s");
        samples.add_phase("idle-cpu", cpu * 1e6 / seconds / f64::from(sizes.connections), &idle);
    }
    Ok(())
}

/// What is measured with events to everyone, and after them.
pub(super) fn under_load(stage: &mut Stage, groups: &[Group], sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    if groups.contains(&Group::Fanout) {
        fanout(stage, sizes, samples)?;
    }
    if groups.contains(&Group::Payment) {
        payment(stage, sizes, samples)?;
    }
    if groups.contains(&Group::Idle) && is_system(stage) {
        let grown = (memory(stage) - stage.empty).max(0.0);
        samples.add("loaded-memory", grown / f64::from(sizes.connections - 1));
    }
    if groups.contains(&Group::Storm) && is_system(stage) {
        storm(stage, sizes, samples)?;
    }
    Ok(())
}

/// What holds nothing but sockets is no system whose memory could be compared, nor its way to take clients in.
fn is_system(stage: &Stage) -> bool {
    stage.peer.can(Ability::Redis) || stage.peer.can(Ability::Http)
}

fn memory(stage: &Stage) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a size below a petabyte")]
    let bytes = stage.settled_memory() as f64;
    bytes
}

/// By which door this system gets events to all.
fn door(stage: &Stage) -> Door {
    let only_http = stage.peer.can(Ability::Http) && !stage.peer.can(Ability::Redis);
    if only_http { Door::Http } else { Door::Redis }
}

fn fanout(stage: &mut Stage, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let door = door(stage);
    let one = Plan::to_all(stage.next_phase(), door, sizes.connections, 1);
    stage.run(one.phase, &[one], false)?;
    let one = Plan { phase: stage.next_phase(), ..one };
    let single = stage.run(one.phase, &[one], false)?;
    samples.add_phase("fanout-last", single.all_latency().micros(1.0) / 1000.0, &single);
    let seconds = single.wall.as_secs_f64().max(0.001);
    let events = whole(f64::from(sizes.seconds) / seconds).clamp(4, 100);
    let plan = Plan { phase: stage.next_phase(), events, ..one };
    let phase = stage.run(plan.phase, &[plan], false)?;
    samples.add_phase("fanout", per_second(plan.deliveries(), phase.server), &phase);
    Ok(())
}

fn payment(stage: &mut Stage, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let door = door(stage);
    let ones = |phase| {
        let events = sizes.payment_rate * sizes.rate_seconds;
        Plan::in_turn(phase, door, sizes.payment_users, events).at(sizes.payment_rate)
    };
    let plan = ones(stage.next_phase());
    let alone = stage.run(plan.phase, &[plan], false)?;
    let alone_p99 = alone.one_latency(0..1).micros(0.99);
    samples.add_phase("payment-alone", alone_p99, &alone);
    // The others' part in this is to receive; what is timed here must not wait for their turn on these two cores.
    stage.crowd.yield_behind_the_first(10);
    let plan = ones(stage.next_phase());
    let broadcasts = sizes.broadcast_rate * sizes.rate_seconds;
    let all = Plan::to_all(plan.phase, door, sizes.connections, broadcasts).at(sizes.broadcast_rate);
    let amid = stage.run(plan.phase, &[plan, all], false)?;
    stage.crowd.yield_behind_the_first(0);
    let amid_p99 = amid.one_latency(0..1).micros(0.99);
    samples.add_phase("payment-amid", amid_p99, &amid);
    samples.add("payment-ratio", amid_p99 / alone_p99.max(1.0));
    Ok(())
}

fn storm(stage: &mut Stage, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    stage.crowd.vanish()?;
    let before = usage::cpu(&stage.server_pids());
    let (arrivals, latency) = stage.crowd.connect(sizes.connections, sizes.storming, false)?;
    let cpu = usage::cpu(&stage.server_pids()).saturating_sub(before);
    let seconds = Duration::from_nanos(arrivals.nanos).as_secs_f64();
    println!("    storm: p99 {:.0} ms, {} tries failed", latency.micros(0.99) / 1000.0, arrivals.failed);
    // Whoever came back must get what comes now.
    let one = Plan::to_all(stage.next_phase(), door(stage), sizes.connections, 1);
    let after = stage.run(one.phase, &[one], false)?;
    samples.add_phase("storm-time", seconds, &after);
    samples.add_phase("storm-cpu", cpu.as_secs_f64() * 1e6 / f64::from(sizes.connections), &after);
    Ok(())
}

/// So many in so much CPU.
pub(super) fn per_second(count: u64, cpu: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a count below a billion")]
    let count = count as f64;
    count / cpu.as_secs_f64().max(0.01)
}

/// CPU for each of so many, in microseconds.
pub(super) fn micros_each(cpu: Duration, count: u64) -> f64 {
    1e6 / per_second(count, cpu)
}

/// A count from a quotient.
pub(super) fn whole(number: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is bounded right here")]
    let whole = number.clamp(0.0, 1e9) as u32;
    whole
}
