//! A user's entry in Redis: the time since when the user is online, and one line for each session.

use crate::{ConnectionId, Transport};

/// A user who is online: `user.online` is in the inbox, `user.offline` is not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlineUser {
    /// Since when the user is online, in milliseconds since the Unix epoch.
    pub since: u64,
    /// The open sessions, oldest first. Empty during the grace period after the last session.
    pub sessions: Vec<OpenSession>,
}

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// The connection; its id contains the node's id.
    pub connection: ConnectionId,
    /// Epoch of the node's lease.
    pub epoch: u64,
    /// Start of the session, in milliseconds since the Unix epoch.
    pub since: u64,
    /// The transport of the client.
    pub transport: Transport,
    /// The device that the token names.
    pub device: Option<String>,
}

impl OnlineUser {
    /// Parses an entry. Returns `None` if it is malformed.
    pub fn parse(value: &str) -> Option<Self> {
        let mut lines = value.split('\n');
        let since = lines.next()?.parse().ok()?;
        Some(Self { since, sessions: lines.map(OpenSession::parse).collect::<Option<_>>()? })
    }

    /// Encodes the entry in the format of the scripts.
    pub fn encode(&self) -> String {
        let lines = self.sessions.iter().map(|session| format!("\n{}", session.line()));
        self.since.to_string() + &lines.collect::<String>()
    }
}

impl OpenSession {
    fn parse(line: &str) -> Option<Self> {
        // The device is the last field because its name may contain spaces.
        let mut fields = line.splitn(5, ' ');
        Some(Self {
            connection: fields.next()?.parse().ok()?,
            epoch: fields.next()?.parse().ok()?,
            since: fields.next()?.parse().ok()?,
            transport: Transport::parse(fields.next()?)?,
            device: fields.next().map(str::to_owned),
        })
    }

    fn line(&self) -> String {
        let device = self.device.as_ref().map_or_else(String::new, |device| format!(" {device}"));
        format!("{} {} {} {}{device}", self.connection, self.epoch, self.since, self.transport.as_str())
    }
}
