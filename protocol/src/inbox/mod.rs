//! The inbox: what clients emit, on its way to the services.
//!
//! It is a Stream for each shard, and a user's shard is that of the user's id, so that what one user emits stays in its
//! order. Each service is a consumer group on all shards, which gets everything, at least once. The service's answer goes
//! straight to the node of the connection that has emitted with a `ref`, as a [`Reply`](crate::message::Reply).
//!
//! The scripts are `emit.lua`, for nodes, and `answer.lua`, for services; both begin where `append.lua` has to.

mod answer;
mod emission;
mod entry;
mod script;

pub use answer::{Answer, MAX_ANSWER_BYTES};
pub use emission::{Emission, MINE, PRESENCE};
pub use entry::Entry;
pub use script::{Bounds, Emitted, Emitter, MOST_DEAD, ReplyError, Told, answer, dead_letter, emit};
