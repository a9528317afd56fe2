//! Changes that a node writes to presence, and the scripts' replies.

use std::sync::Arc;

use crate::{Channel, ConnectionId, NodeCommand, Transport};

/// Limit on the sessions of one user, over all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionPolicy {
    /// Maximum number of sessions; 0 means no limit.
    pub max_sessions: u32,
    /// What to do when a new session exceeds the limit.
    pub when_full: WhenFull,
}

/// What to do when a new session exceeds the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// The new session replaces the user's oldest session.
    #[default]
    ReplaceOldest,
    /// The new session is rejected.
    Refuse,
}

/// A change of one session on a node.
#[derive(Debug, Clone)]
pub struct Change {
    /// The kind of change.
    pub kind: SessionChange,
    /// The channel of the session's user.
    pub user: Channel,
    /// The connection of the session.
    pub connection: ConnectionId,
    /// Age of the session in milliseconds.
    pub age: u64,
    /// The transport of the client.
    pub transport: Transport,
    /// The device that the token names.
    pub device: Option<Arc<str>>,
}

/// The kind of change of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionChange {
    /// A new session; it may be rejected.
    Join,
    /// An existing session, written again under a new lease.
    Rejoin,
    /// The session has ended.
    Leave,
}

/// The result of writing a batch of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeResult {
    /// The batch is written, except for the listed sessions, which must close.
    Done(Vec<(JoinResult, ConnectionId)>),
    /// Nothing is written: the lease has ended. All sessions must rejoin under the next lease.
    LeaseEnded,
    /// Nothing is written: a later batch was written before this one.
    Stale,
}

/// Why a session must close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinResult {
    /// The user has the maximum number of sessions; this one may not join.
    Rejected,
    /// A newer session replaced it.
    Replaced,
}

/// The reply to a renewal of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// Status of the lease.
    pub status: LeaseStatus,
    /// The last batch that was written under the lease.
    pub batch: u64,
    /// Number of online users of the shard.
    pub users: u64,
    /// The ended lease of another node whose sessions this node must clear.
    pub to_clear: Option<String>,
    /// More users are due to go offline than one call handles.
    pub more: bool,
    /// Commands for the node.
    pub commands: Vec<NodeCommand>,
}

/// Status of a node's lease in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseStatus {
    /// The lease is valid.
    Valid,
    /// The node has no lease: it never had one, it expired, or the shard lost it.
    Unknown,
}

impl WhenFull {
    /// Returns the configuration value of this variant.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReplaceOldest => "replace_oldest",
            Self::Refuse => "refuse",
        }
    }

    /// Parses a configuration value.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::ReplaceOldest, Self::Refuse].into_iter().find(|when_full| when_full.as_str() == name)
    }
}

impl SessionChange {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Join => "came",
            Self::Rejoin => "back",
            Self::Leave => "left",
        }
    }
}

impl ChangeResult {
    /// Parses the reply of the change script.
    pub fn parse(answer: &[String]) -> Option<Self> {
        let (first, rest) = answer.split_first()?;
        match first.as_str() {
            "gone" => return Some(Self::LeaseEnded),
            "late" => return Some(Self::Stale),
            "done" => {}
            _ => return None,
        }
        let session = |three: &[String]| {
            let admitted = match three[0].as_str() {
                "refused" => JoinResult::Rejected,
                "replaced" => JoinResult::Replaced,
                _ => return None,
            };
            Some((admitted, three[2].parse().ok()?))
        };
        rest.chunks_exact(3).map(session).collect::<Option<_>>().map(Self::Done)
    }
}

impl Renewed {
    /// Parses the reply of the renew script.
    pub fn parse(answer: &[String]) -> Option<Self> {
        let [status, batch, users, to_clear, more, commands @ ..] = answer else { return None };
        let status = match status.as_str() {
            "renewed" | "entered" => LeaseStatus::Valid,
            "unknown" => LeaseStatus::Unknown,
            _ => return None,
        };
        Some(Self {
            status,
            batch: batch.parse().ok()?,
            users: users.parse().ok()?,
            to_clear: Some(to_clear.clone()).filter(|lease| !lease.is_empty()),
            more: more == "more",
            commands: commands.iter().filter_map(|text| NodeCommand::decode(text.as_bytes())).collect(),
        })
    }
}
