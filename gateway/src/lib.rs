//! The gateway. `docs/architecture.md` says what each module owns and which others it may import; a
//! tidy test checks the imports.

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
