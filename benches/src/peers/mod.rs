//! Every system that is measured, one file each. The order is that of the tables.

mod bare;
mod centrifuge;
mod installed;
mod nchan;
mod socketio;
mod sockudo;
mod wirebell;
mod ws;

use crate::peer::Peer;

/// All of them.
pub static ALL: &[&dyn Peer] = &[
    &wirebell::DURABLE,
    &wirebell::VOLATILE,
    &centrifuge::Centrifuge,
    &sockudo::Sockudo,
    &nchan::REDIS,
    &nchan::MEMORY,
    &ws::Ws,
    &socketio::SocketIo,
    &bare::Bare,
];

/// The one of this name.
pub fn by_name(name: &str) -> Option<&'static dyn Peer> {
    ALL.iter().copied().find(|peer| peer.name() == name)
}
