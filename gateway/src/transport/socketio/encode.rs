//! Encodes frames as Socket.IO packets. An event's `data` is the first argument of its listeners,
//! the rest of the frame the second. A reply goes to the callback of the request.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::json;
use serde_json::value::RawValue;

use wirebell_protocol::Channel;

use super::acks::Acks;
use crate::auth::Rejection;

/// Names that Socket.IO's clients reserve. An event of such a type needs another name, since it
/// would end the connection.
const RESERVED_NAMES: [&str; 6] = [
    r#""connect""#,
    r#""connect_error""#,
    r#""disconnect""#,
    r#""disconnecting""#,
    r#""newListener""#,
    r#""removeListener""#,
];
/// The name for events of a reserved type. Their type is in the second argument.
const SUBSTITUTE_NAME: &str = r#""wirebell.event""#;

/// The members of a frame, in order.
struct Frame<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'a> Frame<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| value.get())
    }

    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// Returns the members that are not transmitted in another way.
    fn envelope(&self, with_type: bool) -> String {
        let is_omitted = |name: &str| matches!(name, "data" | "ack") || (name == "type" && !with_type);
        let members = self.0.iter().filter(|(name, _)| !is_omitted(name));
        let members: Vec<_> = members.map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// Passes each packet of a frame to `take`. Without `acks`, no event requests an acknowledgement.
pub(super) fn packets(frame: &[u8], acks: Option<&mut Acks>, mut take: impl FnMut(&str)) {
    // A publisher or this node encoded the frame, so it is an object with a type.
    let Ok(members) = serde_json::from_slice::<Frame<'_>>(frame) else { return };
    let Some(kind) = members.get("type") else { return };
    if !kind.starts_with(r#""wirebell."#) {
        return take(&event(&members, kind, acks));
    }
    if let Some(id) = members.text("ref").and_then(|reference| reference.parse::<u64>().ok()) {
        return take(&ack(&members, kind, id));
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

/// Encodes the acknowledgement for a callback: the reply's data, or the error.
fn ack(members: &Frame<'_>, kind: &str, id: u64) -> String {
    if kind == r#""wirebell.error""# {
        let (code, message) = (members.get("code").unwrap_or("null"), members.get("message").unwrap_or("null"));
        return format!(r#"43{id}[{{"error":{{"code":{code},"message":{message}}}}}]"#);
    }
    format!("43{id}[{}]", members.get("data").unwrap_or("null"))
}

/// Encodes the rejection of a client: `connect_error` gets the message, and the code in `data`.
pub(super) fn connect_error(rejection: &Rejection) -> String {
    let why = json!({ "message": rejection.message, "data": { "code": rejection.code.as_str() } });
    format!("44{why}")
}

/// Encodes the rejection of an unknown namespace.
pub(super) fn unknown_namespace(namespace: &str) -> String {
    let why = json!({ "message": "Invalid namespace", "data": { "code": "not_found" } });
    format!("44{namespace},{why}")
}

/// Disconnects the client, which then does not reconnect by itself.
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
    fn event_has_its_data_and_the_rest_of_the_frame() {
        let frame = r#"{"type":"paid","id":"1","channel":"user:42","cursor":"7-0","time":"t","data":{"a": 1.0}}"#;
        let expected = r#"42["paid",{"a": 1.0},{"id":"1","channel":"user:42","cursor":"7-0","time":"t"}]"#;
        assert_eq!(packets_of(frame), [expected]);
    }

    #[test]
    fn event_with_ack_requests_an_acknowledgement() {
        let frame = r#"{"type":"paid","id":"1","channel":"user:42","cursor":"7-0","data":1,"ack":true}"#;
        assert_eq!(packets_of(frame), [r#"421["paid",1,{"id":"1","channel":"user:42","cursor":"7-0"}]"#]);
    }

    #[test]
    fn reserved_event_name_is_replaced() {
        let frame = r#"{"type":"disconnect","id":"1","channel":"all","data":1}"#;
        assert_eq!(packets_of(frame), [r#"42["wirebell.event",1,{"type":"disconnect","id":"1","channel":"all"}]"#]);
    }

    #[test]
    fn reply_goes_to_the_callback_of_its_request() {
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
    fn welcome_connects_and_sends_the_connection_id() {
        let frame = r#"{"type":"wirebell.welcome","connection":"k3j9x2ma.1f","user":"42"}"#;
        let welcome = format!(r#"42["wirebell.welcome",{frame}]"#);
        let expected = [r#"40{"sid":"k3j9x2ma.1f"}"#, &welcome, r#"42["socket-id","k3j9x2ma.1f"]"#];
        assert_eq!(packets_of(frame), expected);
    }
}
