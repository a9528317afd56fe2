//! What a node says to presence, and what it is answered.

use std::sync::Arc;

use crate::{Channel, ConnectionId, Order, Transport};

/// How many sessions a user may have on all nodes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// The most; 0 is any number.
    pub most: u32,
    /// What becomes of the session that would be one too many.
    pub when_full: WhenFull,
}

/// What becomes of the session that would be one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It takes the place of the user's oldest one.
    #[default]
    ReplaceOldest,
    /// It is refused.
    Refuse,
}

/// Something that changed on a node.
#[derive(Debug, Clone)]
pub struct Change {
    /// What happened to the session.
    pub past: Past,
    /// Whose it is: the user's own channel.
    pub user: Channel,
    /// Its connection.
    pub connection: ConnectionId,
    /// How many milliseconds ago it began.
    pub age: u64,
    /// How the client is connected.
    pub transport: Transport,
    /// The device, as its token names it.
    pub device: Option<Arc<str>>,
}

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// It wants to be let in.
    Came,
    /// It is there, and is entered again.
    Back,
    /// It has ended.
    Left,
}

/// What came of a batch of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// Everything is written, save the sessions that must not be.
    Done(Vec<(Admitted, ConnectionId)>),
    /// Nothing is written: the lease has ended, and everything has to be entered under the next one.
    LeaseEnded,
    /// Nothing is written: a later batch was here before.
    Late,
}

/// Why a session must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// The user has as many as may be, and this one was not let in.
    Refused,
    /// A newer one has taken its place.
    Replaced,
}

/// What a node is told when it renews its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// How it stands.
    pub standing: Standing,
    /// The last batch that was written under the lease.
    pub batch: u64,
    /// Users of the shard who are online.
    pub users: u64,
    /// The lease of a node that is gone, to be cleared up by this one.
    pub to_clear: Option<String>,
    /// More is due than was done.
    pub more: bool,
    /// What the node has to do.
    pub orders: Vec<Order>,
}

/// How a node stands in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its lease is good.
    Good,
    /// It has no lease: it never had, it was given up, or the shard has lost it.
    Unknown,
}

impl WhenFull {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReplaceOldest => "replace_oldest",
            Self::Refuse => "refuse",
        }
    }

    /// The one of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::ReplaceOldest, Self::Refuse].into_iter().find(|when_full| when_full.as_str() == name)
    }
}

impl Past {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Came => "came",
            Self::Back => "back",
            Self::Left => "left",
        }
    }
}

impl Changed {
    /// Reads what the script answers.
    pub fn parse(answer: &[String]) -> Option<Self> {
        let (first, rest) = answer.split_first()?;
        match first.as_str() {
            "gone" => return Some(Self::LeaseEnded),
            "late" => return Some(Self::Late),
            "done" => {}
            _ => return None,
        }
        let session = |three: &[String]| {
            let admitted = match three[0].as_str() {
                "refused" => Admitted::Refused,
                "replaced" => Admitted::Replaced,
                _ => return None,
            };
            Some((admitted, three[2].parse().ok()?))
        };
        rest.chunks_exact(3).map(session).collect::<Option<_>>().map(Self::Done)
    }
}

impl Renewed {
    /// Reads what the script answers.
    pub fn parse(answer: &[String]) -> Option<Self> {
        let [standing, batch, users, to_clear, more, orders @ ..] = answer else { return None };
        let standing = match standing.as_str() {
            "renewed" | "entered" => Standing::Good,
            "unknown" => Standing::Unknown,
            _ => return None,
        };
        Some(Self {
            standing,
            batch: batch.parse().ok()?,
            users: users.parse().ok()?,
            to_clear: Some(to_clear.clone()).filter(|lease| !lease.is_empty()),
            more: more == "more",
            orders: orders.iter().filter_map(|text| Order::decode(text.as_bytes())).collect(),
        })
    }
}
