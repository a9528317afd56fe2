//! Publishing: appending one event to one channel's log and announcing it, in one step.
//!
//! Input: a stamped [`Event`](crate::Event) and its [`Retention`]. Output: the keys and arguments
//! of the publish script, and its parsed reply. The memory bus does the same in Rust. The module
//! does not know how the call is sent.

mod prepared;
mod retention;
mod script;

pub use prepared::{Prepared, Tracking};
pub use retention::{Retention, Retentions};
pub use script::{Accepted, Entry, PublishScript, ReplyError, ends, retained};
