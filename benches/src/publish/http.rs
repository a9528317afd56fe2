//! Publishes over HTTP: several persistent connections, one request after the other on each.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Plan, PublishStats};
use crate::failure::{Failure, Result};
use crate::http::read_response;
use crate::mark::now;
use crate::peer::{Peer, RunConfig};

/// The number of rejected events of one connection, and the last reason.
type Rejections = (u64, String);

pub(super) fn publish(peer: &dyn Peer, config: &RunConfig, plan: &Plan) -> Result<PublishStats> {
    // All events to a user use one connection, so that they keep their order.
    let connections = match plan.users {
        0 => 1,
        users => (1..=plan.connections).rev().find(|count| users % count == 0).unwrap_or(1),
    };
    let begun = now();
    let outcomes = std::thread::scope(|scope| {
        let run = |first| scope.spawn(move || connection(peer, config, plan, (first, connections, begun)));
        let threads: Vec<_> = (0..connections).map(run).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Rejections>>| {
            thread.join().unwrap_or_else(|_| Err(Failure::new("the thread of a connection panicked")))
        };
        threads.into_iter().map(join).collect::<Result<Vec<Rejections>>>()
    })?;
    let rejected = outcomes.iter().map(|(count, _)| count).sum();
    let reason =
        outcomes.into_iter().map(|(_, reason)| reason).find(|reason| !reason.is_empty()).unwrap_or_default();
    Ok(PublishStats { sent: plan.sent(), rejected, reason, nanos: now() - begun })
}

/// Publishes the events of one connection: the first, then every `step`-th.
fn connection(peer: &dyn Peer, config: &RunConfig, plan: &Plan, share: (u32, u32, u64)) -> Result<Rejections> {
    let (first, step, begun) = share;
    let mut reader = connect(peer.http_port(config))?;
    let (mut request, mut rejected) = (Vec::new(), (0, String::new()));
    for event in (first..plan.events).step_by(step as usize) {
        let due = plan.rate.map(|rate| begun + u64::from(event) * 1_000_000_000 / u64::from(rate));
        if let Some(wait) = due.and_then(|due| due.checked_sub(now())) {
            std::thread::sleep(Duration::from_nanos(wait));
        }
        request.clear();
        plan.write(peer, config, event, due.unwrap_or_else(now), &mut request);
        reader.get_mut().write_all(&request)?;
        let answer = read_response(&mut reader)?;
        if !(200..300).contains(&answer.status) {
            rejected.0 += 1;
            rejected.1 = format!("status {}", answer.status);
        }
        if !answer.keep_alive {
            reader = connect(peer.http_port(config))?;
        }
    }
    Ok(rejected)
}

fn connect(port: u16) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(BufReader::new(stream))
}
