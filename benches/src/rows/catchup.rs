//! Clients reconnect with the cursors of their last events and catch up on what they missed.

use std::time::Duration;

use super::connections::micros_each;
use super::{Samples, Sizes};
use crate::failure::{Failure, Result};
use crate::load_clients::Sent;
use crate::mark::now;
use crate::peer::{Ingress, Peer};
use crate::publish::{Plan, publish};
use crate::scenario::{HEARTBEAT, Scenario};
use crate::token::Issuer;

pub(super) fn run(peer: &'static dyn Peer, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let users = sizes.returning;
    let mut scenario = Scenario::start(peer, &[users], Issuer::hs256(), HEARTBEAT)?;
    scenario.clients.connect(users, sizes.arriving, false)?;
    let first = Plan::round_robin(scenario.next_phase(), Ingress::Redis, users, users);
    let before_disconnect = scenario.run(first.phase, &[first], true)?;
    if !before_disconnect.account.is_exact() {
        return Err(Failure::new(format!(
            "before the clients disconnected: {}",
            before_disconnect.account.problems()
        )));
    }
    let missed = Plan { phase: scenario.next_phase(), events: users * sizes.missed, in_flight: u64::MAX, ..first };
    scenario.clients.begin_phase(missed.phase, true)?;
    scenario.clients.reset()?;
    publish(peer, &scenario.config, &missed, &scenario.clients.events())?;
    let (before, begun) = (scenario.costs(), now());
    scenario.clients.connect(users, sizes.storming, true)?;
    scenario.clients.wait(missed.deliveries(), Duration::from_secs(10));
    let cpu = scenario.costs()[0].saturating_sub(before[0]);
    let mut phase = scenario.end_phase(Sent { single: missed.events, users, broadcast: 0 })?;
    let last = phase.seen.iter().map(|seen| seen.last).max().unwrap_or_default();
    phase.wall = Duration::from_nanos(last.saturating_sub(begun));
    samples.add_phase("catchup-time", phase.wall.as_secs_f64(), &phase);
    samples.add_phase("catchup-cpu", micros_each(cpu, missed.deliveries()), &phase);
    Ok(())
}
