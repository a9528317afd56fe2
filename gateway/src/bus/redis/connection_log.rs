//! Connection logs: a capped list for each user, written in batches; and a few other lookups by
//! key.
//!
//! A list is used instead of a Stream, because a Stream takes four kilobytes even with few entries,
//! and most users have few entries.

use std::collections::HashMap;

use fred::error::Error;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::{ClusterHash, CustomCommand, FromValue};
use fred::util::redis_keyslot;
use futures_util::future::try_join_all;
use wirebell_protocol::connection_log::ConnectionLogEntry;
use wirebell_protocol::publish::{Accepted, PublishScript};
use wirebell_protocol::tracking;
use wirebell_protocol::{Channel, NodeId};

use super::super::connection_log::{UserLogEntry, sort_and_dedup};
use super::commands::{Commands, bus_error};
use crate::bus::BusError;

/// Users per call, where their keys need not share a slot.
const USERS_PER_CALL: usize = 100;

/// Appends to each user's list, in as few calls as possible.
pub(super) async fn append(
    commands: &Commands,
    entries: &[UserLogEntry],
    max_entries: usize,
) -> Result<(), BusError> {
    commands.require_connection()?;
    let mut users: HashMap<&Channel, Vec<String>> = HashMap::new();
    for UserLogEntry { user, entry } in entries {
        users.entry(user).or_default().push(entry.encode());
    }
    let mut users = users.into_iter().peekable();
    let per_call = if commands.is_cluster() { 1 } else { USERS_PER_CALL };
    let mut calls = Vec::new();
    while users.peek().is_some() {
        calls.push(tracking::append_connection_log(&commands.keys, users.by_ref().take(per_call), max_entries));
    }
    try_join_all(calls.iter().map(|call| commands.call::<()>(call))).await.map(drop)
}

pub(super) async fn read(commands: &Commands, user: &Channel) -> Result<Vec<ConnectionLogEntry>, BusError> {
    let args = vec![commands.keys.connection_log(user), "0".to_owned(), "-1".to_owned()];
    let found: Vec<String> = command(commands, "LRANGE", args).await.map_err(|error| bus_error(&error))?;
    Ok(sort_and_dedup(found.iter().filter_map(|text| ConnectionLogEntry::decode(text)).collect()))
}

/// Returns the answer to the first publish of an id.
pub(super) async fn find_accepted(
    commands: &Commands,
    channel: &Channel,
    id: &str,
) -> Result<Option<Accepted>, BusError> {
    let seen: Option<String> =
        commands.client.get(commands.keys.seen(channel, id)).await.map_err(|error| bus_error(&error))?;
    // The script gives this answer when the id is published again.
    Ok(seen.and_then(|seen| PublishScript::reply(&format!("again {seen}")).ok()))
}

/// Returns the nodes in the roster.
pub(super) async fn nodes(commands: &Commands) -> Result<Vec<NodeId>, BusError> {
    let args = vec![commands.keys.nodes(), "0".to_owned(), "-1".to_owned()];
    let entries: Vec<String> = command(commands, "ZRANGE", args).await.map_err(|error| bus_error(&error))?;
    Ok(entries.iter().filter_map(|entry| entry.split(' ').next()?.parse().ok()).collect())
}

/// Sends a command whose first argument is its key.
async fn command<R: FromValue>(commands: &Commands, name: &'static str, args: Vec<String>) -> Result<R, Error> {
    let slot = args.first().map_or(0, |key| redis_keyslot(key.as_bytes()));
    commands.client.custom(CustomCommand::new_static(name, ClusterHash::Custom(slot), false), args).await
}
