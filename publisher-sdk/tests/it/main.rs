//! Tests of the publisher against a real Redis, which each test starts for itself, and a mock of
//! the server API.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod connect;
mod failover;
mod fallbacks;
mod follow;
mod http;
mod inbox;
mod outage;
mod publish;
mod replicated;
mod seen;
mod support;
mod tracked;
