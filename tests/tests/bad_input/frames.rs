//! Invalid frames from clients: invalid content, and violations of the WebSocket protocol.

use tokio_tungstenite::tungstenite::Message;
use wirebell_tests::raw::{header, masked, unmasked};
use wirebell_tests::token::Issuer;

use crate::row::{Input, PAYLOAD, Row};

/// More than the frame limit of the nodes under test.
const TOO_MUCH: usize = 3000;

/// Returns the rows.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = content();
    rows.extend(on_the_wire());
    rows
}

fn content() -> Vec<Row> {
    let renewal = |token: String| format!(r#"{{"type":"wirebell.auth","token":"{token}","ref":"1"}}"#);
    let other = Issuer::default().token("somebody-else");
    let topics: Vec<String> = (0..4).map(|n| subscribe(&format!("topic:t{n}"))).collect();
    vec![
        text("not JSON", PAYLOAD, "bad_frame open"),
        text("a JSON array", r#"["wirebell.ping"]"#, "bad_frame open"),
        text("half an object", r#"{"type":"wirebell.ping""#, "bad_frame open"),
        text("no type", &format!(r#"{{"data":"{PAYLOAD}"}}"#), "bad_frame open"),
        text("type as a number", r#"{"type":7}"#, "bad_frame open"),
        text("deeply nested", &"[".repeat(1500), "bad_frame open"),
        text("ref as a number", r#"{"type":"wirebell.ping","ref":7}"#, "bad_frame open"),
        text("empty", "", "bad_frame open"),
        text("a type that only nodes send", r#"{"type":"wirebell.welcome"}"#, "reserved_type open"),
        text("an unknown reserved type", r#"{"type":"wirebell.x"}"#, "reserved_type open"),
        text(
            "an event that is not permitted",
            &format!(r#"{{"type":"buy","data":"{PAYLOAD}"}}"#),
            "not_allowed open",
        ),
        text("an event with an empty type", r#"{"type":"","data":1}"#, "invalid_event open"),
        text(
            "an event with a type that only nodes send",
            r#"{"type":"user.online","data":1}"#,
            "reserved_type open",
        ),
        text("an event with a line's end in its type", r#"{"type":"t\n"}"#, "invalid_event open"),
        text(
            "an event with a type of 300 bytes",
            &format!(r#"{{"type":"{}"}}"#, "t".repeat(300)),
            "invalid_event open",
        ),
        text("an event with an id as a number", r#"{"type":"t","id":7}"#, "invalid_event open"),
        text("an event with an empty id", r#"{"type":"t","id":""}"#, "invalid_event open"),
        text("an event with an invalid traceparent", r#"{"type":"t","traceparent":"00-1"}"#, "invalid_event open"),
        text("an event with its data twice", r#"{"type":"t","data":1,"data":2}"#, "bad_frame open"),
        text(
            "an event with too much data",
            &format!(r#"{{"type":"t","data":"{}"}}"#, "x".repeat(1_200)),
            "data_too_large open",
        ),
        text(
            "an event that no service reads",
            &format!(r#"{{"type":"t","data":"{PAYLOAD}","ref":"1"}}"#),
            "no_service open",
        ),
        many("events too fast", &vec![r#"{"type":"t"}"#.to_owned(); 200], "rate_limited open"),
        text("an acknowledgement without a cursor", &ack("user:frames", "null"), "bad_cursor open"),
        text("an acknowledgement of an invalid cursor", &ack("user:frames", r#""five""#), "bad_cursor open"),
        text("an acknowledgement on an invalid channel", &ack("42", r#""1-0""#), "bad_channel open"),
        text("an acknowledgement for another user", &ack("user:1", r#""1-0""#), "bad_channel open"),
        text("an acknowledgement of a future cursor", &ack("user:frames", r#""99999999999999-0""#), "open"),
        text("a channel of an unknown kind", &subscribe("news"), "bad_channel open"),
        text("an empty channel", &subscribe("topic:"), "bad_channel open"),
        text("no channel", r#"{"type":"wirebell.subscribe"}"#, "bad_channel open"),
        text("a topic that is not permitted", &subscribe("topic:news"), "not_allowed open"),
        text("another user's channel", &subscribe("user:1"), "not_allowed open | bad_channel open"),
        text("another connection's channel", &subscribe("conn:abcdefgh.1"), "not_allowed open | bad_channel open"),
        text("renewal without a token", r#"{"type":"wirebell.auth"}"#, "token_missing open"),
        text("renewal by garbage", &renewal("garbage".to_owned()), "token_malformed"),
        text("renewal by another key", &renewal(Issuer::with_secret("x").token("frames")), "token_signature"),
        text("renewal for another user", &renewal(other), "user_mismatch"),
        text("too large", &format!(r#"{{"type":"{}"}}"#, "x".repeat(TOO_MUCH)), "frame_too_large 4413 | 4413"),
        Row::new("binary", Input::Frames(vec![Message::binary(PAYLOAD)]), "binary_frame open"),
        many(
            "twenty errors in a row",
            &vec!["{}".to_owned(); 20],
            "bad_frame too_many_faults 1008 | bad_frame 1008",
        ),
        many("nineteen errors in a row", &vec!["{}".to_owned(); 19], "bad_frame open"),
        many("one topic too many", &topics, "too_many_subscriptions open"),
    ]
}

fn on_the_wire() -> Vec<Row> {
    const PROTOCOL: &str = "closed 1002 | dropped";
    const LARGE: &str = "closed 4413 | closed 1009 | dropped";
    let endless: Vec<u8> = std::iter::once(masked(0x01, &[b'x'; 100]))
        .chain((0..TOO_MUCH / 100).map(|_| masked(0x00, &[b'x'; 100])))
        .flatten()
        .collect();
    vec![
        bytes("not masked", unmasked(0x81, br#"{"type":"wirebell.ping"}"#), PROTOCOL),
        bytes("a reserved bit", masked(0xc1, b"{}"), PROTOCOL),
        bytes("all reserved bits", masked(0xf1, b"{}"), PROTOCOL),
        bytes("an unknown opcode", masked(0x83, b"{}"), PROTOCOL),
        bytes("a ping of 126 bytes", masked(0x89, &[0; 126]), PROTOCOL),
        bytes("a fragmented ping", masked(0x09, b"x"), PROTOCOL),
        bytes("a continuation without a start", masked(0x80, b"x"), PROTOCOL),
        bytes("a text within a text", [masked(0x01, b"{"), masked(0x81, b"}")].concat(), PROTOCOL),
        bytes("a length of 2^63", announced_length(1 << 63), "closed 1002 | closed 4413 | closed 1009 | dropped"),
        bytes("a length of four gigabytes", announced_length(1 << 32), LARGE),
        bytes("continuations without end", endless, LARGE),
        bytes("a text that is not UTF-8", masked(0x81, &[0xff, 0xfe]), "closed 1007"),
        bytes("a close of one byte", masked(0x88, b"x"), PROTOCOL),
        bytes(
            "a close with an unknown code",
            masked(0x88, &999u16.to_be_bytes()),
            "closed 1002 | closed 999 | dropped",
        ),
        bytes("HTTP where frames should be", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), PROTOCOL),
    ]
}

/// Returns a frame that announces this many bytes and does not contain them.
fn announced_length(bytes: u64) -> Vec<u8> {
    let mut frame = header(0x81, 0x80, bytes);
    frame.extend_from_slice(&[0; 4]);
    frame
}

fn subscribe(channel: &str) -> String {
    format!(r#"{{"type":"wirebell.subscribe","channel":"{channel}","ref":"1"}}"#)
}

fn ack(channel: &str, cursor: &str) -> String {
    format!(r#"{{"type":"wirebell.ack","channel":"{channel}","cursor":{cursor}}}"#)
}

fn text(name: &str, frame: &str, expected: &str) -> Row {
    Row::new(name, Input::Frames(vec![Message::text(frame)]), expected)
}

fn many(name: &str, frames: &[String], expected: &str) -> Row {
    Row::new(name, Input::Frames(frames.iter().map(Message::text).collect()), expected)
}

fn bytes(name: &str, bytes: Vec<u8>, expected: &str) -> Row {
    Row::new(name, Input::Bytes(bytes), expected)
}
