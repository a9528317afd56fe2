//! Presence on Redis: one script per call. Commands to nodes are also announced, so they arrive
//! sooner.

use async_trait::async_trait;
use fred::interfaces::{ClientLike, HashesInterface};
use fred::types::{ClusterHash, CustomCommand};
use fred::util::redis_keyslot;
use futures_util::future::join_all;
use wirebell_protocol::presence::{
    self, Change, ChangeResult, Filter, JoinResult, Lease, OnlineUser, Renewed, Settings,
};
use wirebell_protocol::{ConnectionId, NodeCommand, Shard};

use super::RedisBus;
use super::commands::{Commands, bus_error};
use crate::bus::{BusError, Presence};

#[async_trait]
impl Presence for RedisBus {
    async fn renew_lease(
        &self,
        lease: Lease,
        create: bool,
        settings: &Settings,
        done: &[NodeCommand],
    ) -> Result<Renewed, BusError> {
        self.commands.require_connection()?;
        let call = presence::renew(&self.commands.keys, lease, create, settings, done);
        let answer: Vec<String> = self.commands.call(&call).await?;
        Renewed::parse(&answer).ok_or_else(unexpected)
    }

    async fn apply_changes(
        &self,
        lease: Lease,
        batch: u64,
        settings: &Settings,
        changes: &[Change],
    ) -> Result<ChangeResult, BusError> {
        self.commands.require_connection()?;
        let call = presence::change(&self.commands.keys, lease, batch, settings, changes);
        let answer: Vec<String> = self.commands.call(&call).await?;
        let result = ChangeResult::parse(&answer).ok_or_else(unexpected)?;
        if let ChangeResult::Done(sessions) = &result {
            let elsewhere = sessions
                .iter()
                .filter(|(why, id)| *why == JoinResult::Replaced && id.node != lease.node)
                .map(|(_, id)| NodeCommand::Evict(*id));
            announce(&self.commands, elsewhere).await;
        }
        Ok(result)
    }

    async fn clear_sessions(
        &self,
        shard: Shard,
        lease: &str,
        cursor: Option<&str>,
        settings: &Settings,
    ) -> Result<Option<String>, BusError> {
        let call = presence::clear(&self.commands.keys, shard, lease, cursor.unwrap_or("0"), settings);
        let next: String = self.commands.call(&call).await?;
        Ok(Some(next).filter(|next| next != "0"))
    }

    async fn release_lease(&self, lease: Lease, has_left: bool) -> Result<(), BusError> {
        self.commands.require_connection()?;
        self.commands.call::<i64>(&presence::resign(&self.commands.keys, lease, has_left)).await.map(drop)
    }

    async fn find_online(&self, user: &str) -> Result<Option<OnlineUser>, BusError> {
        let key = self.commands.keys.online(Shard::of(user));
        let value: Option<String> =
            self.commands.client.hget(key, user).await.map_err(|error| bus_error(&error))?;
        value.map(|value| OnlineUser::parse(&value).ok_or_else(unexpected)).transpose()
    }

    async fn online_page(
        &self,
        shard: Shard,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, OnlineUser)>, BusError> {
        let call = presence::page(&self.commands.keys, shard, after, limit);
        let answer: Vec<String> = self.commands.call(&call).await?;
        let parse = |pair: &[String]| Some((pair[0].clone(), OnlineUser::parse(&pair[1])?));
        answer.chunks_exact(2).map(|pair| parse(pair).ok_or_else(unexpected)).collect()
    }

    async fn disconnect(&self, user: &str, filter: &Filter, reason: &str) -> Result<Vec<ConnectionId>, BusError> {
        let call = presence::disconnect(&self.commands.keys, user, filter, reason);
        let answer: Vec<String> = self.commands.call(&call).await?;
        let connections: Vec<ConnectionId> = answer.iter().filter_map(|id| id.parse().ok()).collect();
        let commands = connections.iter().map(|id| NodeCommand::Disconnect(*id, reason.to_owned()));
        announce(&self.commands, commands).await;
        Ok(connections)
    }
}

/// Announces commands to their nodes. A node that misses an announcement finds the command in its
/// list.
async fn announce(commands: &Commands, node_commands: impl Iterator<Item = NodeCommand>) {
    let publish = |command: NodeCommand| async move {
        let channel = commands.keys.announce_node(command.connection().node);
        let slot = ClusterHash::Custom(redis_keyslot(channel.as_bytes()));
        let args = vec![channel, command.encode()];
        commands.client.custom::<i64, _>(CustomCommand::new_static("SPUBLISH", slot, false), args).await
    };
    for answer in join_all(node_commands.map(publish)).await {
        if let Err(error) = answer {
            tracing::debug!(%error, "cannot announce a command to a node; the node finds it in its list");
        }
    }
}

fn unexpected() -> BusError {
    BusError::Rejected("a presence script returned an unexpected answer".to_owned())
}
