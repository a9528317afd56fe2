//! The rows of docs/benchmarks.md: what is measured, and how much of it.
//!
//! Sizes come in; samples go out. The rows do not know how figures are aggregated and presented.

mod catchup;
mod connections;
mod durable;
mod events;
mod growth;
mod handshake;
mod overload;
mod sample;
mod sdk;
mod sizes;
mod table;

use crate::failure::Result;
use crate::peer::{Ability, Peer};
use crate::peers;
use crate::scenario::{HEARTBEAT, Scenario};
use crate::token::Issuer;

pub use sample::{Sample, Samples};
pub use sizes::Sizes;
pub use table::{Better, Group, ROWS, Row};

/// Measures one system with one set of clients, from start to end.
pub fn of_system(peer: &'static dyn Peer, groups: &[Group], sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let wants = |group| groups.contains(&group);
    let with_crowd = [Group::Idle, Group::Handshakes, Group::Fanout, Group::Payment, Group::Storm];
    let with_events = [Group::Unicast, Group::Http];
    if groups.iter().any(|group| with_events.contains(group) || (with_crowd.contains(group) && !peer.is_variant()))
    {
        let parts = sizes.parts();
        let mut scenario = Scenario::start(peer, &parts, Issuer::hs256(), HEARTBEAT)?;
        connections::connect(&mut scenario, sizes, samples)?;
        if !peer.is_variant() {
            connections::before_load(&mut scenario, groups, sizes, samples)?;
        }
        if wants(Group::Unicast) {
            events::by_redis(&mut scenario, sizes, samples)?;
        }
        if wants(Group::Http) {
            events::by_http(&mut scenario, sizes, samples)?;
        }
        if !peer.is_variant() {
            connections::under_load(&mut scenario, groups, sizes, samples)?;
        }
    }
    if wants(Group::Handshakes) && peer.can(Ability::Es256) && !peer.is_variant() {
        handshake::es256(peer, sizes, samples)?;
    }
    if wants(Group::Catchup) && peer.can(Ability::Resume) && !peer.is_variant() {
        catchup::run(peer, sizes, samples)?;
    }
    Ok(())
}

/// Measures what concerns only Wirebell, once a round.
pub fn of_wirebell(groups: &[Group], sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let Some(wirebell) = peers::by_name("wirebell") else { return Ok(()) };
    if groups.contains(&Group::Durable) {
        durable::run(sizes, samples)?;
    }
    if groups.contains(&Group::Sdk) {
        sdk::run(sizes, samples)?;
    }
    if groups.contains(&Group::Growth) {
        growth::run(wirebell, sizes, samples)?;
    }
    if groups.contains(&Group::Overload) {
        overload::run(wirebell, sizes, samples)?;
    }
    Ok(())
}
