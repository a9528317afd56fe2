//! Frames that a session writes of its own.

use bytes::Bytes;
use serde_json::value::to_raw_value;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{Channel, ConnectionId, Cursor, Fault};

use super::Limits;
use crate::auth::Identity;

pub(super) fn welcome(
    connection: ConnectionId,
    identity: &Identity,
    limits: &Limits,
    (cursor, recovered): (Cursor, bool),
) -> Bytes {
    ServerFrame::Welcome {
        connection,
        user: identity.user(),
        device: identity.device.as_deref(),
        heartbeat: limits.heartbeat.as_secs().max(1),
        expires: identity.expires,
        recovered,
        cursor,
    }
    .encode()
}

pub(super) fn error(code: Fault, message: &str, reference: Option<&str>) -> Bytes {
    ServerFrame::Error { code, message, r#ref: reference }.encode()
}

pub(super) fn about_channel(channel: &Channel, reference: Option<&str>) -> Bytes {
    reply(&serde_json::json!({ "channel": channel.as_str() }), reference)
}

pub(super) fn renewed(expires: u64, reference: Option<&str>) -> Bytes {
    reply(&serde_json::json!({ "expires": expires }), reference)
}

pub(super) fn recovered(channels: &[(Channel, bool)], reference: Option<&str>) -> Bytes {
    let each = channels.iter().map(|(channel, recovered)| (channel.as_str().to_owned(), (*recovered).into()));
    let map: serde_json::Map<String, serde_json::Value> = each.collect();
    reply(&serde_json::json!({ "recovered": map }), reference)
}

/// An frames to a subscription: everything behind that cursor of the channel's log comes. `recovered` is said where it
/// is the client that has named one.
pub(super) fn subscribed(
    channel: &Channel,
    cursor: Cursor,
    recovered: Option<bool>,
    reference: Option<&str>,
) -> Bytes {
    let mut data = serde_json::json!({ "channel": channel.as_str(), "cursor": cursor.to_string() });
    if let Some(recovered) = recovered {
        data["recovered"] = recovered.into();
    }
    reply(&data, reference)
}

/// An acknowledgement was heard.
pub(super) fn acknowledged(channel: &Channel, cursor: Cursor, reference: Option<&str>) -> Bytes {
    reply(&serde_json::json!({ "channel": channel.as_str(), "cursor": cursor.to_string() }), reference)
}

fn reply(data: &serde_json::Value, reference: Option<&str>) -> Bytes {
    // A value can always be written.
    to_raw_value(data).map(|data| ServerFrame::Reply { r#ref: reference, data: &data }.encode()).unwrap_or_default()
}
