//! Frames as Socket.IO's packets: an event's `data` is the first argument of its listeners, what else the frame has the
//! second; an answer goes to the callback that asked.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::json;
use serde_json::value::RawValue;

use wirebell_protocol::Channel;

use super::acks::Acks;
use crate::auth::Refusal;

/// Names that Socket.IO's clients keep for themselves: an event of such a type goes by another name, or it would end the
/// connection.
const RESERVED_NAMES: [&str; 6] = [
    r#""connect""#,
    r#""connect_error""#,
    r#""disconnect""#,
    r#""disconnecting""#,
    r#""newListener""#,
    r#""removeListener""#,
];
/// The name by which it goes; its type stands in the second argument.
const SUBSTITUTE_NAME: &str = r#""wirebell.event""#;

/// The members of a frame, in their order.
struct Frame<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'a> Frame<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| value.get())
    }

    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// What of it is not is_omitted in another way.
    fn envelope(&self, with_type: bool) -> String {
        let is_omitted = |name: &str| matches!(name, "data" | "ack") || (name == "type" && !with_type);
        let members = self.0.iter().filter(|(name, _)| !is_omitted(name));
        let members: Vec<_> = members.map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// Gives every packet that a frame comes to. Who passes no `acks` has none that wants to be acknowledged.
pub(super) fn packets(frame: &[u8], acks: Option<&mut Acks>, mut take: impl FnMut(&str)) {
    // Every frame is written by a publisher or here, and is an object with a type.
    let Ok(members) = serde_json::from_slice::<Frame<'_>>(frame) else { return };
    let Some(kind) = members.get("type") else { return };
    if !kind.starts_with(r#""wirebell."#) {
        return take(&event(&members, kind, acks));
    }
    if let Some(id) = members.text("ref").and_then(|reference| reference.parse::<u64>().ok()) {
        return take(&answer(&members, kind, id));
    }
    let connection = members.get("connection").filter(|_| kind == r#""wirebell.welcome""#);
    if let Some(connection) = connection {
        take(&format!(r#"40{{"sid":{connection}}}"#));
    }
    take(&format!("42[{kind},{}]", String::from_utf8_lossy(frame)));
    if let Some(connection) = connection {
        take(&format!(r#"42["socket-id",{connection}]"#));
    }
}

fn event(members: &Frame<'_>, kind: &str, acks: Option<&mut Acks>) -> String {
    let is_reserved = RESERVED_NAMES.contains(&kind);
    let name = if is_reserved { SUBSTITUTE_NAME } else { kind };
    let id = acks.filter(|_| members.get("ack") == Some("true")).and_then(|acks| {
        let channel = Channel::parse(&members.text("channel")?).ok()?;
        Some(acks.register(channel, members.text("cursor")?.parse().ok()?).to_string())
    });
    let (id, data) = (id.unwrap_or_default(), members.get("data").unwrap_or("null"));
    format!("42{id}[{name},{data},{}]", members.envelope(is_reserved))
}

/// A callback gets the answer's data, or why there is none.
fn answer(members: &Frame<'_>, kind: &str, id: u64) -> String {
    if kind == r#""wirebell.error""# {
        let (code, message) = (members.get("code").unwrap_or("null"), members.get("message").unwrap_or("null"));
        return format!(r#"43{id}[{{"error":{{"code":{code},"message":{message}}}}}]"#);
    }
    format!("43{id}[{}]", members.get("data").unwrap_or("null"))
}

/// Why a client was not let in. Its `connect_error` has the message, and the code in `data`.
pub(super) fn connect_error(refusal: &Refusal) -> String {
    let why = json!({ "message": refusal.message, "data": { "code": refusal.fault.code() } });
    format!("44{why}")
}

/// The namespace is none of ours.
pub(super) fn unknown_namespace(namespace: &str) -> String {
    let why = json!({ "message": "Invalid namespace", "data": { "code": "not_found" } });
    format!("44{namespace},{why}")
}

/// The client is sent away, and is not to come back by itself.
pub(super) const DISCONNECT: &str = "41";

impl<'de: 'a, 'a> Deserialize<'de> for Frame<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(&'de str, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a frame")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        from.deserialize_map(Members).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets_of(frame: &str) -> Vec<String> {
        let (mut found, mut acks) = (Vec::new(), Acks::default());
        packets(frame.as_bytes(), Some(&mut acks), |packet| found.push(packet.to_owned()));
        found
    }

    #[test]
    fn an_event_is_its_data_and_what_else_there_is() {
        let frame = r#"{"type":"paid","id":"1","channel":"user:42","cursor":"7-0","time":"t","data":{"a": 1.0}}"#;
        let expected = r#"42["paid",{"a": 1.0},{"id":"1","channel":"user:42","cursor":"7-0","time":"t"}]"#;
        assert_eq!(packets_of(frame), [expected]);
    }

    #[test]
    fn an_event_that_wants_to_be_acknowledged_wants_a_callback() {
        let frame = r#"{"type":"paid","id":"1","channel":"user:42","cursor":"7-0","data":1,"ack":true}"#;
        assert_eq!(packets_of(frame), [r#"421["paid",1,{"id":"1","channel":"user:42","cursor":"7-0"}]"#]);
    }

    #[test]
    fn a_name_that_clients_keep_is_another() {
        let frame = r#"{"type":"disconnect","id":"1","channel":"all","data":1}"#;
        assert_eq!(packets_of(frame), [r#"42["wirebell.event",1,{"type":"disconnect","id":"1","channel":"all"}]"#]);
    }

    #[test]
    fn an_answer_goes_to_whoever_asked() {
        for (frame, expected) in [
            (r#"{"type":"wirebell.reply","ref":"7","data":{"a":1}}"#, r#"437[{"a":1}]"#),
            (
                r#"{"type":"wirebell.error","code":"not_allowed","message":"no","ref":"0"}"#,
                r#"430[{"error":{"code":"not_allowed","message":"no"}}]"#,
            ),
            (r#"{"type":"wirebell.pong","ref":"9"}"#, "439[null]"),
            (
                r#"{"type":"wirebell.error","code":"bad_frame","message":"no"}"#,
                r#"42["wirebell.error",{"type":"wirebell.error","code":"bad_frame","message":"no"}]"#,
            ),
        ] {
            assert_eq!(packets_of(frame), [expected], "{frame}");
        }
    }

    #[test]
    fn a_welcome_connects_and_tells_the_id() {
        let frame = r#"{"type":"wirebell.welcome","connection":"k3j9x2ma.1f","user":"42"}"#;
        let welcome = format!(r#"42["wirebell.welcome",{frame}]"#);
        let expected = [r#"40{"sid":"k3j9x2ma.1f"}"#, &welcome, r#"42["socket-id","k3j9x2ma.1f"]"#];
        assert_eq!(packets_of(frame), expected);
    }
}
