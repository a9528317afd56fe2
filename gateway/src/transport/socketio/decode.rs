//! Decodes a client's Socket.IO packets into frames for a session.

use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A Socket.IO packet, as far as it is supported.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// Connects to a namespace, with the `auth` object of the client's options.
    Connect { namespace: &'a str, auth: &'a str },
    /// Disconnects from a namespace.
    Disconnect,
    /// An event. With an id, its sender expects an acknowledgement.
    Event { id: Option<u64>, arguments: &'a str },
    /// The acknowledgement of the event with this id.
    Ack { id: u64 },
    /// A packet with binary attachments.
    Binary,
    /// Not a valid packet.
    Invalid,
}

/// The default namespace.
pub(super) const MAIN_NAMESPACE: &str = "/";

impl<'a> Packet<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let Some(kind) = text.as_bytes().first() else { return Self::Invalid };
        let rest = text.get(1..).unwrap_or("");
        let (namespace, rest) = namespace(rest);
        match kind {
            b'0' => Self::Connect { namespace, auth: rest },
            b'1' => Self::Disconnect,
            b'2' | b'3' => {
                let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                let (id, arguments) = rest.split_at(digits);
                match (kind, id.parse().ok()) {
                    (b'3', Some(id)) => Self::Ack { id },
                    (b'3', None) => Self::Invalid,
                    (_, id) if digits == 0 || id.is_some() => Self::Event { id, arguments },
                    _ => Self::Invalid,
                }
            }
            b'5' | b'6' => Self::Binary,
            _ => Self::Invalid,
        }
    }
}

fn namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return (MAIN_NAMESPACE, text);
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    (namespace.split('?').next().unwrap_or(namespace), rest)
}

/// Returns the frame for an event. Wirebell's own types have their members in the first argument.
/// For any other type the argument is the data, and several arguments become an array. Returns
/// `None` if the arguments are invalid.
pub(super) fn frame(id: Option<u64>, arguments: &str) -> Option<String> {
    let arguments: Vec<&RawValue> = serde_json::from_str(arguments).ok()?;
    let (name, arguments) = arguments.split_first()?;
    let kind: String = serde_json::from_str(name.get()).ok()?;
    let reference = id.map(|id| format!(r#","ref":"{id}""#)).unwrap_or_default();
    if kind.starts_with("wirebell.") {
        let members = members(arguments.first().copied())?;
        return Some(format!(r#"{{"type":{}{reference}{members}}}"#, name.get()));
    }
    let data = match arguments {
        [] => "null".to_owned(),
        [one] => one.get().to_owned(),
        several => format!("[{}]", several.iter().map(|one| one.get()).collect::<Vec<_>>().join(",")),
    };
    Some(format!(r#"{{"type":{},"data":{data}{reference}}}"#, name.get()))
}

/// Returns the members of an object as text, without `type` and `ref`, which the packet defines.
fn members(object: Option<&RawValue>) -> Option<String> {
    let Some(object) = object else { return Some(String::new()) };
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(object.get()).ok()?;
    let mut text = String::new();
    for (name, value) in members.iter().filter(|(name, _)| !matches!(name.as_str(), "type" | "ref")) {
        text.push(',');
        text.push_str(&serde_json::to_string(name).ok()?);
        text.push(':');
        text.push_str(value.get());
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_the_specification_are_parsed() {
        for (text, expected) in [
            ("0", Packet::Connect { namespace: "/", auth: "" }),
            (r#"0{"token":"1"}"#, Packet::Connect { namespace: "/", auth: r#"{"token":"1"}"# }),
            (r#"0/admin,{"sid":"o"}"#, Packet::Connect { namespace: "/admin", auth: r#"{"sid":"o"}"# }),
            ("0/admin?x=1,", Packet::Connect { namespace: "/admin", auth: "" }),
            ("1", Packet::Disconnect),
            ("1/admin,", Packet::Disconnect),
            (r#"2["foo"]"#, Packet::Event { id: None, arguments: r#"["foo"]"# }),
            (r#"2/admin,["bar"]"#, Packet::Event { id: None, arguments: r#"["bar"]"# }),
            (r#"212["foo"]"#, Packet::Event { id: Some(12), arguments: r#"["foo"]"# }),
            (r#"3/admin,13["bar"]"#, Packet::Ack { id: 13 }),
            (r#"51-["baz",{"_placeholder":true,"num":0}]"#, Packet::Binary),
            ("3[]", Packet::Invalid),
            ("299999999999999999999[]", Packet::Invalid),
            ("", Packet::Invalid),
            ("é", Packet::Invalid),
            ("7", Packet::Invalid),
        ] {
            assert_eq!(Packet::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn event_becomes_a_frame_with_unchanged_data() {
        for (id, arguments, expected) in [
            (
                Some(7),
                r#"["send-message", {"a": 1.0}]"#,
                Some(r#"{"type":"send-message","data":{"a": 1.0},"ref":"7"}"#),
            ),
            (None, r#"["typing"]"#, Some(r#"{"type":"typing","data":null}"#)),
            (None, r#"["move",1,"b"]"#, Some(r#"{"type":"move","data":[1,"b"]}"#)),
            (
                Some(0),
                r#"["wirebell.subscribe",{"channel":"topic:news","ref":"mine","type":"x"}]"#,
                Some(r#"{"type":"wirebell.subscribe","ref":"0","channel":"topic:news"}"#),
            ),
            (Some(1), r#"["wirebell.ping"]"#, Some(r#"{"type":"wirebell.ping","ref":"1"}"#)),
            (None, r#"["wirebell.ack",5]"#, None),
            (None, "[]", None),
            (None, "[5]", None),
            (None, "{}", None),
        ] {
            assert_eq!(frame(id, arguments).as_deref(), expected, "{arguments}");
        }
    }
}
