//! The harness of the whole-system tests: real nodes on port 0, a real Redis for each test, and
//! real clients.
//!
//! A test controls a node only from outside, as clients, services and operators do: through its
//! client API and server API, its configuration, its signals and its log. Nothing here links the
//! gateway.
//!
//! | module | holds |
//! | --- | --- |
//! | [`redis`], [`node`], [`log`] | the servers, each stopped when its value is dropped |
//! | [`token`], [`keys`] | an issuer of valid tokens, and invalid tokens |
//! | [`client`], [`raw`] | a well-behaved client, and one that may send any bytes |
//! | [`deaf_proxy`] | a proxy between a node and Redis that drops messages or cuts connections |
//! | [`server_api`] | a client of the server API |
//! | [`collector`] | an OTLP collector that keeps its spans |
//! | [`memory`] | the memory of a process |
//! | [`audit`] | who received which event: rules over records, and the runs that record |
//! | [`chaos`] | the same under faults |
//! | [`proxy`] | a TCP proxy that can be cut, stalled and slowed |
//! | [`tidy`] | rules over source text |

pub mod audit;
pub mod chaos;
pub mod client;
pub mod collector;
pub mod deaf_proxy;
pub mod keys;
pub mod log;
pub mod memory;
pub mod node;
pub mod proxy;
pub mod raw;
pub mod redis;
pub mod server_api;
pub mod tidy;
pub mod token;

use std::time::Duration;

/// How long a test waits for something that must happen. It says nothing about speed: the machine
/// may be slow.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// How long a test waits for something that must not happen.
pub const SILENCE: Duration = Duration::from_millis(500);

/// Waits until `ready` returns true. Panics with `what` after [`TIMEOUT`].
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut ready: impl FnMut() -> F) {
    let poll = async {
        while !ready().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(TIMEOUT, poll).await.is_ok(), "timed out after {TIMEOUT:?} waiting until {what}");
}

/// Returns whether the full size is requested. It takes some minutes and nearly all file
/// descriptors.
pub fn full_size() -> bool {
    std::env::var("WIREBELL_TEST_FULL").is_ok_and(|value| value == "1")
}
