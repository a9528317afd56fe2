//! A node's name for itself, new at every start: connections of an earlier life are nobody's now.

use wirebell_protocol::NodeId;

/// A new one.
pub(super) fn new() -> NodeId {
    NodeId::from_bits(fastrand::u64(..))
}
