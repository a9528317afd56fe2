//! Presence on Redis: one script a call, and each order announced as well, so that it arrives sooner.

use async_trait::async_trait;
use fred::interfaces::{ClientLike, HashesInterface};
use fred::types::{ClusterHash, CustomCommand};
use fred::util::redis_keyslot;
use futures_util::future::join_all;
use wirebell_protocol::presence::{
    self, Change, ChangeResult, Filter, JoinResult, Lease, OnlineUser, Renewed, Settings,
};
use wirebell_protocol::{ConnectionId, NodeCommand, Shard};

use super::super::{BusError, Presence};
use super::RedisBus;
use super::commands::{Commands, failed};

#[async_trait]
impl Presence for RedisBus {
    async fn renew(
        &self,
        lease: Lease,
        enter: bool,
        settings: &Settings,
        done: &[NodeCommand],
    ) -> Result<Renewed, BusError> {
        self.commands.connected()?;
        let call = presence::renew(&self.commands.keys, lease, enter, settings, done);
        let answer: Vec<String> = self.commands.call(&call).await?;
        Renewed::parse(&answer).ok_or_else(strange)
    }

    async fn change(
        &self,
        lease: Lease,
        batch: u64,
        settings: &Settings,
        changes: &[Change],
    ) -> Result<ChangeResult, BusError> {
        self.commands.connected()?;
        let call = presence::change(&self.commands.keys, lease, batch, settings, changes);
        let answer: Vec<String> = self.commands.call(&call).await?;
        let outcome = ChangeResult::parse(&answer).ok_or_else(strange)?;
        if let ChangeResult::Done(sessions) = &outcome {
            let elsewhere = sessions
                .iter()
                .filter(|(why, id)| *why == JoinResult::Replaced && id.node != lease.node)
                .map(|(_, id)| NodeCommand::Evict(*id));
            announce(&self.commands, elsewhere).await;
        }
        Ok(outcome)
    }

    async fn clear(
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

    async fn resign(&self, lease: Lease, has_left: bool) -> Result<(), BusError> {
        self.commands.connected()?;
        self.commands.call::<i64>(&presence::resign(&self.commands.keys, lease, has_left)).await.map(drop)
    }

    async fn online(&self, user: &str) -> Result<Option<OnlineUser>, BusError> {
        let key = self.commands.keys.online(Shard::of(user));
        let value: Option<String> = self.commands.client.hget(key, user).await.map_err(|error| failed(&error))?;
        value.map(|value| OnlineUser::parse(&value).ok_or_else(strange)).transpose()
    }

    async fn page(&self, shard: Shard, after: &str, most: usize) -> Result<Vec<(String, OnlineUser)>, BusError> {
        let call = presence::page(&self.commands.keys, shard, after, most);
        let answer: Vec<String> = self.commands.call(&call).await?;
        let one = |pair: &[String]| Some((pair[0].clone(), OnlineUser::parse(&pair[1])?));
        answer.chunks_exact(2).map(|pair| one(pair).ok_or_else(strange)).collect()
    }

    async fn disconnect(&self, user: &str, which: &Filter, reason: &str) -> Result<Vec<ConnectionId>, BusError> {
        let call = presence::disconnect(&self.commands.keys, user, which, reason);
        let answer: Vec<String> = self.commands.call(&call).await?;
        let told: Vec<ConnectionId> = answer.iter().filter_map(|id| id.parse().ok()).collect();
        announce(&self.commands, told.iter().map(|id| NodeCommand::Disconnect(*id, reason.to_owned()))).await;
        Ok(told)
    }
}

/// Tells the nodes at once. Whoever does not hear it finds it in the list of its orders.
async fn announce(commands: &Commands, node_commands: impl Iterator<Item = NodeCommand>) {
    let one = |command: NodeCommand| async move {
        let channel = commands.keys.announce_node(command.connection().node);
        let slot = ClusterHash::Custom(redis_keyslot(channel.as_bytes()));
        let words = vec![channel, command.encode()];
        commands.client.custom::<i64, _>(CustomCommand::new_static("SPUBLISH", slot, false), words).await
    };
    for answer in join_all(node_commands.map(one)).await {
        if let Err(error) = answer {
            tracing::debug!(%error, "an order was not announced; it waits in its node's list");
        }
    }
}

fn strange() -> BusError {
    BusError::Refused("a script of presence answered something else than it does".to_owned())
}
