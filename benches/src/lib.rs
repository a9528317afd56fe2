//! The load generator: systems to measure ([`peer`]), thousands of clients ([`load_clients`]), a
//! publisher ([`mod@publish`]), delivery counts for every event, and the scenarios behind the rows
//! of docs/benchmarks.md.

pub mod account;
pub mod awake;
pub mod failure;
pub mod frame;
pub mod http;
pub mod latency;
pub mod load_clients;
pub mod mark;
pub mod pace;
pub mod peer;
pub mod peers;
pub mod process;
pub mod publish;
pub mod report;
pub mod rows;
pub mod run;
pub mod scenario;
pub mod token;
pub mod usage;
pub mod windows;
