//! The publisher against what it talks to: a real Redis, which each test starts for itself, and a services' door.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod connect;
mod fallbacks;
mod follow;
mod http;
mod inbox;
mod moves;
mod outage;
mod publish;
mod replicated;
mod seen;
mod support;
mod tracked;
