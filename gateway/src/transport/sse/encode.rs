//! Encodes frames as Server-Sent Events: `event` is the frame's type, `data` the frame, `id` the
//! client's position after it.

use std::borrow::Cow;
use std::io::Write;

use serde::Deserialize;
use wirebell_protocol::Cursor;

use super::position::Position;

/// A comment, which keeps the connection from looking dead.
pub(super) const HEARTBEAT: &[u8] = b":\n\n";
/// Reconnect delay, in milliseconds, after `wirebell.reconnect`. The stream ends when the client
/// shall reconnect, so nothing more has to be waited for.
const RECONNECT_MILLIS: u32 = 100;

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cursor: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r#ref: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    data: Subscribed<'a>,
}

/// The data of a reply to a subscription.
#[derive(Deserialize)]
struct Subscribed<'a> {
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow)]
    cursor: Cow<'a, str>,
}

/// Appends a frame as an event, and advances the position to the frame's cursor.
pub(super) fn write(frame: &[u8], position: &mut Position, into: &mut Vec<u8>) {
    // A publisher or this node encoded the frame, so it is an object with a type.
    let Ok(head) = serde_json::from_slice::<Frame<'_>>(frame) else { return };
    let _ = writeln!(into, "event: {}", one_line(&head.r#type));
    if head.r#type == "wirebell.reconnect" {
        let _ = writeln!(into, "retry: {RECONNECT_MILLIS}");
    }
    if let Some((channel, cursor)) = progress(&head, frame)
        && position.advance(&channel, cursor)
    {
        let _ = writeln!(into, "id: {position}");
    }
    for line in lines(frame) {
        into.extend_from_slice(b"data: ");
        into.extend_from_slice(line);
        into.push(b'\n');
    }
    into.push(b'\n');
}

/// Appends the reconnect delay in seconds, for when the stream breaks or ends.
pub(super) fn retry(after: f64, into: &mut Vec<u8>) {
    let _ = write!(into, "retry: {:.0}\n\n", after * 1_000.0);
}

/// Returns the channel and cursor that the client has reached with this frame.
fn progress<'a>(head: &Frame<'a>, frame: &'a [u8]) -> Option<(Cow<'a, str>, Cursor)> {
    match &*head.r#type {
        "wirebell.welcome" => {
            Some((format!("user:{}", head.user.as_deref()?).into(), head.cursor.as_deref()?.parse().ok()?))
        }
        // The reply to a topic of the request itself. Any other reply has a `ref`, and its data is
        // arbitrary.
        "wirebell.reply" if head.r#ref.is_none() => {
            let subscribed = serde_json::from_slice::<Reply<'_>>(frame).ok()?.data;
            Some((subscribed.channel, subscribed.cursor.parse().ok()?))
        }
        own if own.starts_with("wirebell.") => None,
        _ => Some((head.channel.clone()?, head.cursor.as_deref()?.parse().ok()?)),
    }
}

/// Returns the lines of a frame. Published data may contain line breaks, which mean nothing in
/// JSON.
fn lines(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    frame.split(|byte| matches!(byte, b'\n' | b'\r'))
}

fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wirebell_protocol::Channel;

    fn written(frames: &[&str], topics: &[&str]) -> String {
        let mut position = Position::new(topics.iter().map(|topic| Channel::topic(topic).unwrap()));
        let mut bytes = Vec::new();
        for frame in frames {
            write(frame.as_bytes(), &mut position, &mut bytes);
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn event_has_its_type_its_cursor_and_its_frame() {
        let frame = r#"{"type":"paid","id":"1","channel":"user:42","cursor":"7-0","data":{"a":1}}"#;
        assert_eq!(written(&[frame], &[]), format!("event: paid\nid: 7-0\ndata: {frame}\n\n"));
    }

    #[test]
    fn event_without_a_cursor_has_no_id() {
        let frame = r#"{"type":"typing","id":"1","channel":"user:42","data":1}"#;
        assert_eq!(written(&[frame], &[]), format!("event: typing\ndata: {frame}\n\n"));
    }

    #[test]
    fn line_breaks_do_not_inject_fields() {
        let frame = "{\"type\":\"a\\nid: 9-9\",\"data\":{\r\n}}";
        assert_eq!(
            written(&[frame], &[]),
            "event: a id: 9-9\ndata: {\"type\":\"a\\nid: 9-9\",\"data\":{\ndata: \ndata: }}\n\n"
        );
    }

    #[test]
    fn welcome_and_topic_reply_set_the_first_position() {
        let welcome = r#"{"type":"wirebell.welcome","user":"42","cursor":"5-0"}"#;
        let reply = r#"{"type":"wirebell.reply","data":{"channel":"topic:news","cursor":"6-0"}}"#;
        let other = r#"{"type":"wirebell.reply","ref":"r","data":{"channel":"topic:news","cursor":"9-0"}}"#;
        let text = written(&[welcome, reply, other], &["news"]);
        let ids: Vec<_> = text.lines().filter(|line| line.starts_with("id:")).collect();
        assert_eq!(ids, ["id: 5-0", "id: 5-0 topic:news=6-0"]);
    }
}
