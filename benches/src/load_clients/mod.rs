//! Thousands of clients. They run in processes of their own: their descriptors, CPU and timing do
//! not mix with the publisher's. [`LoadClients`] is the handle on these processes; [`serve`] is the
//! main loop within one.
//!
//! Requests and responses are lines of JSON over the process' pipes. A client counts what it
//! receives and never publishes.

mod client;
mod connect;
mod handle;
mod messages;
mod process;

pub use handle::{EventCounter, LoadClients};
pub use messages::{ClientStats, ConnectStats, Sent};
pub use process::serve;
