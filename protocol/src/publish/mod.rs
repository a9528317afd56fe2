//! Publishing: one event to one channel, appended to the log and announced in one step. The script does it in
//! Redis; the memory bus does the same by hand.

mod prepared;
mod retention;
mod script;

pub use prepared::{Prepared, Tracking};
pub use retention::{Retention, Retentions};
pub use script::{Accepted, Entry, PublishScript, ReplyError, ends, retained};
