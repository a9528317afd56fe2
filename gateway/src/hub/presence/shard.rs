//! The shard of a user's presence.

use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, Shard};

/// Returns the shard of a user's channel.
pub(in crate::hub) fn shard_of(user: &Channel) -> Shard {
    match user.kind() {
        Kind::User(id) => Shard::of(id),
        _ => Shard::of(user.as_str()),
    }
}
