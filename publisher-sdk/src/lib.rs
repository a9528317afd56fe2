//! Publishes events to Wirebell from Rust: to one user, to a topic or to all clients, on whichever
//! node they are connected.
//!
//! ```no_run
//! use wirebell_publisher::{Event, Publisher};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let publisher = Publisher::connect("redis://127.0.0.1:6379").await?;
//! let event = Event::from_json("user:42", "payment-status", r#"{"status":"paid"}"#)?;
//! let published = publisher.publish(event).await?;
//! println!("{} reached {} nodes", published.id, published.nodes());
//! # Ok(())
//! # }
//! ```
//!
//! The URL's scheme selects the transport. `redis://` and `rediss://` (with TLS) write directly to
//! Redis; `http://` and `https://` call the server API of a node.
//! `redis-cluster://host:port?node=host:port` is a Redis Cluster, discovered through any of its
//! servers. `redis-sentinel://host:port?sentinelServiceName=name&node=host:port` is the primary
//! that the sentinels name. `valkey` may replace `redis` in each scheme.
//!
//! # Three ways to publish
//!
//! | call | returns | for |
//! | --- | --- | --- |
//! | [`Publisher::publish`] | once the bus has the event | events whose result the caller needs |
//! | [`Publisher::publish_all`] | once the bus has all events | many events at a time |
//! | [`Publisher::enqueue`] | at once, without waiting | callers that must not wait for the bus |
//!
//! ```no_run
//! use std::time::Duration;
//! use wirebell_publisher::{Enqueued, Event, Flushed, Publisher};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let publisher = Publisher::builder("https://wirebell.internal:9090").service_key("s3cret").connect().await?;
//! let event = Event::new("user:42", "payment-status", &["paid"])?.id("order-7-paid")?;
//! if let Enqueued::Full(event) = publisher.enqueue(event) {
//!     eprintln!("the bus is unavailable for too long: {:?} is not sent", event.event_id());
//! }
//! // Before the process ends:
//! assert_eq!(publisher.close(Duration::from_secs(5)).await, Flushed::Done);
//! # Ok(())
//! # }
//! ```
//!
//! # Idempotency
//!
//! An event without an id and a time gets both before the first attempt, so every retry sends the
//! same event. The bus remembers an id for `seen` ([`Retention::seen_millis`], five minutes). It
//! answers the same id on the same channel as it did the first time. To keep an event the same
//! across restarts of your service, give it your own id, such as the order's. An event is published
//! twice in two cases. Redis accepted it, lost the connection before it answered, and stayed away
//! for more than `seen`. Or Redis lost it in a crash: run Redis with `appendonly yes`.
//!
//! # Order
//!
//! Events of one channel are logged in the order of one `publish_all` call, and in the order of
//! `enqueue`. Concurrent calls of [`Publisher::publish`] have no order among each other, and
//! neither have `publish` and `enqueue`.
//!
//! # Delivery status
//!
//! | call | returns |
//! | --- | --- |
//! | [`Published::acknowledged`] | the device that acknowledged the event, or why there is none |
//! | [`Publisher::receipts`] | the connections it was written to, and the devices that acknowledged it |
//! | [`Publisher::follow`] | the delivery updates of all events, as one stream |
//! | [`Fallbacks`] | events that no device acknowledged by their [`deadline`](Event::deadline) |
//! | [`Publisher::cancel`] | cancels an event before its [`deliver_at`](Event::deliver_at) |
//!
//! [`Inbox`] is the opposite direction: events that clients emit, and the replies to them.
//!
//! Untracked events cost one script call. Tracked and scheduled events cost a second round trip,
//! since their timer is set before they are published.
//!
//! # When the bus is unavailable
//!
//! `connect` succeeds, `enqueue` works, and `publish` retries until its timeout and then fails with
//! [`PublishError::Unavailable`]. See [`Builder::connect`].

mod acknowledged;
mod buffer;
mod builder;
mod cancelled;
mod counters;
mod delivery;
mod enqueued;
mod error;
mod failure;
mod fallbacks;
mod http;
mod inbox;
mod options;
mod pending;
mod pipeline;
mod published;
mod publisher;
mod pump;
mod receipts;
mod redis;
mod redis_error;
mod response;
mod retry;
mod stamp;
mod tls;
mod transport;
mod worker;

pub use acknowledged::{AckError, Acknowledgement};
pub use builder::Builder;
pub use cancelled::Cancelled;
pub use counters::Counters;
pub use enqueued::{Enqueued, Flushed};
pub use error::{ConnectError, PublishError, Refusal};
pub use fallbacks::{Claim, Fallback, Fallbacks, FallbacksBuilder};
pub use inbox::{Inbox, InboxBuilder, InboxClaim, InboxEvent};
pub use published::Published;
pub use publisher::Publisher;
pub use receipts::{DeliveryUpdate, Follow, Receipts};
pub use wirebell_protocol::publish::Retention;
pub use wirebell_protocol::tracking::{Acknowledged, ConnectionState, ConnectionStatus, Receipt, State};
pub use wirebell_protocol::{
    Channel, ChannelError, ChannelResult, Class, ConnectionId, Cursor, Durability, ErrorCode, Event, EventError,
    Keys, PublishResult,
};
pub use worker::{Backlog, WorkerBuilder, WorkerCounters};

// Earlier names, so that existing publishers compile.
pub use receipts::Told;
pub use wirebell_protocol::tracking::{ConnectionState as What, ConnectionStatus as Noted};
pub use wirebell_protocol::{ChannelResult as Reached, ErrorCode as Fault, PublishResult as Outcome};
