//! The owner of a session. It is used for presence and for display.

use std::sync::Arc;

use wirebell_protocol::{Channel, ConnectionId, Cursor, Shard, Transport};

use super::{Millis, Registry};
use crate::hub::log_kind::ChannelLog;
use crate::hub::presence::shard::shard_of;
use crate::hub::send_buffer::SendBuffer;

/// Owner of a session: the user and the device.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The user's channel.
    pub user: Channel,
    /// The device.
    pub device: Option<Arc<str>>,
    /// When the session began, in milliseconds on the process' clock.
    pub since: Millis,
}

impl Registry {
    /// Returns the number of channels with an entry.
    pub(in crate::hub) fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Returns the owner and the send buffer of a session.
    pub(in crate::hub) fn session(&self, number: u64) -> Option<(Owner, Arc<SendBuffer>)> {
        let session = self.sessions.get(&number)?;
        Some((session.owner.clone(), Arc::clone(&session.own_subscription.buffer)))
    }

    /// Removes a session. Returns its owner and transport if it was registered in presence.
    pub(in crate::hub) fn remove_session(&mut self, id: ConnectionId) -> Option<(Owner, Transport)> {
        let session = self.sessions.remove(&id.number)?;
        Some((session.owner, session.presence?))
    }

    /// Marks the session as registered in presence. Returns its owner.
    pub(in crate::hub) fn mark_present(&mut self, number: u64, transport: Transport) -> Option<Owner> {
        let session = self.sessions.get_mut(&number)?;
        session.presence = Some(transport);
        Some(session.owner.clone())
    }

    /// Marks the session as not registered in presence.
    pub(in crate::hub) fn mark_absent(&mut self, number: u64) {
        if let Some(session) = self.sessions.get_mut(&number) {
            session.presence = None;
        }
    }

    /// Returns the sessions in presence whose users belong to the shard.
    pub(in crate::hub) fn present_sessions(&self, shard: Shard) -> Vec<(u64, Owner, Transport)> {
        let registered = self.sessions.iter().filter_map(|(number, session)| {
            let transport = session.presence?;
            (shard_of(&session.owner.user) == shard).then(|| (*number, session.owner.clone(), transport))
        });
        registered.collect()
    }

    /// Returns the session numbers of a channel's subscribers. Not for `all` or a connection's
    /// channel.
    pub(in crate::hub) fn subscribers(&self, channel: &Channel) -> Vec<u64> {
        let subscriptions = self.channels.get(channel).into_iter().flat_map(|entry| &entry.subscriptions);
        subscriptions.map(|subscription| subscription.buffer.number()).collect()
    }

    /// Returns the end of the log, as far as this node knows.
    pub(in crate::hub) fn end_of_log(&mut self, log: &ChannelLog) -> Cursor {
        self.chain(log).map_or(Cursor::START, |chain| chain.last())
    }
}

#[cfg(test)]
impl Owner {
    /// Returns an owner for tests that do not need one.
    pub(super) fn of_no_user() -> Self {
        Self { user: Channel::all(), device: None, since: 0 }
    }
}
