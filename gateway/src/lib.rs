//! The gateway, room by room. Which room a line belongs to, and which rooms may know each other, stands in
//! `docs/architecture.md`; a tidy test holds the code to it.

pub mod auth;
pub mod config;
