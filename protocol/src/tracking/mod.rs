//! Tracking: what became of an event that its publisher wants to know about, that has a deadline, or that is to be
//! published later.
//!
//! Such an event has a *record* on each of its channels, in the channel's slot, and a *timer* in one of a few shards.
//! The record is the truth; the timer is an alarm, set before the event is published, so that no event is ever without
//! its alarm. Whoever finds a timer that has gone off asks the record what is due, and finishes with the timer: telling
//! what has become of the event and forgetting the timer are one step, so that it is told once.

mod receipt;
mod script;
mod timer;

pub use receipt::{Acknowledged, Noted, Receipt, State, What};
pub use script::{MOST_ACKNOWLEDGED, acknowledge, alarm, cancel, claim, finish, note, publish, register, remember};
pub use timer::{Alarm, Timer};
