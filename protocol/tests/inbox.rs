//! Checks the inbox against its test vectors.

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

fn optional(value: &Value) -> Option<String> {
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
fn emit_calls_and_replies() {
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
    for reply in list(&vectors["emitted"]) {
        let emitted = Emitted::read(&words(&reply["words"])).unwrap();
        assert_eq!(json!([emitted.duplicate, emitted.services]), json!([reply["again"], reply["services"]]));
        assert_eq!(emitted.answer, answer(&reply["answer"]));
    }
    for bad in list(&vectors["bad_emitted"]) {
        assert!(Emitted::read(&words(bad)).is_err(), "{bad}");
    }
}

#[test]
fn entries_are_parsed() {
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
            device: optional(&event["device"]),
            reference: optional(&event["ref"]),
            traceparent: optional(&event["traceparent"]),
        };
        assert_eq!(Entry::read(&fields(&good["fields"])), Some(expected), "{}", good["name"]);
    }
    for bad in list(&vectors["bad_entries"]) {
        assert_eq!(Entry::read(&fields(bad)), None, "{bad}");
    }
}

#[test]
fn answer_calls_and_replies() {
    let vectors = inbox();
    for done in list(&vectors["answers"]) {
        let of = (text(&done["user"]), text(&done["id"]));
        let entry = (Shard::of(of.0), text(&done["entry"]));
        let (group, dead) = (text(&done["group"]), &done["dead"]);
        let letter_of = (!dead.is_null()).then(|| fields(&dead["fields"]));
        let letter = letter_of
            .as_ref()
            .map(|fields| inbox::dead_letter(fields, group, text(&dead["tries"]), text(&dead["reason"])));
        let keys = Keys::new(text(&done["prefix"])).unwrap();
        let answer = answer(&done["answer"]);
        let call = inbox::answer(&keys, entry, group, Some(of), answer.as_ref(), letter.as_deref());
        assert_eq!(json!([call.keys, call.arguments]), json!([done["keys"], done["arguments"]]), "{done}");
    }
    for reply in list(&vectors["told"]) {
        let expected = match text(&reply["told"]) {
            "entry" => FinishResult::Finished,
            "nobody" => FinishResult::Redirected(None),
            "instead" => FinishResult::Redirected(Some((
                text(&reply["connection"]).parse().unwrap(),
                text(&reply["ref"]).to_owned(),
            ))),
            _ => FinishResult::AlreadyFinished,
        };
        assert_eq!(FinishResult::read(&words(&reply["words"])), Ok(expected), "{reply}");
    }
    for bad in list(&vectors["bad_told"]) {
        assert!(FinishResult::read(&words(bad)).is_err(), "{bad}");
    }
}

#[test]
fn replies_are_encoded_and_decoded() {
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
fn announcement_is_decoded_as_a_message() {
    let vectors = vectors(include_str!("../vectors/announcements.json"));
    for good in list(&vectors["good"]) {
        let message = Bytes::from(text(&good["message"]).to_owned());
        assert!(matches!(Message::decode(&message), Ok(Message::Event(_))), "{good}");
    }
}
