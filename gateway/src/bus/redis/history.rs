//! Users' histories: capped Streams, one a user, written in batches.

use std::collections::HashMap;

use fred::interfaces::{ClientLike, KeysInterface, StreamsInterface};
use fred::types::streams::{XCapKind, XCapTrim};
use fred::types::{ClusterHash, CustomCommand};
use fred::util::redis_keyslot;
use futures_util::future::try_join_all;
use wirebell_protocol::history::{AGE_MILLIS, Entry, FIELD};
use wirebell_protocol::publish::{Accepted, PublishScript};
use wirebell_protocol::{Channel, NodeId};

use super::super::history::in_order;
use super::super::{BusError, Happening};
use super::commands::{Commands, failed};

/// Entries of one history that are read. There are hardly ever so many: trimming to about the configured number leaves
/// some tens more.
const MOST_READ: u64 = 1_000;

/// Appends to each user's Stream. All commands of a batch are on their way at once, which the client pipelines.
pub(super) async fn remember(commands: &Commands, happenings: &[Happening], most: usize) -> Result<(), BusError> {
    commands.connected()?;
    let mut users: HashMap<&Channel, Vec<&Entry>> = HashMap::new();
    for Happening { user, entry } in happenings {
        users.entry(user).or_default().push(entry);
    }
    try_join_all(users.into_iter().map(|(user, entries)| append(commands, user, entries, most))).await.map(drop)
}

async fn append(commands: &Commands, user: &Channel, entries: Vec<&Entry>, most: usize) -> Result<(), BusError> {
    let key = commands.keys.history(user);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let append = |entry: &Entry| {
        let cap = (XCapKind::MaxLen, XCapTrim::AlmostExact, most, None);
        commands.client.xadd::<(), _, _, _, _>(key.clone(), false, cap, "*", (FIELD, entry.encode()))
    };
    let appended = async {
        try_join_all(entries.into_iter().map(append)).await?;
        commands.client.pexpire::<(), _>(&key, i64::try_from(AGE_MILLIS).unwrap_or(i64::MAX), None).await
    };
    appended.await.map_err(|error| failed(&error))
}

pub(super) async fn read(commands: &Commands, user: &Channel) -> Result<Vec<Entry>, BusError> {
    let key = commands.keys.history(user);
    let found: Vec<(String, HashMap<String, String>)> =
        commands.client.xrevrange_values(key, "+", "-", Some(MOST_READ)).await.map_err(|error| failed(&error))?;
    let entries = found.iter().rev().filter_map(|(_, fields)| Entry::decode(fields.get(FIELD)?)).collect();
    Ok(in_order(entries))
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
    let key = commands.keys.nodes();
    let range = CustomCommand::new_static("ZRANGE", ClusterHash::Custom(redis_keyslot(key.as_bytes())), false);
    let words = vec![key, "0".to_owned(), "-1".to_owned()];
    let entries: Vec<String> = commands.client.custom(range, words).await.map_err(|error| failed(&error))?;
    Ok(entries.iter().filter_map(|entry| entry.split(' ').next()?.parse().ok()).collect())
}
