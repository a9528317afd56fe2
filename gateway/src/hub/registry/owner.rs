//! Whose session it is: nothing is decided by it, it is there to be named.

use std::sync::Arc;

use wirebell_protocol::{Channel, ConnectionId, Cursor, Shard, Transport};

use super::{Millis, Registry};
use crate::hub::line::Line;
use crate::hub::outbox::Outbox;
use crate::hub::presence::shard_of;

/// Whose session it is. What is in it is shared with the session.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The user's own channel.
    pub user: Channel,
    /// The device.
    pub device: Option<Arc<str>>,
    /// Since when the session has been there, by the process' clock, in milliseconds.
    pub since: Millis,
}

impl Registry {
    /// How many channels are listened for.
    pub(in crate::hub) fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Who sits there, and their outbox.
    pub(in crate::hub) fn sitting(&self, number: u64) -> Option<(Owner, Arc<Outbox>)> {
        let session = self.sessions.get(&number)?;
        Some((session.owner.clone(), Arc::clone(&session.own.outbox)))
    }

    /// Removes a session. Answers whose it was, if the bus has been told of it.
    pub(in crate::hub) fn exit(&mut self, id: ConnectionId) -> Option<(Owner, Transport)> {
        let session = self.sessions.remove(&id.number)?;
        Some((session.owner, session.announced?))
    }

    /// The bus is told of the session from now on. Answers whose it is.
    pub(in crate::hub) fn announce(&mut self, number: u64, transport: Transport) -> Option<Owner> {
        let session = self.sessions.get_mut(&number)?;
        session.announced = Some(transport);
        Some(session.owner.clone())
    }

    /// The bus does not know of the session any more.
    pub(in crate::hub) fn withdraw(&mut self, number: u64) {
        if let Some(session) = self.sessions.get_mut(&number) {
            session.announced = None;
        }
    }

    /// The sessions of users of that shard of whom the bus is told.
    pub(in crate::hub) fn announced(&self, shard: Shard) -> Vec<(u64, Owner, Transport)> {
        let told = self.sessions.iter().filter_map(|(number, session)| {
            let transport = session.announced?;
            (shard_of(&session.owner.user) == shard).then(|| (*number, session.owner.clone(), transport))
        });
        told.collect()
    }

    /// The numbers of a channel's listeners; not of `all`, nor of a connection's.
    pub(in crate::hub) fn listeners(&self, channel: &Channel) -> Vec<u64> {
        let members = self.channels.get(channel).into_iter().flat_map(|entry| &entry.members);
        members.map(|member| member.outbox.number()).collect()
    }

    /// How far the line has come on this node.
    pub(in crate::hub) fn end_of(&mut self, line: &Line) -> Cursor {
        self.chain(line).map_or(Cursor::START, |chain| chain.last())
    }
}

#[cfg(test)]
impl Owner {
    /// Of a session that nobody asks for.
    pub(super) fn nobody() -> Self {
        Self { user: Channel::all(), device: None, since: 0 }
    }
}
