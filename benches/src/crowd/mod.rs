//! Clients in thousands. They live in processes of their own, so that their descriptors, their CPU and their moments do
//! not mix with the publisher's: [`Crowd`] is the side that gives orders, [`serve`] the one that carries them out.

mod client;
mod connect;
mod hand;
mod orders;
mod serve;

pub use hand::{Crowd, Events};
pub use orders::{Arrivals, Seen, Sent};
pub use serve::serve;
