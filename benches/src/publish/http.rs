//! By HTTP: several connections, one request after the other on each. They are kept, unless the system closes them.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Plan, Published};
use crate::failure::{Failure, Result};
use crate::http::read_answer;
use crate::mark::now;
use crate::peer::{Peer, Place};

/// What one connection had turned away, and why.
type Refused = (u64, String);

pub(super) fn publish(peer: &dyn Peer, place: &Place, plan: &Plan) -> Result<Published> {
    // All events to a user go by one connection, so that they keep their order.
    let connections = match plan.users {
        0 => 1,
        users => (1..=plan.connections).rev().find(|count| users % count == 0).unwrap_or(1),
    };
    let begun = now();
    let outcomes = std::thread::scope(|scope| {
        let run = |first| scope.spawn(move || connection(peer, place, plan, (first, connections, begun)));
        let threads: Vec<_> = (0..connections).map(run).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Refused>>| {
            thread.join().unwrap_or_else(|_| Err(Failure::new("a connection's thread ended")))
        };
        threads.into_iter().map(join).collect::<Result<Vec<Refused>>>()
    })?;
    let refused = outcomes.iter().map(|(count, _)| count).sum();
    let why = outcomes.into_iter().map(|(_, why)| why).find(|why| !why.is_empty()).unwrap_or_default();
    Ok(Published { sent: plan.sent(), refused, why, nanos: now() - begun })
}

/// Every event of this connection: the first, and each so many further on.
fn connection(peer: &dyn Peer, place: &Place, plan: &Plan, share: (u32, u32, u64)) -> Result<Refused> {
    let (first, step, begun) = share;
    let mut reader = connect(peer.http_port(place))?;
    let (mut request, mut refused) = (Vec::new(), (0, String::new()));
    for event in (first..plan.events).step_by(step as usize) {
        let due = plan.rate.map(|rate| begun + u64::from(event) * 1_000_000_000 / u64::from(rate));
        if let Some(wait) = due.and_then(|due| due.checked_sub(now())) {
            std::thread::sleep(Duration::from_nanos(wait));
        }
        request.clear();
        plan.write(peer, place, event, due.unwrap_or_else(now), &mut request);
        reader.get_mut().write_all(&request)?;
        let answer = read_answer(&mut reader)?;
        if !(200..300).contains(&answer.status) {
            refused.0 += 1;
            refused.1 = format!("status {}", answer.status);
        }
        if !answer.stays {
            reader = connect(peer.http_port(place))?;
        }
    }
    Ok(refused)
}

fn connect(port: u16) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(BufReader::new(stream))
}
