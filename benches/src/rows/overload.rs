//! Overload: durable events to all, as fast as Redis accepts them. Nothing may be lost; what cannot
//! be delivered at once waits in the log.

use std::time::Duration;

use super::{Samples, Sizes};
use crate::failure::Result;
use crate::load_clients::Sent;
use crate::mark::now;
use crate::peer::{Ingress, Peer};
use crate::publish::{Plan, publish};
use crate::scenario::{HEARTBEAT, Scenario};
use crate::token::Issuer;

pub(super) fn run(peer: &'static dyn Peer, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let connections = sizes.overload_connections;
    let mut scenario = Scenario::start(peer, &[connections], Issuer::hs256(), HEARTBEAT)?;
    scenario.clients.connect(connections, sizes.arriving, false)?;
    let burst = Plan::to_all(scenario.next_phase(), Ingress::Redis, connections, sizes.overload_events);
    let burst = Plan { in_flight: u64::MAX, ..burst };
    scenario.clients.begin_phase(burst.phase, false)?;
    let begun = now();
    let outcome = publish(peer, &scenario.config, &burst, &scenario.clients.events())?;
    scenario.clients.wait(burst.deliveries(), Duration::from_secs(15));
    let mut phase = scenario.end_phase(Sent { broadcast: burst.events, ..outcome.sent })?;
    let last_seen = phase.seen.iter().map(|seen| seen.last).max().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a minute")]
    let ratio = last_seen.saturating_sub(begun) as f64 / outcome.nanos.max(1) as f64;
    let rejected = outcome.rejected * u64::from(connections);
    #[expect(clippy::cast_precision_loss, reason = "a count below a billion")]
    let lost = phase.account.missing.saturating_sub(rejected) as f64;
    phase.published = vec![outcome];
    samples.add_phase("overload-offered", ratio, &phase);
    samples.add_phase("overload-lost", lost, &phase);
    Ok(())
}
