//! Connections with tokens that ES256 signed, on a system of their own.

use super::{Samples, Sizes};
use crate::failure::Result;
use crate::peer::Peer;
use crate::stage::{HEARTBEAT, Stage};
use crate::token::Issuer;

pub(super) fn es256(peer: &'static dyn Peer, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let mut stage = Stage::open(peer, &[sizes.es256], Issuer::es256()?, HEARTBEAT)?;
    stage.crowd.connect(1, 1, false)?;
    let before = stage.costs()[0];
    stage.crowd.connect(sizes.es256, sizes.arriving, false)?;
    let cpu = stage.costs()[0].saturating_sub(before).as_secs_f64();
    samples.add("handshakes-es256", f64::from(sizes.es256 - 1) / cpu.max(0.01));
    Ok(())
}
