//! Client frames in CloudEvents.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::CloudEvent;
use super::data::Data;
use crate::ErrorCode;
use crate::event::EventError;
use crate::frame::client::{ClientFrame, FrameError};

/// Parses a text frame of a client that uses CloudEvents. The data of a type with the prefix
/// `wirebell.` holds the frame's members. Any other type is an emitted event. `wirebellref` is the
/// `ref`.
pub fn client_frame(text: &str) -> Result<ClientFrame, FrameError> {
    let mut event = CloudEvent::from_json(text.as_bytes()).map_err(|error| rejected(&error, None))?;
    let reference = event.take("wirebellref");
    let plain = plain(&mut event, reference.as_deref()).map_err(|error| rejected(&error, reference))?;
    ClientFrame::parse(&plain)
}

fn rejected(error: &EventError, reference: Option<String>) -> FrameError {
    FrameError { code: ErrorCode::BadFrame, message: Cow::Owned(error.to_string()), reference }
}

/// Converts the CloudEvent to the plain client frame.
fn plain(event: &mut CloudEvent<'_>, reference: Option<&str>) -> Result<String, EventError> {
    event.check_version()?;
    let (id, source, kind) = (event.required("id")?, event.required("source")?, event.required("type")?);
    let mut members = vec![("type", text(&kind))];
    members.extend(reference.map(|reference| ("ref", text(reference))));
    let content_type = event.take("datacontenttype");
    if kind.starts_with("wirebell.") {
        let command = command(&event.data)?;
        let rest = command.iter().filter(|(name, _)| !matches!(**name, "type" | "ref"));
        members.extend(rest.map(|(name, raw)| (*name, raw.get().to_owned())));
        return Ok(object(&members));
    }
    members.push(("data", event.data.json(content_type.as_deref())?.get().to_owned()));
    // As in the server API, an id is unique only within its source.
    members.push(("id", text(&format!("{source} {id}"))));
    members.extend(event.take("traceparent").map(|traceparent| ("traceparent", text(&traceparent))));
    Ok(object(&members))
}

/// Returns the members of a `wirebell.` frame.
fn command<'a>(data: &Data<'a>) -> Result<BTreeMap<&'a str, &'a RawValue>, EventError> {
    match data {
        Data::Absent => Ok(BTreeMap::new()),
        Data::Json(raw) if raw.get() == "null" => Ok(BTreeMap::new()),
        Data::Json(raw) => serde_json::from_str(raw.get())
            .map_err(|_| EventError::invalid("data", "expected an object with the members of the frame")),
        Data::Bytes(_) => Err(EventError::invalid("data_base64", "expected the members of the frame in `data`")),
    }
}

fn object(members: &[(&str, String)]) -> String {
    let written: Vec<String> = members.iter().map(|(name, json)| format!("{}:{json}", text(name))).collect();
    format!("{{{}}}", written.join(","))
}

fn text(text: &str) -> String {
    // A string always serializes.
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Channel;

    fn read(members: &str) -> Result<ClientFrame, FrameError> {
        client_frame(&format!(r#"{{"specversion":"1.0","id":"1","source":"/app",{members}}}"#))
    }

    #[test]
    fn command_members_come_from_data() {
        let frame =
            read(r#""type":"wirebell.subscribe","wirebellref":"7","data":{"channel":"topic:news","type":"x"}"#);
        let channel = Channel::topic("news").unwrap();
        assert_eq!(frame, Ok(ClientFrame::Subscribe { channel, cursor: None, reference: Some("7".to_owned()) }));
        assert_eq!(read(r#""type":"wirebell.ping""#), Ok(ClientFrame::Ping { reference: None }));
        let frame = read(r#""type":"wirebell.auth","datacontenttype":"application/json","data":{"token":"a.b.c"}"#);
        assert_eq!(frame, Ok(ClientFrame::Auth { token: "a.b.c".to_owned(), reference: None }));
    }

    #[test]
    fn other_type_is_an_emitted_event() {
        let mut event = CloudEvent::from_json(
            br#"{"specversion":"1.0","id":"1","source":"/app","type":"send-message","data":{ "a":1 },
                 "traceparent":"00-0","subject":"x"}"#,
        )
        .unwrap();
        let expected = r#"{"type":"send-message","ref":"8","data":{ "a":1 },"id":"/app 1","traceparent":"00-0"}"#;
        assert_eq!(plain(&mut event, Some("8")).as_deref(), Ok(expected));
    }

    #[test]
    fn invalid_cloudevent_is_rejected_without_its_contents() {
        for text in
            ["", "secret", "\"secret\"", r#"{"type":"wirebell.ping"}"#, r#"{"specversion":"1.0","a":"secret"}"#]
        {
            let error = client_frame(text).unwrap_err();
            assert_eq!(error.code, ErrorCode::BadFrame, "{text}");
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
        let error = read(r#""type":"wirebell.ping","wirebellref":"7","data":[1]"#).unwrap_err();
        assert_eq!((error.code, error.reference.as_deref()), (ErrorCode::BadFrame, Some("7")));
        let error = read(r#""type":"wirebell.welcome""#).unwrap_err();
        assert_eq!(error.code, ErrorCode::ReservedType);
    }
}
