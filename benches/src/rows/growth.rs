//! The cost of an event when something grows tenfold: users with their connections, nodes, or the
//! length of logs.

use super::connections::micros_each;
use super::events::throughput;
use super::{Samples, Sizes};
use crate::failure::{Failure, Result};
use crate::peer::{Ingress, Peer};
use crate::publish::{Plan, publish};
use crate::scenario::{HEARTBEAT, Phase, Scenario};
use crate::token::Issuer;

/// Users whose logs are filled.
const LOGS: u32 = 100;
/// The length of a log: below a thousand, at which it is trimmed, on both sides.
const LOG_LENGTH: u32 = 900;

pub(super) fn run(peer: &'static dyn Peer, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    for users in [sizes.growth / 10, sizes.growth] {
        let mut scenario = Scenario::start(peer, &[users], Issuer::hs256(), HEARTBEAT)?;
        measured(&mut scenario, users, sizes, &format!("{users} users and connections"), samples)?;
    }
    for nodes in [1, 10] {
        // Ten nodes with a tenth of the users each.
        let users = sizes.connections;
        let parts = vec![users / nodes; nodes as usize];
        let mut scenario = Scenario::start_nodes(peer, &parts, Issuer::hs256())?;
        measured(&mut scenario, users, sizes, &nodes_of(nodes, users), samples)?;
    }
    for length in [LOG_LENGTH / 10, LOG_LENGTH] {
        let mut scenario = Scenario::start(peer, &[LOGS], Issuer::hs256(), HEARTBEAT)?;
        let fill = Plan::round_robin(scenario.next_phase(), Ingress::Redis, LOGS, LOGS * length);
        let fill = Plan { in_flight: u64::MAX, ..fill };
        publish(peer, &scenario.config, &fill, &scenario.clients.events())?;
        measured(&mut scenario, LOGS, sizes, &format!("{length} events in each log"), samples)?;
    }
    Ok(())
}

fn nodes_of(nodes: u32, users: u32) -> String {
    match nodes {
        1 => format!("1 node, {users} users"),
        _ => format!("{nodes} nodes, {users} users"),
    }
}

fn measured(
    scenario: &mut Scenario,
    users: u32,
    sizes: &Sizes,
    subject: &str,
    samples: &mut Samples,
) -> Result<()> {
    scenario.clients.connect(users, sizes.arriving, false)?;
    let (events, phase): (u64, Phase) = throughput(scenario, Ingress::Redis, &Sizes { users, ..*sizes })?;
    if phase.published.iter().any(|published| published.rejected > 0) {
        return Err(Failure::new(format!("{subject}: events were rejected")));
    }
    samples.add_phase_of("growth-server", subject, micros_each(phase.server, events), &phase);
    samples.add_phase_of("growth-redis", subject, micros_each(phase.redis, events), &phase);
    Ok(())
}
