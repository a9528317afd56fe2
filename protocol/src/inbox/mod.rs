//! The inbox: events from clients to services.
//!
//! Input: a client's emission, or a service's reply. Output: script calls, inbox entries, and the
//! [`Reply`](crate::message::Reply) message for the emitter's node. The module does not know who
//! consumes the inbox.
//!
//! Each shard is a Stream. A user's shard follows from the user's id, which keeps one user's events
//! in order. Each service is a consumer group on all shards and gets every event at least once.
//! A reply goes directly to the node of the connection that emitted with a `ref`.
//!
//! Nodes run `emit.lua`, services run `answer.lua`; `append.lua` is prepended to scripts that write
//! to the inbox.

mod answer;
mod emission;
mod entry;
mod script;

pub use answer::{Answer, MAX_ANSWER_BYTES};
pub use emission::{Emission, PRESENCE_TYPES, RESERVED_PREFIX};
pub use entry::Entry;
pub use script::{Bounds, Emitted, Emitter, FinishResult, MAX_DEAD_LETTERS, ReplyError, answer, dead_letter, emit};
