//! CloudEvents 1.0.2 at both doors: what a service publishes as one, and how a client is told, and tells, in them.
//! Reading ends in the same [`Event`](crate::Event) and [`ClientFrame`](crate::frame::client::ClientFrame) as the
//! plain forms do, so that limits and faults are the same.

mod client;
mod data;
mod encode;
mod event;
mod read;
mod uri;

pub use client::client_frame;
pub use encode::encode;
pub use read::CloudEvent;

/// The only version of the specification there is a reading of.
pub const SPEC_VERSION: &str = "1.0";
/// One event in JSON.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";
/// An array of events in JSON.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";
/// What the media type of every event format begins with.
pub const MEDIA_TYPE_BASE: &str = "application/cloudevents";
/// What the headers of an event in binary mode begin with.
pub const HEADER_PREFIX: &str = "ce-";
/// The subprotocol of a client that wants CloudEvents in JSON.
pub const SUBPROTOCOL: &str = "cloudevents.json";
/// What the names of our extension attributes begin with.
pub const PREFIX: &str = "wirebell";
/// The `source` of what a node says of its own accord, and of events whose publisher named none.
pub const OWN_SOURCE: &str = "wirebell";

/// Our attributes of an event: as a plain event has them, and as a CloudEvent does, whose names are letters and
/// digits only.
const EXTENSIONS: [(&str, &str); 8] = [
    ("to", "wirebellto"),
    ("class", "wirebellclass"),
    ("key", "wirebellkey"),
    ("ttl", "wirebellttl"),
    ("deliver_at", "wirebelldeliverat"),
    ("receipt", "wirebellreceipt"),
    ("deadline", "wirebelldeadline"),
    ("durability", "wirebelldurability"),
];
