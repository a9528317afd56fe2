//! The load generator: systems to measure ([`peer`]), clients in thousands, a publisher, an account of every event, and
//! the scenarios that are the rows of docs/benchmarks.md.

pub mod failure;
pub mod frame;
pub mod http;
pub mod mark;
pub mod pace;
pub mod peer;
pub mod peers;
pub mod process;
pub mod token;
