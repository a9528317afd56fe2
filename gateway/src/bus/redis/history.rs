//! Users' histories: a capped list for each user, written in batches.
//!
//! Lists and not Streams: a Stream takes four kilobytes however little is in it, and most users have a few entries.

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

use super::super::history::in_order;
use super::super::{BusError, Happening};
use super::commands::{Commands, failed};

/// Users of one call, where they need not share a slot.
const TOGETHER: usize = 100;

/// Appends to each user's list, in as few calls as can be.
pub(super) async fn remember(commands: &Commands, happenings: &[Happening], most: usize) -> Result<(), BusError> {
    commands.connected()?;
    let mut users: HashMap<&Channel, Vec<String>> = HashMap::new();
    for Happening { user, entry } in happenings {
        users.entry(user).or_default().push(entry.encode());
    }
    let mut users = users.into_iter().peekable();
    let together = if commands.is_cluster() { 1 } else { TOGETHER };
    let mut calls = Vec::new();
    while users.peek().is_some() {
        calls.push(tracking::append_connection_log(&commands.keys, users.by_ref().take(together), most));
    }
    try_join_all(calls.iter().map(|call| commands.call::<()>(call))).await.map(drop)
}

pub(super) async fn read(commands: &Commands, user: &Channel) -> Result<Vec<ConnectionLogEntry>, BusError> {
    let words = vec![commands.keys.connection_log(user), "0".to_owned(), "-1".to_owned()];
    let found: Vec<String> = command(commands, "LRANGE", words).await.map_err(|error| failed(&error))?;
    Ok(in_order(found.iter().filter_map(|text| ConnectionLogEntry::decode(text)).collect()))
}

/// What the first publish of that id was answered.
pub(super) async fn answered(
    commands: &Commands,
    channel: &Channel,
    id: &str,
) -> Result<Option<Accepted>, BusError> {
    let seen: Option<String> =
        commands.client.get(commands.keys.seen(channel, id)).await.map_err(|error| failed(&error))?;
    // As the script says it to whoever publishes that id again.
    Ok(seen.and_then(|seen| PublishScript::reply(&format!("again {seen}")).ok()))
}

/// Who is entered among those that live.
pub(super) async fn nodes(commands: &Commands) -> Result<Vec<NodeId>, BusError> {
    let words = vec![commands.keys.nodes(), "0".to_owned(), "-1".to_owned()];
    let entries: Vec<String> = command(commands, "ZRANGE", words).await.map_err(|error| failed(&error))?;
    Ok(entries.iter().filter_map(|entry| entry.split(' ').next()?.parse().ok()).collect())
}

/// A command whose first word is its key.
async fn command<R: FromValue>(commands: &Commands, name: &'static str, words: Vec<String>) -> Result<R, Error> {
    let slot = words.first().map_or(0, |key| redis_keyslot(key.as_bytes()));
    commands.client.custom(CustomCommand::new_static(name, ClusterHash::Custom(slot), false), words).await
}
