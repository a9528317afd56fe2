//! Publishes through Redis: pipelined commands on one connection.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Plan, PublishStats, resp};
use crate::failure::{Failure, Result};
use crate::load_clients::EventCounter;
use crate::mark::now;
use crate::pace::Pace;
use crate::peer::{Peer, RunConfig};

/// Most commands without a reply.
const UNANSWERED: u64 = 512;
/// Most commands in one write.
const CHUNK: u64 = 64;

/// Executes commands one by one; fails on an error reply.
pub fn execute(port: u16, commands: &[Vec<u8>]) -> Result<()> {
    let mut writer = TcpStream::connect(("127.0.0.1", port))?;
    let mut reader = BufReader::new(writer.try_clone()?);
    for command in commands {
        writer.write_all(command)?;
        if let Some(error) = resp::read(&mut reader, &mut Vec::new())? {
            return Err(Failure::new(format!("Redis: {error}")));
        }
    }
    Ok(())
}

/// Sends prepared calls, pipelined like those of any publisher here. Returns the nanoseconds until
/// the last reply; fails on an error reply.
pub fn pipeline(port: u16, calls: &[Vec<u8>]) -> Result<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let input = stream.try_clone()?;
    let replies = Replies::default();
    let begun = now();
    let (rejected, reason) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| read(input, calls.len() as u64, &replies));
        let mut sent = 0;
        for chunk in calls.chunks(32) {
            while sent - replies.read.load(Ordering::Relaxed) + 32 > UNANSWERED {
                std::thread::sleep(Duration::from_micros(50));
            }
            stream.write_all(&chunk.concat())?;
            sent += chunk.len() as u64;
        }
        reading.join().unwrap_or_else(|_| Err(Failure::new("the thread that reads replies panicked")))
    })?;
    match rejected {
        0 => Ok(now() - begun),
        _ => Err(Failure::new(format!("Redis: {reason}"))),
    }
}

#[derive(Default)]
struct Replies {
    read: AtomicU64,
    over: std::sync::atomic::AtomicBool,
}

pub(super) fn publish(
    peer: &dyn Peer,
    config: &RunConfig,
    plan: &Plan,
    delivered: &EventCounter,
) -> Result<PublishStats> {
    execute(config.redis, &peer.redis_setup())?;
    let stream = TcpStream::connect(("127.0.0.1", config.redis))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let begun = now();
    let replies = Replies::default();
    let (rejected, reason) = std::thread::scope(|scope| {
        let input = stream.try_clone()?;
        let reading = scope.spawn(|| {
            let outcome = read(input, u64::from(plan.events), &replies);
            replies.over.store(true, Ordering::Relaxed);
            outcome
        });
        write(stream, peer, config, plan, (delivered, &replies))?;
        reading.join().unwrap_or_else(|_| Err(Failure::new("the thread that reads replies panicked")))
    })?;
    Ok(PublishStats { sent: plan.sent(), rejected, reason, nanos: now() - begun })
}

fn write(
    mut stream: TcpStream,
    peer: &dyn Peer,
    config: &RunConfig,
    plan: &Plan,
    (delivered, replies): (&EventCounter, &Replies),
) -> Result<()> {
    let (events, recipients) = (u64::from(plan.events), u64::from(plan.recipients));
    let mut clock = Pace::new(plan.rate);
    let mut sent = 0;
    let mut chunk = Vec::new();
    while sent < events && !replies.over.load(Ordering::Relaxed) {
        let pending = sent - replies.read.load(Ordering::Relaxed);
        let in_flight = (sent * recipients).saturating_sub(delivered.count());
        let room = (plan.in_flight.saturating_sub(in_flight) / recipients).min(UNANSWERED - pending).min(CHUNK);
        let begun = now();
        let until = (sent + room.min(events - sent)).max(sent);
        while sent < until && clock.due().is_none_or(|due| due <= begun) {
            let at = clock.due().unwrap_or_else(now);
            plan.write(peer, config, u32::try_from(sent).unwrap_or(u32::MAX), at, &mut chunk);
            clock.sent();
            sent += 1;
        }
        if chunk.is_empty() {
            let wait = clock.due().map_or(50_000, |due| due.saturating_sub(now()).clamp(10_000, 1_000_000));
            std::thread::sleep(Duration::from_nanos(wait));
        } else {
            stream.write_all(&chunk)?;
            chunk.clear();
        }
    }
    Ok(())
}

fn read(stream: TcpStream, events: u64, replies: &Replies) -> Result<(u64, String)> {
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let (mut line, mut rejected, mut reason) = (Vec::new(), 0, String::new());
    for _ in 0..events {
        if let Some(error) = resp::read(&mut reader, &mut line)? {
            rejected += 1;
            reason = error;
        }
        replies.read.fetch_add(1, Ordering::Relaxed);
    }
    Ok((rejected, reason))
}
