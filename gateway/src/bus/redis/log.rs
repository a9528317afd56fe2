//! Reads channels: the ends of their logs, events after a cursor, and retained values.

use std::collections::HashMap;

use bytes::Bytes;
use fred::interfaces::{HashesInterface, KeysInterface, StreamsInterface};
use futures_util::future::try_join_all;
use wirebell_protocol::publish::{self, Entry, PublishScript};
use wirebell_protocol::{Announcement, Channel, Cursor};

use super::commands::{Commands, bus_error};
use crate::bus::{BusError, ChannelEnds, CursorStatus};
use crate::lifecycle::{millis, wall_clock};

/// A Stream entry as Redis returns it: its id and its fields.
type RawEntry = (String, HashMap<String, String>);

/// Returns the ends of each channel; in one command, unless the keys must share a slot.
pub(super) async fn ends(commands: &Commands, channels: &[Channel]) -> Result<Vec<ChannelEnds>, BusError> {
    if commands.is_cluster() {
        return try_join_all(channels.iter().map(|channel| end(commands, channel))).await;
    }
    if channels.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = channels.iter().map(|channel| commands.keys.end(channel)).collect();
    let texts: Vec<Option<String>> = commands.client.mget(keys).await.map_err(|error| bus_error(&error))?;
    texts.into_iter().map(parse_ends).collect()
}

async fn end(commands: &Commands, channel: &Channel) -> Result<ChannelEnds, BusError> {
    parse_ends(commands.client.get(commands.keys.end(channel)).await.map_err(|error| bus_error(&error))?)
}

fn parse_ends(text: Option<String>) -> Result<ChannelEnds, BusError> {
    let Some(text) = text else { return Ok(ChannelEnds::default()) };
    publish::ends(&text).map(|(log, retained)| ChannelEnds { log, retained }).ok_or_else(unexpected)
}

/// Returns the retained values after a version.
pub(super) async fn retained(
    commands: &Commands,
    channel: &Channel,
    after: Cursor,
) -> Result<Vec<Announcement>, BusError> {
    let key = commands.keys.retained(channel);
    let values: Vec<Bytes> = commands.client.hvals(key).await.map_err(|error| bus_error(&error))?;
    let mut found = Vec::new();
    for value in values {
        let event = publish::retained(channel, &value).ok_or_else(unexpected)?;
        if event.position.is_some_and(|position| position.cursor > after)
            && !event.is_expired(|| millis(wall_clock()))
        {
            found.push(event);
        }
    }
    found.sort_by_key(|event| event.position.map(|position| position.cursor));
    Ok(found)
}

/// Returns whether the log reaches back to the cursor. It does if the event at the cursor is
/// stored, if the next event names the cursor as its predecessor, or if the cursor is the end of
/// the log.
pub(super) async fn cursor_status(
    commands: &Commands,
    channel: &Channel,
    at: Cursor,
) -> Result<CursorStatus, BusError> {
    if end(commands, channel).await?.log == at {
        return Ok(CursorStatus::Known);
    }
    let (key, from) = (commands.keys.log(channel), at.to_string());
    let found: Vec<RawEntry> =
        commands.client.xrange_values(key, from, "+", Some(1)).await.map_err(|error| bus_error(&error))?;
    let next = found.first().map(|raw| parse_entry(channel, raw)).transpose()?.and_then(|event| event.position);
    let reaches_back = next.is_some_and(|position| position.cursor == at || position.previous == at);
    Ok(if reaches_back { CursorStatus::Known } else { CursorStatus::Lost })
}

/// Returns up to `limit` events after each cursor. All channels are read concurrently.
pub(super) async fn read(
    commands: &Commands,
    after: &[(Channel, Cursor)],
    limit: usize,
) -> Result<Vec<Vec<Announcement>>, BusError> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let read_one = |(channel, after): &(Channel, Cursor)| {
        let (channel, after) = (channel.clone(), *after);
        async move {
            let (key, start) = (commands.keys.log(&channel), format!("({after}"));
            let raw: Vec<RawEntry> = commands
                .client
                .xrange_values(key, start, "+", Some(limit))
                .await
                .map_err(|error| bus_error(&error))?;
            raw.iter().map(|raw| parse_entry(&channel, raw)).collect()
        }
    };
    try_join_all(after.iter().map(read_one)).await
}

fn parse_entry(channel: &Channel, (id, fields): &RawEntry) -> Result<Announcement, BusError> {
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let entry = Entry {
        previous: parse_cursor(field("p"))?,
        head: field("h"),
        tail: field("t"),
        expires_at: field("x").parse().ok(),
        tracked: fields.get("i").map(String::as_str),
    };
    Ok(PublishScript::entry(channel, parse_cursor(id)?, &entry))
}

fn parse_cursor(id: &str) -> Result<Cursor, BusError> {
    id.parse().map_err(|_| unexpected())
}

fn unexpected() -> BusError {
    BusError::Rejected(
        "a key of a channel holds a value that the publish script has not written; check that no other application \
         uses bus.prefix"
            .to_owned(),
    )
}
