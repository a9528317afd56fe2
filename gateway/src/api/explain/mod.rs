//! What became of an event, for people: a timeline, and for each of its channels a verdict that says why it did, or did
//! not, reach its user. What is known is gathered from the bus ([`facts`]); what follows from it is pure.

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

/// Milliseconds since the Unix epoch, for people.
fn timestamp(millis: u64) -> String {
    let nanos = i128::from(millis) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).map_or_else(|_| format!("{millis} ms"), rfc3339)
}

/// Who it was, with the node on which it was.
fn describe_connection(connection: &str, device: Option<&str>) -> String {
    let node = connection.split('.').next().unwrap_or_default();
    match device {
        Some(device) => format!("connection {connection} of the device `{device}` on node {node}"),
        None => format!("connection {connection} on node {node}"),
    }
}
