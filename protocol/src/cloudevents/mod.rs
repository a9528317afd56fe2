//! CloudEvents 1.0.2 for the server API and the client API.
//!
//! Input: a CloudEvent from a service or a client, or a frame from a node. Output: the same
//! [`Event`](crate::Event) and [`ClientFrame`](crate::frame::client::ClientFrame) as from plain
//! JSON, or a CloudEvent. Limits and errors are therefore the same. The module does not know HTTP.

mod client;
mod data;
mod encode;
mod event;
mod read;
mod uri;

pub use client::client_frame;
pub use encode::encode;
pub use read::CloudEvent;

/// The supported version of the specification.
pub const SPEC_VERSION: &str = "1.0";
/// Media type of one event in JSON.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";
/// Media type of an array of events in JSON.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";
/// Prefix of the media types of all event formats.
pub const MEDIA_TYPE_BASE: &str = "application/cloudevents";
/// Prefix of the HTTP headers in binary mode.
pub const HEADER_PREFIX: &str = "ce-";
/// WebSocket subprotocol of a client that uses CloudEvents in JSON.
pub const SUBPROTOCOL: &str = "cloudevents.json";
/// Prefix of Wirebell's extension attributes.
pub const PREFIX: &str = "wirebell";
/// The `source` of a node's own frames, and of events without a source.
pub const OWN_SOURCE: &str = "wirebell";

/// Wirebell's attributes: the name in a plain event, and the name in a CloudEvent. CloudEvents
/// allows only letters and digits.
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
