//! By Redis: commands on one connection, many of them before the answer to the first.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Plan, Published, resp};
use crate::crowd::Events;
use crate::failure::{Failure, Result};
use crate::mark::now;
use crate::pace::Pace;
use crate::peer::{Peer, Place};

/// Commands that may wait for their answers.
const UNANSWERED: u64 = 512;
/// Commands in one write.
const CHUNK: u64 = 64;

/// Sends commands one by one, and wants no error.
pub fn ask(port: u16, commands: &[Vec<u8>]) -> Result<()> {
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

/// Sends calls that are made already, as many at a time as any publisher here; gives the nanoseconds until the last was
/// answered, and wants no error.
pub fn pipeline(port: u16, calls: &[Vec<u8>]) -> Result<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let input = stream.try_clone()?;
    let answers = Answers::default();
    let begun = now();
    let (refused, why) = std::thread::scope(|scope| {
        let answering = scope.spawn(|| read(input, calls.len() as u64, &answers));
        let mut sent = 0;
        for chunk in calls.chunks(32) {
            while sent - answers.read.load(Ordering::Relaxed) + 32 > UNANSWERED {
                std::thread::sleep(Duration::from_micros(50));
            }
            stream.write_all(&chunk.concat())?;
            sent += chunk.len() as u64;
        }
        answering.join().unwrap_or_else(|_| Err(Failure::new("the reader of answers ended")))
    })?;
    match refused {
        0 => Ok(now() - begun),
        _ => Err(Failure::new(format!("Redis: {why}"))),
    }
}

#[derive(Default)]
struct Answers {
    read: AtomicU64,
    over: std::sync::atomic::AtomicBool,
}

pub(super) fn publish(peer: &dyn Peer, place: &Place, plan: &Plan, come: &Events) -> Result<Published> {
    ask(place.redis, &peer.before())?;
    let stream = TcpStream::connect(("127.0.0.1", place.redis))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let begun = now();
    let answers = Answers::default();
    let (refused, why) = std::thread::scope(|scope| {
        let input = stream.try_clone()?;
        let answering = scope.spawn(|| {
            let outcome = read(input, u64::from(plan.events), &answers);
            answers.over.store(true, Ordering::Relaxed);
            outcome
        });
        write(stream, peer, place, plan, (come, &answers))?;
        answering.join().unwrap_or_else(|_| Err(Failure::new("the reader of answers ended")))
    })?;
    Ok(Published { sent: plan.sent(), refused, why, nanos: now() - begun })
}

fn write(
    mut stream: TcpStream,
    peer: &dyn Peer,
    place: &Place,
    plan: &Plan,
    (come, answers): (&Events, &Answers),
) -> Result<()> {
    let (events, each) = (u64::from(plan.events), u64::from(plan.each));
    let mut clock = Pace::new(plan.rate);
    let mut sent = 0;
    let mut chunk = Vec::new();
    while sent < events && !answers.over.load(Ordering::Relaxed) {
        let pending = sent - answers.read.load(Ordering::Relaxed);
        let under_way = (sent * each).saturating_sub(come.count());
        let room = (plan.under_way.saturating_sub(under_way) / each).min(UNANSWERED - pending).min(CHUNK);
        let begun = now();
        let until = (sent + room.min(events - sent)).max(sent);
        while sent < until && clock.due().is_none_or(|due| due <= begun) {
            let at = clock.due().unwrap_or_else(now);
            plan.write(peer, place, u32::try_from(sent).unwrap_or(u32::MAX), at, &mut chunk);
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

fn read(stream: TcpStream, events: u64, answers: &Answers) -> Result<(u64, String)> {
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let (mut line, mut refused, mut why) = (Vec::new(), 0, String::new());
    for _ in 0..events {
        if let Some(error) = resp::read(&mut reader, &mut line)? {
            refused += 1;
            why = error;
        }
        answers.read.fetch_add(1, Ordering::Relaxed);
    }
    Ok((refused, why))
}
