//! Tracking: the delivery status of events with a `receipt`, a `deadline` or a `deliver_at`.
//!
//! Input: prepared events, acknowledgements and connection statuses. Output: script calls,
//! receipts, and entries of the receipts and fallback streams. The module does not know who runs
//! the calls.
//!
//! Such an event has a *delivery record* on each of its channels, in the channel's slot, and a
//! *timer* in one of a few shards. The record is authoritative; the timer is only an alarm. It is
//! set before the event is published, so every record has a timer. The node that finds an expired
//! timer does what the record says is due, and finishes the timer. Writing the result and removing
//! the timer is one step, so each result is written once.

mod receipt;
mod script;
mod timer;

pub use receipt::{Acknowledged, ConnectionState, ConnectionStatus, Receipt, State};
pub use script::{
    MAX_ACKNOWLEDGED, acknowledge, alarm, append_connection_log, cancel, claim, finish, note, publish, register,
};
pub use timer::{Alarm, Timer};
