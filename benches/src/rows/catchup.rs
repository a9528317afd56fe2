//! Clients come back, with the cursors of what they got last, to what they have missed.

use std::time::Duration;

use super::crowd::micros_each;
use super::{Samples, Sizes};
use crate::crowd::Sent;
use crate::failure::{Failure, Result};
use crate::mark::now;
use crate::peer::{Door, Peer};
use crate::publish::{Plan, publish};
use crate::stage::{HEARTBEAT, Stage};
use crate::token::Issuer;

pub(super) fn run(peer: &'static dyn Peer, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let users = sizes.returning;
    let mut stage = Stage::open(peer, &[users], Issuer::hs256(), HEARTBEAT)?;
    stage.crowd.connect(users, sizes.arriving, false)?;
    let first = Plan::in_turn(stage.next_phase(), Door::Redis, users, users);
    let got = stage.run(first.phase, &[first], true)?;
    if !got.account.is_exact() {
        return Err(Failure::new(format!("before they went away: {}", got.account.objections())));
    }
    let missed = Plan { phase: stage.next_phase(), events: users * sizes.missed, under_way: u64::MAX, ..first };
    stage.crowd.watch(missed.phase, true)?;
    stage.crowd.vanish()?;
    publish(peer, &stage.place, &missed, &stage.crowd.events())?;
    let (before, begun) = (stage.costs(), now());
    stage.crowd.connect(users, sizes.storming, true)?;
    stage.crowd.wait(missed.deliveries(), Duration::from_secs(10));
    let cpu = stage.costs()[0].saturating_sub(before[0]);
    let mut phase = stage.close(Sent { ones: missed.events, users, alls: 0 })?;
    let last = phase.seen.iter().map(|seen| seen.last).max().unwrap_or_default();
    phase.wall = Duration::from_nanos(last.saturating_sub(begun));
    samples.add_phase("catchup-time", phase.wall.as_secs_f64(), &phase);
    samples.add_phase("catchup-cpu", micros_each(cpu, missed.deliveries()), &phase);
    Ok(())
}
