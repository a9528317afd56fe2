//! The measured systems, one file each, in the order of the tables.
//!
//! A system starts its server, forms a client's handshake and forms what publishes an event. It
//! knows no figures.

mod bare;
mod centrifuge;
mod installed;
mod nchan;
mod socketio;
mod sockudo;
mod wirebell;
mod ws;

use crate::peer::Peer;

/// All systems.
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

/// Returns the system with this name.
pub fn by_name(name: &str) -> Option<&'static dyn Peer> {
    ALL.iter().copied().find(|peer| peer.name() == name)
}
