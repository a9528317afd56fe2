//! Calls of the tracking scripts: keys and arguments, for any Redis client.

use super::{Alarm, Timer};
use crate::publish::{Prepared, PublishScript, Retention};
use crate::script::{Call, Script};
use crate::{Channel, Cursor, Keys, Shard, connection_log};

/// Milliseconds for which a claimed timer is hidden from other nodes.
const LEASE_MILLIS: u64 = 5_000;
/// Maximum number of timers claimed in one call.
const MAX_TIMERS: usize = 100;
/// Maximum number of events that one call acknowledges.
pub const MAX_ACKNOWLEDGED: usize = 500;
/// Maximum number of connection statuses in a record. A broadcast reaches more connections than a
/// receipt can usefully show.
const MAX_STATUSES: usize = 250;

/// Publishes the event, or schedules it. [`PublishScript::reply`] parses the reply. For an event
/// with tracking, call [`register`] first.
pub fn publish(keys: &Keys, event: &Prepared, retention: &Retention) -> Call {
    let deliver_at = event.tracking.as_ref().and_then(|tracking| tracking.deliver_at);
    let mut arguments = PublishScript::arguments(event, retention);
    let script = if deliver_at.is_some() { Script::Schedule } else { Script::Publish };
    arguments.extend(deliver_at.map(|at| at.to_string()));
    Call { script, keys: PublishScript::keys(keys, event), arguments }
}

/// Sets the timer of an event with tracking.
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

/// Asks the record of a timer's event what is due. [`Alarm::parse`] parses the reply.
pub fn alarm(keys: &Keys, timer: &Timer) -> Call {
    let keys = PublishScript::all_keys(keys, &timer.channel, &timer.id);
    Call { script: Script::Alarm, keys, arguments: Vec::new() }
}

/// Claims expired timers of these shards. In a Redis Cluster each shard has its own slot, so pass
/// one shard in each call.
pub fn claim(keys: &Keys, shards: &[Shard]) -> Call {
    let arguments = vec![LEASE_MILLIS.to_string(), MAX_TIMERS.to_string()];
    Call { script: Script::Claim, keys: shards.iter().map(|shard| keys.timers(*shard)).collect(), arguments }
}

/// Finishes a timer with the result of its alarm.
pub fn finish(keys: &Keys, timer: &Timer, alarm: &Alarm) -> Call {
    let shard = timer.shard();
    let (action, at, state, frame) = match alarm {
        Alarm::Absent => ("absent", 0, "", ""),
        Alarm::Later(at) => ("later", *at, "", ""),
        Alarm::Done => ("done", 0, "", ""),
        Alarm::Final { state, at } => ("outcome", *at, state.as_str(), ""),
        Alarm::Fallback { at, frame } => ("fallback", *at, "", frame.as_str()),
    };
    let arguments = [action, &timer.member(), &at.to_string(), state, &timer.id, timer.channel.as_str(), frame];
    Call {
        script: Script::Finish,
        keys: vec![keys.timers(shard), keys.fallback(shard), keys.receipts(shard), keys.fallen(shard)],
        arguments: arguments.map(str::to_owned).to_vec(),
    }
}

/// Acknowledges all events on a channel up to a cursor, for one device.
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
        keys: vec![keys.tracked(channel), keys.acknowledged(channel)],
        arguments: vec![
            keys.records(channel),
            device.to_owned(),
            cursor.to_string(),
            connection.to_owned(),
            (7 * retention.log_millis).to_string(),
            MAX_ACKNOWLEDGED.to_string(),
        ],
    }
}

/// Records the status of a tracked event on a connection.
pub fn note(keys: &Keys, channel: &Channel, id: &str, connection: &str, what: &str, device: &str) -> Call {
    let arguments = [connection, what, device, &MAX_STATUSES.to_string()].map(str::to_owned).to_vec();
    Call { script: Script::Note, keys: vec![keys.record(channel, id)], arguments }
}

/// Cancels a scheduled event on one channel.
pub fn cancel(keys: &Keys, channel: &Channel, id: &str) -> Call {
    Call { script: Script::Cancel, keys: vec![keys.record(channel, id)], arguments: Vec::new() }
}

/// Appends entries to the connection logs of users. Each log keeps its last `max` entries. The keys
/// of the users must share a slot, unless Redis is not a Cluster.
pub fn append_connection_log<'a>(
    keys: &Keys,
    users: impl IntoIterator<Item = (&'a Channel, Vec<String>)>,
    max: usize,
) -> Call {
    let (mut lists, mut arguments) = (Vec::new(), vec![max.to_string(), connection_log::AGE_MILLIS.to_string()]);
    for (user, entries) in users {
        lists.push(keys.connection_log(user));
        arguments.push(entries.len().to_string());
        arguments.extend(entries);
    }
    Call { script: Script::AppendConnectionLog, keys: lists, arguments }
}
