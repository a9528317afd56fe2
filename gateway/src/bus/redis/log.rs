//! Reading logs: their ends, and what stands behind a cursor; and the retained values.

use std::collections::HashMap;

use bytes::Bytes;
use fred::interfaces::{HashesInterface, KeysInterface, StreamsInterface};
use futures_util::future::try_join_all;
use wirebell_protocol::publish::{self, Entry, PublishScript};
use wirebell_protocol::{Announcement, Channel, Cursor};

use super::super::{BusError, Ends, Position};
use super::commands::{Commands, failed};
use crate::lifecycle::{millis, wall_clock};

/// A Stream entry as Redis gives it: its id and its fields.
type Raw = (String, HashMap<String, String>);

/// Where each channel ends, all asked in one go: in one command, where their keys need not share a slot.
pub(super) async fn ends(commands: &Commands, channels: &[Channel]) -> Result<Vec<Ends>, BusError> {
    if commands.is_cluster() {
        return try_join_all(channels.iter().map(|channel| end(commands, channel))).await;
    }
    if channels.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = channels.iter().map(|channel| commands.keys.end(channel)).collect();
    let texts: Vec<Option<String>> = commands.client.mget(keys).await.map_err(|error| failed(&error))?;
    texts.into_iter().map(parse).collect()
}

async fn end(commands: &Commands, channel: &Channel) -> Result<Ends, BusError> {
    parse(commands.client.get(commands.keys.end(channel)).await.map_err(|error| failed(&error))?)
}

fn parse(text: Option<String>) -> Result<Ends, BusError> {
    let Some(text) = text else { return Ok(Ends::default()) };
    publish::ends(&text).map(|(log, retained)| Ends { log, retained }).ok_or_else(strange)
}

/// The retained values behind a version.
pub(super) async fn retained(
    commands: &Commands,
    channel: &Channel,
    after: Cursor,
) -> Result<Vec<Announcement>, BusError> {
    let key = commands.keys.retained(channel);
    let values: Vec<Bytes> = commands.client.hvals(key).await.map_err(|error| failed(&error))?;
    let mut found = Vec::new();
    for value in values {
        let event = publish::retained(channel, &value).ok_or_else(strange)?;
        if event.position.is_some_and(|position| position.cursor > after)
            && !event.is_expired(|| millis(wall_clock()))
        {
            found.push(event);
        }
    }
    found.sort_by_key(|event| event.position.map(|position| position.cursor));
    Ok(found)
}

/// Whether the log reaches back to the cursor: its event is still there, or the event behind it, which names it as the one
/// before; or it is the last one that there was.
pub(super) async fn position(commands: &Commands, channel: &Channel, at: Cursor) -> Result<Position, BusError> {
    if end(commands, channel).await?.log == at {
        return Ok(Position::Known);
    }
    let (key, from) = (commands.keys.log(channel), at.to_string());
    let found: Vec<Raw> =
        commands.client.xrange_values(key, from, "+", Some(1)).await.map_err(|error| failed(&error))?;
    let next = found.first().map(|raw| entry(channel, raw)).transpose()?.and_then(|event| event.position);
    let reaches_back = next.is_some_and(|position| position.cursor == at || position.previous == at);
    Ok(if reaches_back { Position::Known } else { Position::Lost })
}

/// What stands behind each cursor, all asked in one go.
pub(super) async fn read(
    commands: &Commands,
    after: &[(Channel, Cursor)],
    limit: usize,
) -> Result<Vec<Vec<Announcement>>, BusError> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let one = |(channel, after): &(Channel, Cursor)| {
        let (channel, after) = (channel.clone(), *after);
        async move {
            let (key, start) = (commands.keys.log(&channel), format!("({after}"));
            let raw: Vec<Raw> = commands
                .client
                .xrange_values(key, start, "+", Some(limit))
                .await
                .map_err(|error| failed(&error))?;
            raw.iter().map(|raw| entry(&channel, raw)).collect()
        }
    };
    try_join_all(after.iter().map(one)).await
}

fn entry(channel: &Channel, (id, fields): &Raw) -> Result<Announcement, BusError> {
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let entry = Entry {
        previous: cursor(field("p"))?,
        head: field("h"),
        tail: field("t"),
        expires_at: field("x").parse().ok(),
        tracked: fields.get("i").map(String::as_str),
    };
    Ok(PublishScript::entry(channel, cursor(id)?, &entry))
}

fn cursor(id: &str) -> Result<Cursor, BusError> {
    id.parse().map_err(|_| strange())
}

fn strange() -> BusError {
    BusError::Refused("a key of a channel holds what the publish script has not written".to_owned())
}
