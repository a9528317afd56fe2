//! The inbox, as its vectors say.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Value, json};
use wirebell_protocol::frame::client::ClientFrame;
use wirebell_protocol::inbox::{self, Answer, Bounds, Emitted, Emitter, Entry, FinishResult};
use wirebell_protocol::message::Reply;
use wirebell_protocol::{ConnectionId, Keys, Message, Shard};

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn inbox() -> Value {
    vectors(include_str!("../vectors/inbox.json"))
}

fn list(value: &Value) -> &[Value] {
    let list = value.as_array().unwrap();
    assert!(!list.is_empty());
    list
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn maybe(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|word| text(word).to_owned()).collect()
}

fn fields(value: &Value) -> HashMap<String, String> {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value).to_owned())).collect()
}

fn answer(value: &Value) -> Option<Answer> {
    value.as_str().map(|text| Answer::parse(text).unwrap())
}

#[test]
fn emitting() {
    let vectors = inbox();
    for emit in list(&vectors["emits"]) {
        let ClientFrame::Emit(emission) = ClientFrame::parse(text(&emit["frame"])).unwrap() else {
            panic!("{emit}")
        };
        let number = |name: &str| emit["bounds"][name].as_u64().unwrap();
        let bounds = Bounds { length: number("length"), age_millis: number("age"), seen_millis: number("seen") };
        let from = Emitter {
            user: text(&emit["user"]),
            device: emit["device"].as_str(),
            connection: text(&emit["connection"]).parse().unwrap(),
        };
        let keys = Keys::new(text(&emit["prefix"])).unwrap();
        let call = inbox::emit(&keys, &from, &emission, text(&emit["made_id"]), &bounds);
        assert_eq!(json!([call.keys, call.arguments]), json!([emit["keys"], emit["arguments"]]), "{emit}");
    }
    for told in list(&vectors["emitted"]) {
        let emitted = Emitted::read(&words(&told["words"])).unwrap();
        assert_eq!(json!([emitted.duplicate, emitted.services]), json!([told["again"], told["services"]]));
        assert_eq!(emitted.answer, answer(&told["answer"]));
    }
    for bad in list(&vectors["bad_emitted"]) {
        assert!(Emitted::read(&words(bad)).is_err(), "{bad}");
    }
}

#[test]
fn entries() {
    let vectors = inbox();
    for good in list(&vectors["entries"]) {
        let event = &good["event"];
        let expected = Entry {
            id: text(&event["id"]).to_owned(),
            kind: text(&event["type"]).to_owned(),
            user: text(&event["user"]).to_owned(),
            at: event["at"].as_u64().unwrap(),
            data: text(&event["data"]).to_owned(),
            connection: event["connection"].as_str().map(|id| id.parse().unwrap()),
            device: maybe(&event["device"]),
            reference: maybe(&event["ref"]),
            traceparent: maybe(&event["traceparent"]),
        };
        assert_eq!(Entry::read(&fields(&good["fields"])), Some(expected), "{}", good["name"]);
    }
    for bad in list(&vectors["bad_entries"]) {
        assert_eq!(Entry::read(&fields(bad)), None, "{bad}");
    }
}

#[test]
fn finishing() {
    let vectors = inbox();
    for done in list(&vectors["answers"]) {
        let of = (text(&done["user"]), text(&done["id"]));
        let place = (Shard::of(of.0), text(&done["entry"]));
        let (group, dead) = (text(&done["group"]), &done["dead"]);
        let letter_of = (!dead.is_null()).then(|| fields(&dead["fields"]));
        let letter = letter_of
            .as_ref()
            .map(|fields| inbox::dead_letter(fields, group, text(&dead["tries"]), text(&dead["reason"])));
        let keys = Keys::new(text(&done["prefix"])).unwrap();
        let answer = answer(&done["answer"]);
        let call = inbox::answer(&keys, place, group, Some(of), answer.as_ref(), letter.as_deref());
        assert_eq!(json!([call.keys, call.arguments]), json!([done["keys"], done["arguments"]]), "{done}");
    }
    for told in list(&vectors["told"]) {
        let expected = match text(&told["told"]) {
            "entry" => FinishResult::Finished,
            "nobody" => FinishResult::Redirected(None),
            "instead" => FinishResult::Redirected(Some((
                text(&told["connection"]).parse().unwrap(),
                text(&told["ref"]).to_owned(),
            ))),
            _ => FinishResult::AlreadyFinished,
        };
        assert_eq!(FinishResult::read(&words(&told["words"])), Ok(expected), "{told}");
    }
    for bad in list(&vectors["bad_told"]) {
        assert!(FinishResult::read(&words(bad)).is_err(), "{bad}");
    }
}

#[test]
fn answers_to_connections() {
    let vectors = vectors(include_str!("../vectors/messages.json"));
    for reply in list(&vectors["replies"]) {
        let connection: ConnectionId = text(&reply["connection"]).parse().unwrap();
        let (reference, message) = (text(&reply["ref"]), Bytes::from(text(&reply["message"]).to_owned()));
        let expected =
            Reply { connection, reference: reference.into(), frame: Bytes::from(text(&reply["frame"]).to_owned()) };
        assert_eq!(answer(&reply["answer"]).unwrap().to(connection, reference), expected);
        assert_eq!(expected.encode(), message);
        assert_eq!(Message::decode(&message), Ok(Message::Reply(expected)));
    }
    for bad in list(&vectors["bad"]) {
        assert!(Message::decode(&Bytes::from(text(bad).to_owned())).is_err(), "{bad}");
    }
}

#[test]
fn an_announcement_is_a_message_too() {
    let vectors = vectors(include_str!("../vectors/announcements.json"));
    for good in list(&vectors["good"]) {
        let message = Bytes::from(text(&good["message"]).to_owned());
        assert!(matches!(Message::decode(&message), Ok(Message::Event(_))), "{good}");
    }
}
