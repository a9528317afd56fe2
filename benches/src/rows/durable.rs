//! The cost in Redis of storing an event. Compares Wirebell's script, the least script that stores
//! and announces, and `PUBLISH`, which stores nothing. There are no subscribers, and all calls are
//! sent in the same way.

use std::time::Duration;

use wirebell_protocol::publish::PublishScript;

use super::connections::micros_each;
use super::{Samples, Sizes};
use crate::failure::Result;
use crate::mark::Mark;
use crate::peer::{Ingress, Target, command, user_name};
use crate::peers;
use crate::publish::{PAYLOAD, pipeline};
use crate::scenario::RedisServer;
use crate::usage;

/// What every gateway that stores events must do: append, trim, announce.
const MINIMAL_SCRIPT: &str = "redis.call('XADD', KEYS[1], 'MAXLEN', '~', '1000', '*', 'd', ARGV[1])
return redis.call('SPUBLISH', KEYS[2], ARGV[1])";
/// Users that receive events in turn.
const USERS: u32 = 1000;

pub(super) fn run(sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let redis = RedisServer::start()?;
    let events = sizes.published;
    let (mut wirebell, mut least, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for event in 0..events {
        let (number, name) = (event % USERS, user_name(event % USERS));
        let mut payload = String::new();
        Mark { to: Target::One(number), phase: 0, number: event / USERS, at: 0 }.payload(PAYLOAD, &mut payload);
        wirebell.push(ours(&redis, number, event, &payload));
        least.push(call(MINIMAL_SCRIPT, &[&format!("{{user:{name}}}:l"), &format!("{{user:{name}}}:a")], &payload));
        let mut publish = Vec::new();
        command(&[b"PUBLISH", format!("user:{name}").as_bytes(), payload.as_bytes()], &mut publish);
        bare.push(publish);
    }
    let sources = [
        ("wirebell's script", PublishScript::SOURCE, wirebell),
        ("least script", MINIMAL_SCRIPT, least),
        ("PUBLISH", "return 1", bare),
    ];
    for (subject, source, calls) in sources {
        crate::publish::execute(redis.config.redis, &[script(source)])?;
        let before = usage::cpu(&redis.redis_pids());
        let nanos = pipeline(redis.config.redis, &calls)?;
        let cpu = usage::cpu(&redis.redis_pids()).saturating_sub(before);
        let rate = f64::from(events) / Duration::from_nanos(nanos).as_secs_f64();
        samples.add_of("durable-rate", subject, rate);
        samples.add_of("durable-cpu", subject, micros_each(cpu, events.into()));
        let mut flush = Vec::new();
        command(&[b"FLUSHALL"], &mut flush);
        crate::publish::execute(redis.config.redis, &[flush])?;
    }
    Ok(())
}

fn ours(redis: &RedisServer, number: u32, event: u32, payload: &str) -> Vec<u8> {
    let mut call = Vec::new();
    if let Some(wirebell) = peers::by_name("wirebell") {
        wirebell.publish(&redis.config, Ingress::Redis, Target::One(number), event.into(), payload, &mut call);
    }
    call
}

fn script(source: &str) -> Vec<u8> {
    let mut load = Vec::new();
    command(&[b"SCRIPT", b"LOAD", source.as_bytes()], &mut load);
    load
}

fn call(source: &str, keys: &[&str; 2], payload: &str) -> Vec<u8> {
    let digest = redis::Script::new(source).get_hash().to_owned();
    let mut call = Vec::new();
    let arguments =
        [b"EVALSHA", digest.as_bytes(), b"2", keys[0].as_bytes(), keys[1].as_bytes(), payload.as_bytes()];
    command(&arguments, &mut call);
    call
}
