//! The scripts of tracking, with their keys and arguments, for any Redis client.

use super::{Alarm, Timer};
use crate::publish::{Prepared, PublishScript, Retention};
use crate::script::{Call, Script};
use crate::{Channel, Cursor, Keys, Shard, history};

/// Milliseconds for which a timer that has gone off is nobody else's.
const LEASE_MILLIS: u64 = 5_000;
/// Timers taken at once.
const MOST_TIMERS: usize = 100;
/// Events that one call acknowledges at the most.
pub const MOST_ACKNOWLEDGED: usize = 500;
/// What is noted of an event at the most: a broadcast reaches more than anybody reads.
const MOST_NOTES: usize = 250;

/// Publishes the event, or schedules it; answered as [`PublishScript::reply`] reads. If the event has to be tracked,
/// [`register`] comes before.
pub fn publish(keys: &Keys, event: &Prepared, retention: &Retention) -> Call {
    let deliver_at = event.tracking.as_ref().and_then(|tracking| tracking.deliver_at);
    let mut arguments = PublishScript::arguments(event, retention);
    let script = if deliver_at.is_some() { Script::Schedule } else { Script::Publish };
    arguments.extend(deliver_at.map(|at| at.to_string()));
    Call { script, keys: PublishScript::keys(keys, event), arguments }
}

/// Sets the timer of an event that has to be tracked.
pub fn register(keys: &Keys, event: &Prepared, retention: &Retention) -> Option<Call> {
    let tracking = event.tracking.as_ref()?;
    let timer = Timer { channel: event.channel.clone(), id: event.id.clone() };
    let closes = event.ttl_millis.unwrap_or(retention.receipt_millis);
    let delay = tracking.deadline_millis.unwrap_or(closes);
    let kept = closes.max(delay) + retention.receipt_millis;
    Some(Call {
        script: Script::Register,
        keys: vec![keys.timers(timer.shard()), keys.channels(&event.id), keys.fallen(timer.shard())],
        arguments: vec![
            timer.member(),
            event.channel.as_str().to_owned(),
            delay.to_string(),
            tracking.deliver_at.map_or_else(String::new, |at| at.to_string()),
            kept.to_string(),
        ],
    })
}

/// Asks the record of a timer's event what is due; answered as [`Alarm::parse`] reads.
pub fn alarm(keys: &Keys, timer: &Timer) -> Call {
    let keys = PublishScript::all_keys(keys, &timer.channel, &timer.id);
    Call { script: Script::Alarm, keys, arguments: Vec::new() }
}

/// Takes timers of these shards that have gone off. In a Cluster each has a slot of its own, and is asked by itself.
pub fn claim(keys: &Keys, shards: &[Shard]) -> Call {
    let arguments = vec![LEASE_MILLIS.to_string(), MOST_TIMERS.to_string()];
    Call { script: Script::Claim, keys: shards.iter().map(|shard| keys.timers(*shard)).collect(), arguments }
}

/// Finishes with a timer, as the record said.
pub fn finish(keys: &Keys, timer: &Timer, alarm: &Alarm) -> Call {
    let shard = timer.shard();
    let (verb, at, what, frame) = match alarm {
        Alarm::Absent => ("absent", 0, "", ""),
        Alarm::Later(at) => ("later", *at, "", ""),
        Alarm::Done => ("done", 0, "", ""),
        Alarm::Outcome { what, at } => ("outcome", *at, what.as_str(), ""),
        Alarm::Fallback { at, frame } => ("fallback", *at, "", frame.as_str()),
    };
    let words = [verb, &timer.member(), &at.to_string(), what, &timer.id, timer.channel.as_str(), frame];
    Call {
        script: Script::Finish,
        keys: vec![keys.timers(shard), keys.fallback(shard), keys.receipts(shard), keys.fallen(shard)],
        arguments: words.map(str::to_owned).to_vec(),
    }
}

/// A device has handled everything on a channel up to a cursor.
pub fn acknowledge(
    keys: &Keys,
    channel: &Channel,
    device: &str,
    cursor: Cursor,
    connection: &str,
    retention: &Retention,
) -> Call {
    Call {
        script: Script::Acknowledge,
        keys: vec![keys.watched(channel), keys.acknowledged(channel)],
        arguments: vec![
            keys.records(channel),
            device.to_owned(),
            cursor.to_string(),
            connection.to_owned(),
            (7 * retention.log_millis).to_string(),
            MOST_ACKNOWLEDGED.to_string(),
        ],
    }
}

/// Notes what became of a watched event on a connection.
pub fn note(keys: &Keys, channel: &Channel, id: &str, connection: &str, what: &str, device: &str) -> Call {
    let arguments = [connection, what, device, &MOST_NOTES.to_string()].map(str::to_owned).to_vec();
    Call { script: Script::Note, keys: vec![keys.record(channel, id)], arguments }
}

/// Cancels a scheduled event on one channel.
pub fn cancel(keys: &Keys, channel: &Channel, id: &str) -> Call {
    Call { script: Script::Cancel, keys: vec![keys.record(channel, id)], arguments: Vec::new() }
}

/// Appends entries to users' histories, each of which keeps its last `most`. The users' keys must share a slot, or the
/// Redis must have none.
pub fn remember<'a>(keys: &Keys, users: impl IntoIterator<Item = (&'a Channel, Vec<String>)>, most: usize) -> Call {
    let (mut lists, mut arguments) = (Vec::new(), vec![most.to_string(), history::AGE_MILLIS.to_string()]);
    for (user, entries) in users {
        lists.push(keys.history(user));
        arguments.push(entries.len().to_string());
        arguments.extend(entries);
    }
    Call { script: Script::Remember, keys: lists, arguments }
}
