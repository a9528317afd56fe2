//! The gateway, room by room. Which room a line belongs to, and which rooms may know each other, stands in
//! `docs/architecture.md`; a tidy test holds the code to it.

pub mod admin;
pub mod api;
pub mod auth;
pub mod bus;
pub mod cli;
pub mod config;
pub mod dev;
pub mod hub;
pub mod lifecycle;
pub mod problem;
pub mod server;
pub mod session;
pub mod telemetry;
pub mod transport;
pub mod webhook;
