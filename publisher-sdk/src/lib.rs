//! Publish events to Wirebell from Rust: to one user, a topic or everybody, whichever node they are connected to.
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
//! The URL's scheme picks the way: `redis://` and `rediss://` (with TLS) go straight into Redis, `http://` and
//! `https://` to the services' door of a node. `redis-cluster://host:port?node=host:port` is a Cluster, found through any
//! of its servers; `redis-sentinel://host:port?sentinelServiceName=name&node=host:port` the primary that sentinels name.
//! `valkey` in place of `redis` means the same.
//!
//! # Three ways to publish
//!
//! | call | returns | for |
//! | --- | --- | --- |
//! | [`Publisher::publish`] | once the bus has the event | what the caller wants to know about |
//! | [`Publisher::publish_all`] | once the bus has them all | many at a time |
//! | [`Publisher::enqueue`] | at once, without waiting | a request that must not fail because of a notification |
//!
//! ```no_run
//! use std::time::Duration;
//! use wirebell_publisher::{Enqueued, Event, Flushed, Publisher};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let publisher = Publisher::builder("https://wirebell.internal:9090").service_key("s3cret").connect().await?;
//! let event = Event::new("user:42", "payment-status", &["paid"])?.id("order-7-paid")?;
//! if let Enqueued::Full(event) = publisher.enqueue(event) {
//!     eprintln!("the bus has been away for too long: {:?} is not sent", event.event_id());
//! }
//! // Before the process ends:
//! assert_eq!(publisher.close(Duration::from_secs(5)).await, Flushed::Done);
//! # Ok(())
//! # }
//! ```
//!
//! # Once, however often it is tried
//!
//! An event without an id and a time gets both before the first try, so every further try is the same event. The bus
//! remembers an id for `seen` ([`Retention::seen_millis`], five minutes) and answers the same id on the same channel
//! as it did the first time. To make an event the same across restarts of your service, give it an id of your own,
//! such as that of the order. What is tried again after more than `seen`, because Redis took the event, broke the
//! connection before it answered, and stayed away for so long, is published twice. So is, for the same reason, what
//! Redis itself forgot in a crash: run it with `appendonly yes`.
//!
//! # Order
//!
//! Events of one channel are logged in the order of one `publish_all`, and in the order of `enqueue`. Between two
//! calls of [`Publisher::publish`] that run at the same time, and between `publish` and `enqueue`, there is none.
//!
//! # What becomes of an event
//!
//! | call | tells |
//! | --- | --- |
//! | [`Published::acknowledged`] | which device has acknowledged the event, or why none has |
//! | [`Publisher::receipts`] | later, and everything: written to which connections, acknowledged by which devices |
//! | [`Publisher::follow`] | a stream of what becomes of all events, for a service that publishes thousands |
//! | [`Fallbacks`] | hands over what no device has acknowledged by its [`deadline`](Event::deadline) |
//! | [`Publisher::cancel`] | cancels what waits for its [`deliver_at`](Event::deliver_at) |
//!
//! [`Inbox`] is the other direction: what clients emit, and the answers to it.
//!
//! An event that asks for nothing of this costs nothing of it: one script, as before. One that does costs a second
//! round trip, since its timer is set before it is published.
//!
//! # When the bus is down
//!
//! `connect` succeeds, `enqueue` works, `publish` tries for its timeout and then fails with
//! [`PublishError::Unavailable`]. See [`Builder::connect`].

mod acknowledged;
mod answer;
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
mod pipeline;
mod published;
mod publisher;
mod pump;
mod redis;
mod redis_error;
mod retry;
mod stamp;
mod tls;
mod told;
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
pub use told::{Follow, Receipts, Told};
pub use wirebell_protocol::publish::Retention;
pub use wirebell_protocol::tracking::{Acknowledged, Noted, Receipt, State, What};
pub use wirebell_protocol::{
    Channel, ChannelError, Class, ConnectionId, Cursor, Durability, Event, EventError, Fault, Keys, Outcome,
    Reached,
};
pub use worker::{Backlog, WorkerBuilder, WorkerCounters};
