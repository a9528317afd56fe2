//! The harness of the whole-system tests: real nodes on port 0, a real Redis of their own, real clients.
//!
//! A test drives a node from outside only, as clients, services and operators do: through its two doors, its
//! configuration, its signals and its log. Nothing here links the gateway.
//!
//! | module | holds |
//! | --- | --- |
//! | [`redis`], [`node`], [`log`] | the servers, each stopped when its value is dropped |
//! | [`token`], [`keys`] | an issuer of good tokens and of broken ones |
//! | [`client`], [`raw`] | a client as it should be, and one that may send any bytes |
//! | [`deaf_proxy`] | what stands between a node and its Redis, and swallows messages or cuts the line |
//! | [`http`] | the services' door |
//! | [`collector`] | an OTLP collector that keeps the spans it gets |
//! | [`memory`] | what a process takes |
//! | [`audit`] | who got which event: rules over records, and the runs that make the records |
//! | [`chaos`] | the same while everything goes wrong |
//! | [`proxy`] | a link that can be cut, stalled and slowed |
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

/// How long a test waits for what must come. It is no claim about speed: the machine may be slow.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// How long a test listens for what must not come.
pub const SILENCE: Duration = Duration::from_millis(500);

/// Waits until `ready` says so, and tells in vain what it waited for.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut ready: impl FnMut() -> F) {
    let asked = async {
        while !ready().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(TIMEOUT, asked).await.is_ok(), "waited in vain: {what}");
}

/// Is the full size asked for, which takes some minutes and nearly all file descriptors?
pub fn full_size() -> bool {
    std::env::var("WIREBELL_TEST_FULL").is_ok_and(|value| value == "1")
}
