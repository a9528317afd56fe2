//! Delivery records: writes reports and acknowledgements, and reads receipts.

use std::collections::HashMap;

use fred::interfaces::{HashesInterface, SetsInterface, StreamsInterface};
use futures_util::future::{join_all, try_join_all};
use wirebell_protocol::script::Call;
use wirebell_protocol::tracking::{self, Alarm, Receipt, Timer};
use wirebell_protocol::{Channel, Shard};

use super::commands::{Commands, bus_error};
use super::replicated::Replicated;
use super::timers;
use crate::bus::{Ack, BusError, CancelResult, DeliveryReport, Fallback, FinalStatus};

pub(super) async fn report(commands: &Commands, reports: &[DeliveryReport]) -> Result<(), BusError> {
    commands.require_connection()?;
    let write = |report: &DeliveryReport| {
        let (connection, device) = (report.connection.to_string(), report.device.as_deref().unwrap_or_default());
        let state = report.state.as_str();
        let call = tracking::note(&commands.keys, &report.channel, &report.id, &connection, state, device);
        async move { commands.call::<i64>(&call).await }
    };
    try_join_all(reports.iter().map(write)).await.map(drop)
}

/// Writes acknowledgements. With `replicated`, a confirmed one survives a failover, as events do.
pub(super) async fn acknowledge(
    commands: &Commands,
    replicated: Option<&Replicated>,
    acks: &[Ack],
) -> Vec<Result<(), BusError>> {
    if let Err(down) = commands.require_connection() {
        return vec![Err(down); acks.len()];
    }
    let mut results = vec![Ok(()); acks.len()];
    let mut left: Vec<usize> = (0..acks.len()).collect();
    while !left.is_empty() {
        let calls: Vec<Call> = left.iter().map(|index| call(commands, &acks[*index])).collect();
        let answers: Vec<Result<Vec<String>, BusError>> = match replicated {
            Some(replicated) => replicated.call(&calls.iter().collect::<Vec<_>>()).await,
            None => join_all(calls.iter().map(|call| commands.call(call))).await,
        };
        let reported =
            left.iter().zip(answers).map(|(index, answer)| report_first(commands, &acks[*index], answer));
        let reported = join_all(reported).await;
        left = left
            .into_iter()
            .zip(reported)
            .filter_map(|(index, more)| match more {
                Ok(more) => more.then_some(index),
                Err(error) => {
                    results[index] = Err(error);
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

/// Reports the events whose first acknowledgement this was. Returns whether there are more events
/// up to its cursor.
async fn report_first(
    commands: &Commands,
    ack: &Ack,
    answer: Result<Vec<String>, BusError>,
) -> Result<bool, BusError> {
    let answer = answer?;
    let (progress, firsts) = answer.split_first().ok_or_else(unexpected)?;
    for first in firsts.chunks_exact(2) {
        let timer = Timer { channel: ack.channel.clone(), id: first[0].clone() };
        let at = first[1].parse().map_err(|_| unexpected())?;
        // If this node dies before it has reported, the timer causes the report.
        timers::finish(commands, &timer, &Alarm::Final { state: "acknowledged".to_owned(), at }).await?;
    }
    Ok(progress == "more")
}

pub(super) async fn receipts(commands: &Commands, id: &str) -> Result<Vec<Receipt>, BusError> {
    let channels = channels(commands, id).await?;
    let read = channels.iter().map(|channel| async move {
        let record: HashMap<String, String> =
            commands.client.hgetall(commands.keys.record(channel, id)).await.map_err(|error| bus_error(&error))?;
        Ok::<_, BusError>(Receipt::read(channel, &record))
    });
    Ok(try_join_all(read).await?.into_iter().flatten().collect())
}

pub(super) async fn fallbacks(commands: &Commands, limit: usize) -> Result<Vec<Fallback>, BusError> {
    let read = |fields: &HashMap<String, String>| {
        let (id, channel, at) = common_fields(fields)?;
        Some((at, Fallback { id, channel, at, event: fields.get("event")?.clone() }))
    };
    newest(commands, limit, |shard| commands.keys.fallback(shard), read).await
}

pub(super) async fn final_statuses(commands: &Commands, limit: usize) -> Result<Vec<FinalStatus>, BusError> {
    let read = |fields: &HashMap<String, String>| {
        let (id, channel, at) = common_fields(fields)?;
        Some((at, FinalStatus { id, channel, at, status: fields.get("outcome")?.clone() }))
    };
    newest(commands, limit, |shard| commands.keys.receipts(shard), read).await
}

/// Returns the newest entries of the Streams of all shards, by the time that `read` finds in them.
async fn newest<T>(
    commands: &Commands,
    limit: usize,
    key: impl Fn(Shard) -> String,
    read: impl Fn(&HashMap<String, String>) -> Option<(u64, T)>,
) -> Result<Vec<T>, BusError> {
    let count = u64::try_from(limit).unwrap_or(u64::MAX);
    let reads = Shard::all().map(|shard| {
        let key = key(shard);
        async move { commands.client.xrevrange_values(key, "+", "-", Some(count)).await }
    });
    let found: Vec<Vec<(String, HashMap<String, String>)>> =
        try_join_all(reads).await.map_err(|error| bus_error(&error))?;
    let mut dated: Vec<(u64, T)> = found.iter().flatten().filter_map(|(_, fields)| read(fields)).collect();
    dated.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    Ok(dated.into_iter().take(limit).map(|(_, entry)| entry).collect())
}

fn common_fields(fields: &HashMap<String, String>) -> Option<(String, Channel, u64)> {
    let channel = Channel::parse(fields.get("channel")?).ok()?;
    Some((fields.get("id")?.clone(), channel, fields.get("at")?.parse().ok()?))
}

pub(super) async fn cancel(commands: &Commands, id: &str) -> Result<CancelResult, BusError> {
    let mut result = CancelResult::Unknown;
    for channel in channels(commands, id).await? {
        let answer: String = commands.call(&tracking::cancel(&commands.keys, &channel, id)).await?;
        match answer.as_str() {
            "cancelled" if result == CancelResult::Unknown => result = CancelResult::Cancelled,
            "published" => result = CancelResult::Published,
            _ => {}
        }
        if answer == "cancelled" {
            timers::process(commands, &Timer { channel, id: id.to_owned() }).await?;
        }
    }
    Ok(result)
}

/// Returns the channels on which the event may have a record, ordered by name.
async fn channels(commands: &Commands, id: &str) -> Result<Vec<Channel>, BusError> {
    let names: Vec<String> =
        commands.client.smembers(commands.keys.channels(id)).await.map_err(|error| bus_error(&error))?;
    let mut channels: Vec<Channel> = names.iter().filter_map(|name| Channel::parse(name).ok()).collect();
    channels.sort();
    Ok(channels)
}

fn unexpected() -> BusError {
    BusError::Rejected("the acknowledge script returned an unexpected answer".to_owned())
}
