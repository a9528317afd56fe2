//! Explains an event's delivery to people: a timeline, and one verdict per channel that says why
//! the event reached its user or did not.
//!
//! [`facts`] gathers what the bus knows: delivery record, log position, publish result and
//! connection log. Everything else is a pure function of these facts. It decides nothing; it only
//! describes.

mod facts;
mod reason;
#[cfg(test)]
mod tests;
mod timeline;
mod verdict;

use time::OffsetDateTime;
use wirebell_protocol::event::rfc3339;

pub(super) use facts::{Facts, gather};
pub(super) use timeline::{Moment, timeline};
pub(super) use verdict::{Verdict, verdict};

/// Formats milliseconds since the Unix epoch as RFC 3339.
fn timestamp(millis: u64) -> String {
    let nanos = i128::from(millis) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).map_or_else(|_| format!("{millis} ms"), rfc3339)
}

/// Describes a connection with its device and node.
fn describe_connection(connection: &str, device: Option<&str>) -> String {
    let node = connection.split('.').next().unwrap_or_default();
    match device {
        Some(device) => format!("connection {connection} of the device `{device}` on node {node}"),
        None => format!("connection {connection} on node {node}"),
    }
}
