//! Records: what is written into them, and read from them.

use std::collections::HashMap;

use fred::interfaces::{HashesInterface, SetsInterface, StreamsInterface};
use futures_util::future::{join_all, try_join_all};
use wirebell_protocol::script::Call;
use wirebell_protocol::tracking::{self, Alarm, Receipt, Timer};
use wirebell_protocol::{Channel, Shard};

use super::super::{Ack, BusError, Cancelled, Fallback, Note, Told};
use super::commands::{Commands, failed};
use super::replicated::Replicated;
use super::timers;

pub(super) async fn note(commands: &Commands, notes: &[Note]) -> Result<(), BusError> {
    commands.connected()?;
    let one = |note: &Note| {
        let (connection, device) = (note.connection.to_string(), note.device.as_deref().unwrap_or_default());
        let call = tracking::note(&commands.keys, &note.channel, &note.id, &connection, note.what.as_str(), device);
        async move { commands.call::<i64>(&call).await }
    };
    try_join_all(notes.iter().map(one)).await.map(drop)
}

/// With `replicated`, what is answered survives a failover, as the events do.
pub(super) async fn acknowledge(
    commands: &Commands,
    replicated: Option<&Replicated>,
    acks: &[Ack],
) -> Vec<Result<(), BusError>> {
    if let Err(away) = commands.connected() {
        return vec![Err(away); acks.len()];
    }
    let mut results = vec![Ok(()); acks.len()];
    let mut left: Vec<usize> = (0..acks.len()).collect();
    while !left.is_empty() {
        let calls: Vec<Call> = left.iter().map(|place| call(commands, &acks[*place])).collect();
        let answers: Vec<Result<Vec<String>, BusError>> = match replicated {
            Some(replicated) => replicated.call(&calls.iter().collect::<Vec<_>>()).await,
            None => join_all(calls.iter().map(|call| commands.call(call))).await,
        };
        let told = left.iter().zip(answers).map(|(place, answer)| tell(commands, &acks[*place], answer));
        let told = join_all(told).await;
        left = left
            .into_iter()
            .zip(told)
            .filter_map(|(place, more)| match more {
                Ok(more) => more.then_some(place),
                Err(error) => {
                    results[place] = Err(error);
                    None
                }
            })
            .collect();
    }
    results
}

fn call(commands: &Commands, ack: &Ack) -> Call {
    let (retention, connection) = (commands.retention(&ack.channel), ack.connection.to_string());
    tracking::acknowledge(&commands.keys, &ack.channel, &ack.device, ack.cursor, &connection, &retention)
}

/// Tells of the events of which this was the first acknowledgement. Are there more up to its cursor?
async fn tell(commands: &Commands, ack: &Ack, answer: Result<Vec<String>, BusError>) -> Result<bool, BusError> {
    let answer = answer?;
    let (progress, firsts) = answer.split_first().ok_or_else(strange)?;
    for first in firsts.chunks_exact(2) {
        let timer = Timer { channel: ack.channel.clone(), id: first[0].clone() };
        let at = first[1].parse().map_err(|_| strange())?;
        // Should this node die before it has told, the timer tells in the end.
        timers::finish(commands, &timer, &Alarm::Final { state: "acknowledged".to_owned(), at }).await?;
    }
    Ok(progress == "more")
}

pub(super) async fn receipts(commands: &Commands, id: &str) -> Result<Vec<Receipt>, BusError> {
    let channels = channels(commands, id).await?;
    let read = channels.iter().map(|channel| async move {
        let record: HashMap<String, String> =
            commands.client.hgetall(commands.keys.record(channel, id)).await.map_err(|error| failed(&error))?;
        Ok::<_, BusError>(Receipt::read(channel, &record))
    });
    Ok(try_join_all(read).await?.into_iter().flatten().collect())
}

pub(super) async fn fallbacks(commands: &Commands, most: usize) -> Result<Vec<Fallback>, BusError> {
    let read = |fields: &HashMap<String, String>| {
        let (id, channel, at) = common(fields)?;
        Some((at, Fallback { id, channel, at, event: fields.get("event")?.clone() }))
    };
    newest(commands, most, |shard| commands.keys.fallback(shard), read).await
}

pub(super) async fn told(commands: &Commands, most: usize) -> Result<Vec<Told>, BusError> {
    let read = |fields: &HashMap<String, String>| {
        let (id, channel, at) = common(fields)?;
        Some((at, Told { id, channel, at, outcome: fields.get("outcome")?.clone() }))
    };
    newest(commands, most, |shard| commands.keys.receipts(shard), read).await
}

/// The newest entries of all shards' Streams, by the time that `read` finds in them.
async fn newest<T>(
    commands: &Commands,
    most: usize,
    key: impl Fn(Shard) -> String,
    read: impl Fn(&HashMap<String, String>) -> Option<(u64, T)>,
) -> Result<Vec<T>, BusError> {
    let count = u64::try_from(most).unwrap_or(u64::MAX);
    let asked = Shard::all().map(|shard| {
        let key = key(shard);
        async move { commands.client.xrevrange_values(key, "+", "-", Some(count)).await }
    });
    let found: Vec<Vec<(String, HashMap<String, String>)>> =
        try_join_all(asked).await.map_err(|error| failed(&error))?;
    let mut dated: Vec<(u64, T)> = found.iter().flatten().filter_map(|(_, fields)| read(fields)).collect();
    dated.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    Ok(dated.into_iter().take(most).map(|(_, entry)| entry).collect())
}

fn common(fields: &HashMap<String, String>) -> Option<(String, Channel, u64)> {
    let channel = Channel::parse(fields.get("channel")?).ok()?;
    Some((fields.get("id")?.clone(), channel, fields.get("at")?.parse().ok()?))
}

pub(super) async fn cancel(commands: &Commands, id: &str) -> Result<Cancelled, BusError> {
    let mut cancelled = Cancelled::Unknown;
    for channel in channels(commands, id).await? {
        let answer: String = commands.call(&tracking::cancel(&commands.keys, &channel, id)).await?;
        match answer.as_str() {
            "cancelled" if cancelled == Cancelled::Unknown => cancelled = Cancelled::Cancelled,
            "published" => cancelled = Cancelled::Published,
            _ => {}
        }
        if answer == "cancelled" {
            timers::attend(commands, &Timer { channel, id: id.to_owned() }).await?;
        }
    }
    Ok(cancelled)
}

/// The channels on which the event may have a record, in the order of their names.
async fn channels(commands: &Commands, id: &str) -> Result<Vec<Channel>, BusError> {
    let names: Vec<String> =
        commands.client.smembers(commands.keys.channels(id)).await.map_err(|error| failed(&error))?;
    let mut channels: Vec<Channel> = names.iter().filter_map(|name| Channel::parse(name).ok()).collect();
    channels.sort();
    Ok(channels)
}

fn strange() -> BusError {
    BusError::Refused("the script for acknowledgements answered something else than it does".to_owned())
}
