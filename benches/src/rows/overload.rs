//! More than can be delivered: durable events to everyone, as fast as Redis takes them. Nothing may be lost; what has to
//! wait, waits in the log.

use std::time::Duration;

use super::{Samples, Sizes};
use crate::crowd::Sent;
use crate::failure::Result;
use crate::mark::now;
use crate::peer::{Door, Peer};
use crate::publish::{Plan, publish};
use crate::stage::{HEARTBEAT, Stage};
use crate::token::Issuer;

pub(super) fn run(peer: &'static dyn Peer, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let everyone = sizes.overload_connections;
    let mut stage = Stage::open(peer, &[everyone], Issuer::hs256(), HEARTBEAT)?;
    stage.crowd.connect(everyone, sizes.arriving, false)?;
    let burst = Plan::to_all(stage.next_phase(), Door::Redis, everyone, sizes.overload_events);
    let burst = Plan { under_way: u64::MAX, ..burst };
    stage.crowd.watch(burst.phase, false)?;
    let begun = now();
    let outcome = publish(peer, &stage.place, &burst, &stage.crowd.events())?;
    stage.crowd.wait(burst.deliveries(), Duration::from_secs(15));
    let mut phase = stage.close(Sent { alls: burst.events, ..outcome.sent })?;
    let last = phase.seen.iter().map(|seen| seen.last).max().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a minute")]
    let ratio = last.saturating_sub(begun) as f64 / outcome.nanos.max(1) as f64;
    let told = outcome.refused * u64::from(everyone);
    #[expect(clippy::cast_precision_loss, reason = "a count below a billion")]
    let unheard = phase.account.missing.saturating_sub(told) as f64;
    phase.published = vec![outcome];
    samples.add_phase("overload-offered", ratio, &phase);
    samples.add_phase("overload-lost", unheard, &phase);
    Ok(())
}
