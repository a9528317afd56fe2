//! Encodes the frames that a session itself writes to its client.

use bytes::Bytes;
use serde_json::value::to_raw_value;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{Channel, ConnectionId, Cursor, ErrorCode};

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

pub(super) fn error(code: ErrorCode, message: &str, reference: Option<&str>) -> Bytes {
    ServerFrame::Error { code, message, r#ref: reference }.encode()
}

pub(super) fn unsubscribed(channel: &Channel, reference: Option<&str>) -> Bytes {
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

/// Replies to a subscription: the client gets everything after `cursor` of the channel's log.
/// `recovered` is set only if the client sent a cursor.
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

/// Confirms an acknowledgement.
pub(super) fn acknowledged(channel: &Channel, cursor: Cursor, reference: Option<&str>) -> Bytes {
    reply(&serde_json::json!({ "channel": channel.as_str(), "cursor": cursor.to_string() }), reference)
}

fn reply(data: &serde_json::Value, reference: Option<&str>) -> Bytes {
    // Encoding a JSON value cannot fail.
    to_raw_value(data).map(|data| ServerFrame::Reply { r#ref: reference, data: &data }.encode()).unwrap_or_default()
}
