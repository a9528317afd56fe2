//! Connections with ES256 tokens, on a system of their own.

use super::{Samples, Sizes};
use crate::failure::Result;
use crate::peer::Peer;
use crate::scenario::{HEARTBEAT, Scenario};
use crate::token::Issuer;

pub(super) fn es256(peer: &'static dyn Peer, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let mut scenario = Scenario::start(peer, &[sizes.es256], Issuer::es256()?, HEARTBEAT)?;
    scenario.clients.connect(1, 1, false)?;
    let before = scenario.costs()[0];
    scenario.clients.connect(sizes.es256, sizes.arriving, false)?;
    let cpu = scenario.costs()[0].saturating_sub(before).as_secs_f64();
    samples.add("handshakes-es256", f64::from(sizes.es256 - 1) / cpu.max(0.01));
    Ok(())
}
