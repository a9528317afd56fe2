//! How much of everything one session may have.

use std::time::Duration;

/// The limits of a session.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sessions of this node.
    pub connections: usize,
    /// Channels that a client may subscribe to.
    pub subscriptions: usize,
    /// Time for the first token.
    pub auth_timeout: Duration,
    /// Time in which a client must have taken some of what is written to it.
    pub write_timeout: Duration,
    /// Time between pings.
    pub heartbeat: Duration,
    /// How far clocks may differ where a token's expiry is checked.
    pub leeway: Duration,
    /// How long before its expiry a token is asked for anew.
    pub expiring_notice: Duration,
    /// Events that a client may emit a second.
    pub emit_rate: u64,
    /// Events that a client may emit at once.
    pub emit_burst: u64,
    /// Bytes of the `data` of one of them.
    pub emit_bytes: usize,
}

/// Frames in a row that were not understood, until a client is sent away.
pub const MAX_INVALID_FRAMES: u8 = 20;
/// How long a client waits for the bus to confirm a subscription, until it is asked to come back later.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the frames to a client's request may wait for the welcome.
pub const EARLY_FLUSH_DELAY: Duration = Duration::from_millis(500);
