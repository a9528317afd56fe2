//! What an event costs when something has grown tenfold: users and their connections, nodes, the length of logs.

use super::crowd::micros_each;
use super::events::throughput;
use super::{Samples, Sizes};
use crate::failure::{Failure, Result};
use crate::peer::{Door, Peer};
use crate::publish::{Plan, publish};
use crate::stage::{HEARTBEAT, Phase, Stage};
use crate::token::Issuer;

/// Users whose logs are filled.
const LOGS: u32 = 100;
/// The length of a log: below the thousand at which it is trimmed, on both sides.
const LONG: u32 = 900;

pub(super) fn run(peer: &'static dyn Peer, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    for users in [sizes.growth / 10, sizes.growth] {
        let mut stage = Stage::open(peer, &[users], Issuer::hs256(), HEARTBEAT)?;
        measured(&mut stage, users, sizes, &format!("{users} users and connections"), samples)?;
    }
    for nodes in [1, 10] {
        // Ten nodes, each of a tenth of the size of one.
        let users = sizes.connections;
        let parts = vec![users / nodes; nodes as usize];
        let mut stage = Stage::open_many(peer, &parts, Issuer::hs256())?;
        measured(&mut stage, users, sizes, &nodes_of(nodes, users), samples)?;
    }
    for length in [LONG / 10, LONG] {
        let mut stage = Stage::open(peer, &[LOGS], Issuer::hs256(), HEARTBEAT)?;
        let fill = Plan::in_turn(stage.next_phase(), Door::Redis, LOGS, LOGS * length);
        let fill = Plan { under_way: u64::MAX, ..fill };
        publish(peer, &stage.place, &fill, &stage.crowd.events())?;
        measured(&mut stage, LOGS, sizes, &format!("{length} events in each log"), samples)?;
    }
    Ok(())
}

fn nodes_of(nodes: u32, users: u32) -> String {
    match nodes {
        1 => format!("1 node, {users} users"),
        _ => format!("{nodes} nodes, {users} users"),
    }
}

fn measured(stage: &mut Stage, users: u32, sizes: &Sizes, subject: &str, samples: &mut Samples) -> Result<()> {
    stage.crowd.connect(users, sizes.arriving, false)?;
    let (events, phase): (u64, Phase) = throughput(stage, Door::Redis, &Sizes { users, ..*sizes })?;
    if phase.published.iter().any(|published| published.refused > 0) {
        return Err(Failure::new(format!("{subject}: events were refused")));
    }
    samples.add_phase_of("growth-server", subject, micros_each(phase.server, events), &phase);
    samples.add_phase_of("growth-redis", subject, micros_each(phase.redis, events), &phase);
    Ok(())
}
