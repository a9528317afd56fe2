//! Wirebell's contract as a crate: what services, nodes and clients say to each other, byte for byte.
//!
//! New code belongs here only if it knows nothing but the contract. There is no I/O in this crate and no clock:
//! whoever publishes brings the id and the time along.
//!
//! | module | holds |
//! | --- | --- |
//! | [`event`] | what a service publishes, and every way in which it can be wrong |
//! | [`channel`], [`cursor`], [`pattern`] | addresses, positions in a log, what a claim may name |
//! | [`frame`] | what travels between a node and a client |
//! | [`cloudevents`], [`media`] | the same as CloudEvents, and which media types are JSON |
//! | [`message`], [`announcement`] | what travels between the bus and a node |
//! | [`publish`], [`keys`], [`script`] | the script that publishes in Redis, and the names it works on |
//! | [`tracking`] | records, timers and receipts: what became of an event, and what happens if nobody acknowledges it |
//! | [`inbox`] | what clients emit, on its way to the services |
//! | [`presence`], [`order`] | who is online; what a node is told to do to a session |
//! | [`revocation`] | tokens that are good no longer |
//! | [`history`] | what happened of late to a user's sessions |
//! | [`outcome`] | what the publisher is told |
//! | [`close`], [`fault`], [`problem`] | why a connection ended, why a frame or a request was refused |
//! | [`trace`] | W3C trace context inside an event |

pub mod announcement;
pub mod channel;
pub mod close;
pub mod cloudevents;
pub mod connection;
pub mod cursor;
pub mod event;
pub mod fault;
pub mod frame;
pub mod history;
pub mod inbox;
pub mod keys;
pub mod media;
pub mod message;
pub mod order;
pub mod outcome;
pub mod pattern;
pub mod presence;
pub mod problem;
pub mod publish;
pub mod revocation;
pub mod script;
pub mod trace;
pub mod tracking;
pub mod transport;

pub use announcement::Announcement;
pub use channel::{Channel, ChannelError};
pub use close::CloseCode;
pub use connection::{ConnectionId, NodeId};
pub use cursor::Cursor;
pub use event::{Class, Durability, Event, EventError};
pub use fault::Fault;
pub use keys::{Keys, Shard};
pub use message::Message;
pub use order::Order;
pub use outcome::{Outcome, Reached};
pub use pattern::Pattern;
pub use publish::Prepared;
pub use transport::Transport;

/// What the services' door takes and answers, in OpenAPI.
pub const OPENAPI: &str = include_str!("../openapi.json");
