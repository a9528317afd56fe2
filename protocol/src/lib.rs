//! Wirebell's protocol: the data that services, nodes and clients exchange, byte for byte.
//!
//! Input and output are bytes, JSON texts, and the keys and arguments of Redis scripts. The crate
//! does no I/O and reads no clock: the caller supplies ids, times and connections. It must not know
//! how a node stores, routes or sends what it encodes.
//!
//! | module | contents |
//! | --- | --- |
//! | [`event`] | the event that a service publishes, and its validation |
//! | [`channel`], [`cursor`], [`pattern`] | addresses, positions in a log, patterns of names |
//! | [`frame`] | frames between a node and a client |
//! | [`cloudevents`], [`media`] | conversion from and to CloudEvents; JSON media types |
//! | [`message`], [`announcement`] | pub/sub messages from the bus to a node |
//! | [`publish`], [`keys`], [`script`] | the publish script, Redis key names, all scripts |
//! | [`tracking`] | delivery records, timers and receipts of tracked events |
//! | [`inbox`] | events from clients to services |
//! | [`presence`], [`node_command`] | who is online; commands from the bus to a node's sessions |
//! | [`revocation`] | revoked tokens |
//! | [`connection_log`] | recent connects, disconnects and gaps of a user |
//! | [`publish_result`] | the result that a publisher gets |
//! | [`close`], [`error_code`], [`problem`] | close codes, error codes, problem documents |
//! | [`trace`] | W3C Trace Context inside an event |

pub mod announcement;
pub mod channel;
pub mod close;
pub mod cloudevents;
pub mod connection;
pub mod connection_log;
pub mod cursor;
pub mod error_code;
pub mod event;
pub mod frame;
pub mod inbox;
pub mod keys;
pub mod media;
pub mod message;
pub mod node_command;
pub mod pattern;
pub mod presence;
pub mod problem;
pub mod publish;
pub mod publish_result;
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
pub use error_code::ErrorCode;
pub use event::{Class, Durability, Event, EventError};
pub use keys::{Keys, Shard};
pub use message::Message;
pub use node_command::NodeCommand;
pub use pattern::Pattern;
pub use publish::Prepared;
pub use publish_result::{ChannelResult, PublishResult};
pub use transport::Transport;

/// The OpenAPI description of the server API.
pub const OPENAPI: &str = include_str!("../openapi.json");
