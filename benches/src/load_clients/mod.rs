//! Clients in thousands. They live in processes of their own, so that their descriptors, their CPU and their moments do
//! not mix with the publisher's: [`LoadClients`] is the side that gives orders, [`serve`] the one that carries them out.

mod client;
mod connect;
mod handle;
mod messages;
mod process;

pub use handle::{EventCounter, LoadClients};
pub use messages::{ConnectStats, ClientStats, Sent};
pub use process::serve;
