//! Checks the crate against `vectors/`. Every implementation of the protocol is checked against them.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use wirebell_protocol::announcement::LogPosition;
use wirebell_protocol::frame::client::ClientFrame;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::inbox::Emission;
use wirebell_protocol::publish::{PublishScript, Retention};
use wirebell_protocol::{
    Announcement, Channel, ChannelError, Class, CloseCode, Cursor, ErrorCode, Event, Keys, Pattern, Prepared,
};

macro_rules! vectors {
    ($file:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../vectors/", $file))).unwrap()
    };
}

fn list(value: &Value) -> &[Value] {
    let list = value.as_array().unwrap();
    assert!(!list.is_empty());
    list
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn cursor(value: &Value) -> Option<Cursor> {
    value.as_str().map(|text| text.parse().unwrap())
}

#[test]
fn channel_names_are_parsed() {
    let vectors = vectors!("channels.json");
    for good in list(&vectors["good"]) {
        assert_eq!(Channel::parse(text(good)).unwrap().as_str(), text(good));
    }
    for bad in list(&vectors["bad"]) {
        let expected = match text(&bad["fault"]) {
            "kind" => ChannelError::Kind,
            "empty" => ChannelError::Empty,
            "character" => ChannelError::Character,
            "connection" => ChannelError::Connection,
            other => panic!("unknown fault {other}"),
        };
        assert_eq!(Channel::parse(text(&bad["text"])), Err(expected), "{bad}");
    }
}

#[test]
fn cursors_are_parsed_in_order() {
    let vectors = vectors!("cursors.json");
    let in_order: Vec<Cursor> = list(&vectors["in_order"]).iter().map(|c| cursor(c).unwrap()).collect();
    assert!(in_order.windows(2).all(|pair| pair[0] < pair[1]));
    for (written, read) in list(&vectors["in_order"]).iter().zip(in_order) {
        assert_eq!(read.to_string(), text(written));
    }
    for bad in list(&vectors["bad"]) {
        assert!(text(bad).parse::<Cursor>().is_err(), "{bad}");
    }
}

#[test]
fn patterns_match_topics() {
    for vector in list(&vectors!("patterns.json")) {
        let fits = Pattern::topic(text(&vector["pattern"])).matches(text(&vector["topic"]));
        assert_eq!(fits, vector["fits"].as_bool().unwrap(), "{vector}");
    }
}

fn prepared(vector: &Value, id: &str, time: &str) -> Vec<Prepared> {
    let mut event = Event::parse(text(&vector["event"]).as_bytes(), 1_000).unwrap();
    event.stamp(|| id.to_owned(), || time.to_owned());
    Prepared::all(&event)
}

#[test]
fn events_become_frames() {
    let vectors = vectors!("events.json");
    for good in list(&vectors["good"]) {
        let prepared = prepared(good, text(&good["id"]), text(&good["time"]));
        let frames: Vec<Bytes> = prepared.iter().map(|one| one.frame(cursor(&good["cursor"]))).collect();
        let expected: Vec<&str> = list(&good["frames"]).iter().map(text).collect();
        assert_eq!(frames, expected, "{}", good["name"]);
        for frame in frames {
            serde_json::from_slice::<Value>(&frame).unwrap();
        }
    }
    for bad in list(&vectors["bad"]) {
        let error = Event::parse(text(&bad["event"]).as_bytes(), 1_000).unwrap_err();
        assert_eq!((error.attribute, error.code.as_str()), (text(&bad["attribute"]), text(&bad["code"])), "{bad}");
    }
}

#[test]
fn announcements_are_encoded_and_decoded() {
    let vectors = vectors!("announcements.json");
    for good in list(&vectors["good"]) {
        let message = Bytes::from(text(&good["message"]).to_owned());
        let announcement = Announcement {
            channel: Channel::parse(text(&good["channel"])).unwrap(),
            class: Class::parse(text(&good["class"])).unwrap(),
            position: cursor(&good["cursor"])
                .map(|cursor| LogPosition { cursor, previous: self::cursor(&good["previous"]).unwrap() }),
            accepted_at: good["accepted_at"].as_u64().unwrap(),
            expires_at: good["expires_at"].as_u64(),
            tracked: good["watched"].as_str().map(Box::from),
            frame: Bytes::from(text(&good["frame"]).to_owned()),
        };
        assert_eq!(Announcement::decode(&message).unwrap(), announcement);
        assert_eq!(announcement.encode(), message);
    }
    for bad in list(&vectors["bad"]) {
        assert!(Announcement::decode(&Bytes::from(text(bad).to_owned())).is_err(), "{bad}");
    }
}

#[test]
fn publish_calls_and_replies() {
    let vectors = vectors!("publish.json");
    for call in list(&vectors["calls"]) {
        let prepared = prepared(call, "", "").remove(0);
        let keys = PublishScript::keys(&Keys::new(text(&call["prefix"])).unwrap(), &prepared);
        assert_eq!(json!(keys), call["keys"], "{}", call["name"]);
        assert_eq!(json!(PublishScript::arguments(&prepared, &Retention::default())), call["arguments"]);
    }
    for answer in list(&vectors["answers"]) {
        let accepted = PublishScript::reply(text(&answer["text"])).unwrap();
        assert_eq!(accepted.cursor, cursor(&answer["cursor"]));
        assert_eq!(json!([accepted.nodes, accepted.duplicate]), json!([answer["nodes"], answer["again"]]));
    }
    for bad in list(&vectors["bad_answers"]) {
        assert!(PublishScript::reply(text(bad)).is_err(), "{bad}");
    }
}

#[test]
fn client_frames_are_parsed() {
    let vectors = vectors!("client-frames.json");
    for good in list(&vectors["good"]) {
        let reference = good["ref"].as_str().map(str::to_owned);
        let channel = || Channel::parse(text(&good["channel"])).unwrap();
        let expected = match text(&good["asks"]) {
            "auth" => ClientFrame::Auth { token: text(&good["token"]).to_owned(), reference },
            "subscribe" => {
                ClientFrame::Subscribe { channel: channel(), cursor: cursor(&good["cursor"]), reference }
            }
            "resume" => {
                let pair = |(name, at): (&String, &Value)| (Channel::parse(name).unwrap(), cursor(at).unwrap());
                let cursors = good["cursors"].as_object().unwrap().iter().map(pair).collect();
                ClientFrame::Resume { cursors, reference }
            }
            "ack" => {
                let cursor = cursor(&good["cursor"]).unwrap();
                ClientFrame::Ack { channel: channel(), cursor, reference }
            }
            "unsubscribe" => ClientFrame::Unsubscribe { channel: channel(), reference },
            "emit" => ClientFrame::Emit(Box::new(Emission {
                kind: text(&good["type"]).to_owned(),
                data: text(&good["data"]).into(),
                id: good["id"].as_str().map(str::to_owned),
                traceparent: good["traceparent"].as_str().map(str::to_owned),
                reference,
            })),
            _ => ClientFrame::Ping { reference },
        };
        assert_eq!(ClientFrame::parse(text(&good["text"])), Ok(expected));
    }
    for bad in list(&vectors["bad"]) {
        let error = ClientFrame::parse(text(&bad["text"])).unwrap_err();
        let found = (error.code.as_str(), error.reference.as_deref());
        assert_eq!(found, (text(&bad["code"]), bad["ref"].as_str()), "{bad}");
    }
}

#[test]
fn server_frames_are_encoded() {
    let data = to_raw_value(&json!({ "channel": "topic:news" })).unwrap();
    let channel = Channel::user("42").unwrap();
    let welcome = |device| ServerFrame::Welcome {
        connection: "k3j9x2ma.1f".parse().unwrap(),
        user: "42",
        device,
        heartbeat: 25,
        expires: 1_763_720_000,
        recovered: true,
        cursor: "1763719200123-0".parse().unwrap(),
    };
    let error = |code, r#ref| ServerFrame::Error { code, message: "no", r#ref };
    let frames = [
        ("welcome", welcome(Some("phone"))),
        ("welcome_without_device", welcome(None)),
        ("reply", ServerFrame::Reply { r#ref: Some("7"), data: &data }),
        ("error", error(ErrorCode::NotAllowed, Some("7"))),
        ("error_without_ref", error(ErrorCode::BadFrame, None)),
        ("expiring", ServerFrame::Expiring { expires: 1_763_720_000 }),
        ("reconnect", ServerFrame::Reconnect { after: 1.7, reason: "drain" }),
        ("close", ServerFrame::Close { code: CloseCode::Token, reason: "the token has expired" }),
        ("pong", ServerFrame::Pong { r#ref: Some("9") }),
        ("gap", ServerFrame::Gap { channel: &channel }),
    ];
    let vectors = vectors!("server-frames.json");
    assert_eq!(vectors.as_object().unwrap().len(), frames.len());
    for (name, frame) in frames {
        assert_eq!(frame.encode(), text(&vectors[name]));
    }
}

#[test]
fn codes_are_complete() {
    use CloseCode as C;
    let close = [
        C::Normal,
        C::GoingAway,
        C::Protocol,
        C::InvalidText,
        C::Policy,
        C::Internal,
        C::Restart,
        C::Token,
        C::Forbidden,
        C::AuthTimeout,
        C::Replaced,
        C::FrameTooLarge,
        C::TooMany,
    ];
    let numbers: BTreeMap<String, u16> = close.iter().map(|code| (format!("{code:?}"), code.number())).collect();
    let vectors = vectors!("codes.json");
    assert_eq!(json!(numbers), vectors["close"]);
    assert_eq!(json!(ErrorCode::ALL.map(ErrorCode::as_str).to_vec()), vectors["faults"]);
    assert!(ErrorCode::ALL.into_iter().all(|code| ErrorCode::parse(code.as_str()) == Some(code)));
}
