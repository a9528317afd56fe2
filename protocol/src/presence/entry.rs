//! A user's entry, as it stands in Redis: since when the user is online, and a line for each open session.

use crate::{ConnectionId, Transport};

/// A user who is online: somebody told `user.online` of them, and nobody `user.offline` yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Online {
    /// Since when, in milliseconds since the Unix epoch.
    pub since: u64,
    /// The open sessions, in the order in which they came. None while the user may still come back.
    pub sessions: Vec<Open>,
}

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its connection, which names its node.
    pub connection: ConnectionId,
    /// Which lease of the node it stands under.
    pub epoch: u64,
    /// Since when, in milliseconds since the Unix epoch.
    pub since: u64,
    /// How the client is connected.
    pub transport: Transport,
    /// The device, as its token names it.
    pub device: Option<String>,
}

impl Online {
    /// Reads an entry; none if it is not one.
    pub fn parse(value: &str) -> Option<Self> {
        let mut lines = value.split('\n');
        let since = lines.next()?.parse().ok()?;
        Some(Self { since, sessions: lines.map(Open::parse).collect::<Option<_>>()? })
    }

    /// The entry as the scripts write it.
    pub fn encode(&self) -> String {
        let lines = self.sessions.iter().map(|session| format!("\n{}", session.line()));
        self.since.to_string() + &lines.collect::<String>()
    }
}

impl Open {
    fn parse(line: &str) -> Option<Self> {
        // A device's name may hold spaces: it is the last.
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
