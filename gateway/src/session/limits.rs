//! Limits of one session.

use std::time::Duration;

/// The limits of a session.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of sessions on this node.
    pub connections: usize,
    /// Maximum number of channels that a client may subscribe to.
    pub subscriptions: usize,
    /// Time within which a client must send its token.
    pub auth_timeout: Duration,
    /// Time within which a client must accept at least some of the bytes written to it.
    pub write_timeout: Duration,
    /// Interval between pings.
    pub heartbeat: Duration,
    /// Tolerated clock difference when a token's expiry is checked.
    pub leeway: Duration,
    /// Time before a token's expiry at which the client is notified.
    pub expiring_notice: Duration,
    /// Events that a client may emit per second.
    pub emit_rate: u64,
    /// Events that a client may emit in one burst.
    pub emit_burst: u64,
    /// Maximum size of an emitted event's `data`, in bytes.
    pub emit_bytes: usize,
}

/// Invalid frames in a row after which the session is closed.
pub const MAX_INVALID_FRAMES: u8 = 20;
/// How long a client waits for the bus to confirm a subscription before it has to reconnect.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the handshake's response waits for the welcome before it is sent alone.
pub const EARLY_FLUSH_DELAY: Duration = Duration::from_millis(500);
