//! Requests a whole burst from the bare writer, which generates its events itself.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Plan, PublishStats};
use crate::failure::{Failure, Result};
use crate::mark::now;
use crate::peer::{Burst, Peer, RunConfig};

/// Returns the line that requests the burst, if this system generates its events.
pub(super) fn line(peer: &dyn Peer, plan: &Plan) -> Option<String> {
    peer.burst(&Burst { phase: plan.phase, users: plan.users, events: plan.events, rate: plan.rate })
}

pub(super) fn publish(config: &RunConfig, plan: &Plan, line: &str) -> Result<PublishStats> {
    let begun = now();
    let mut stream = TcpStream::connect(("127.0.0.1", config.services))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer != "done\n" {
        return Err(Failure::new(format!("expected `done`, found {answer:?}")));
    }
    Ok(PublishStats { sent: plan.sent(), nanos: now() - begun, ..PublishStats::default() })
}
