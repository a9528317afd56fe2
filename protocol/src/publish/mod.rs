//! Publishing: one event to one channel, appended to the log and announced in one step. The script does it in
//! Redis; the memory bus does the same by hand.

mod prepared;
mod script;

pub use prepared::Prepared;
pub use script::{Accepted, Entry, PublishScript, ReplyError, Retention};
