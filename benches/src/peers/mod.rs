//! Every system that is measured, one file each. The order is that of the tables.

mod bare;
mod wirebell;

use crate::peer::Peer;

/// All of them.
pub static ALL: &[&dyn Peer] = &[&wirebell::DURABLE, &wirebell::VOLATILE, &bare::Bare];

/// The one of this name.
pub fn by_name(name: &str) -> Option<&'static dyn Peer> {
    ALL.iter().copied().find(|peer| peer.name() == name)
}
