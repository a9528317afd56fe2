//! The node's id. It is new at every start, so that connections of an earlier process belong to no
//! node.

use wirebell_protocol::NodeId;

/// Returns a random id.
pub(super) fn new() -> NodeId {
    NodeId::from_bits(fastrand::u64(..))
}
