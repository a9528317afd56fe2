//! Converts a CloudEvent to an event.

use super::{CloudEvent, EXTENSIONS, PREFIX, SPEC_VERSION};
use crate::Channel;
use crate::event::{Event, EventError, MAX_NAME_BYTES, parse};

impl CloudEvent<'_> {
    /// Returns the event, and the names of ignored attributes: those that a plain event does not
    /// have. `max_data` limits the bytes of `data`.
    pub fn into_event(mut self, max_data: usize) -> Result<(Event, Vec<String>), EventError> {
        let event = self.read(max_data).map_err(renamed)?;
        let ignored: Vec<String> = self.attributes.into_keys().collect();
        match ignored.iter().find(|name| name.starts_with(PREFIX)) {
            None => Ok((event, ignored)),
            Some(unknown) => {
                let known = EXTENSIONS.map(|(_, name)| format!("`{name}`")).join(", ");
                Err(EventError::invalid("event", format!("`{unknown}` is unknown; expected one of {known}")))
            }
        }
    }

    fn read(&mut self, max_data: usize) -> Result<Event, EventError> {
        self.check_version()?;
        let id = parse::name("id", &self.required("id")?)?;
        let source = source(&self.required("source")?, &id)?;
        let kind = parse::kind(&self.required("type")?)?;
        let content_type = self.take("datacontenttype");
        let data = parse::data(&self.data.json(content_type.as_deref())?, max_data)?;
        let to = self
            .extension("to")
            .ok_or_else(|| EventError::invalid("to", "is required: the channels, separated by spaces"))?;
        let to = parse::channels(channels(&to)?, &data)?;
        parse::check_rules(Event {
            to,
            kind,
            data,
            id: Some(id),
            scope: Some(source.clone()),
            source: Some(source),
            time: self.take("time").map(|text| parse::time("time", &text)).transpose()?,
            class: self.extension("class").map(|text| parse::class(&text)).transpose()?.unwrap_or_default(),
            key: self.extension("key").map(|text| parse::name("key", &text)).transpose()?,
            ttl: self.seconds("ttl")?.map(parse::ttl).transpose()?,
            deliver_at: self.extension("deliver_at").map(|text| parse::time("deliver_at", &text)).transpose()?,
            receipt: self.boolean("receipt")?,
            deadline: self.seconds("deadline")?.map(parse::deadline).transpose()?,
            durability: self.extension("durability").map(|text| parse::durability(&text)).transpose()?,
            traceparent: self.take("traceparent").map(|text| parse::traceparent(&text)).transpose()?,
        })
    }

    /// Rejects other versions of the specification; their attributes have other meanings.
    pub(super) fn check_version(&mut self) -> Result<(), EventError> {
        let version = self.required("specversion")?;
        if version == SPEC_VERSION {
            return Ok(());
        }
        Err(EventError::invalid("specversion", format!("expected `{SPEC_VERSION}`")))
    }

    /// Takes an attribute that every CloudEvent must have.
    pub(super) fn required(&mut self, name: &'static str) -> Result<String, EventError> {
        self.take(name).ok_or_else(|| EventError::invalid(name, "is required in a CloudEvent"))
    }

    fn extension(&mut self, name: &str) -> Option<String> {
        self.take(extension(name))
    }

    fn seconds(&mut self, name: &'static str) -> Result<Option<u64>, EventError> {
        let read = |text: String| text.parse().map_err(|_| EventError::invalid(name, "expected whole seconds"));
        self.extension(name).map(read).transpose()
    }

    fn boolean(&mut self, name: &'static str) -> Result<bool, EventError> {
        // Case is ignored: the official Python SDK writes headers as `True` and `False`.
        match self.extension(name).map(|text| text.to_ascii_lowercase()).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(EventError::invalid(name, "expected `true` or `false`")),
        }
    }
}

/// Validates the source. An id is unique only within its source; both together identify the event.
fn source(text: &str, id: &str) -> Result<String, EventError> {
    let source = parse::name("source", text)?;
    if source.contains(char::is_whitespace) {
        return Err(EventError::invalid("source", "expected a URI reference without spaces"));
    }
    if source.len() + 1 + id.len() > MAX_NAME_BYTES {
        let message = format!("`source` and `id` together are longer than {} bytes", MAX_NAME_BYTES - 1);
        return Err(EventError::too_large("id", message));
    }
    Ok(source)
}

/// Parses channels separated by spaces; a channel name may contain commas.
fn channels(text: &str) -> Result<Vec<Channel>, EventError> {
    text.split_ascii_whitespace().map(parse::channel).collect()
}

/// Returns the name of Wirebell's attribute in a CloudEvent.
fn extension(name: &str) -> &'static str {
    EXTENSIONS.iter().find(|(ours, _)| *ours == name).map_or("", |(_, theirs)| theirs)
}

/// Renames the attribute of an error to its name in the CloudEvent.
fn renamed(error: EventError) -> EventError {
    let theirs = EXTENSIONS.iter().find(|(ours, _)| *ours == error.attribute).map(|(_, theirs)| *theirs);
    EventError { attribute: theirs.unwrap_or(error.attribute), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorCode, Prepared};

    fn read(json: &str) -> Result<(Event, Vec<String>), EventError> {
        CloudEvent::from_json(json.as_bytes())?.into_event(1_000)
    }

    fn with(members: &str) -> String {
        format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","wirebellto":"user:42"{members}}}"#)
    }

    fn rejected(members: &str) -> (&'static str, ErrorCode) {
        let error = read(&with(members)).unwrap_err();
        (error.attribute, error.code)
    }

    #[test]
    fn wirebell_attributes_have_extensions() {
        let (event, ignored) = read(
            r#"{"specversion":"1.0","id":"7","source":"/payments","type":"t","time":"2026-11-21T10:00:00Z",
                "datacontenttype":"application/json","data": { "a" : 1.0 } ,"wirebellto":"user:a,b  topic:news",
                "wirebellclass":"durable","wirebellttl":60.0,"wirebelldeliverat":"2026-11-22T10:00:00Z",
                "wirebellreceipt":true,"wirebelldeadline":20,"wirebelldurability":"replicated",
                "traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#,
        )
        .unwrap();
        let expected = r#"{"to":["user:a,b","topic:news"],"type":"t","data":{ "a" : 1.0 },"id":"7","source":"/payments","time":"2026-11-21T10:00:00Z","ttl":60,"deliver_at":"2026-11-22T10:00:00Z","receipt":true,"deadline":20,"durability":"replicated","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#;
        assert_eq!((event.to_json().as_str(), ignored.len()), (expected, 0));
        let (event, _) = read(&with(r#","wirebellclass":"retained","wirebellkey":"k","data":1"#)).unwrap();
        let expected =
            r#"{"to":"user:42","type":"t","data":1,"id":"1","source":"/s","class":"retained","key":"k"}"#;
        assert_eq!(event.to_json(), expected);
    }

    #[test]
    fn id_is_unique_within_its_source() {
        let id_of = |source: &str| {
            let json = with("").replace("/s", source);
            let (mut event, _) = read(&json).unwrap();
            event.stamp(String::new, || "2026-11-21T10:00:00Z".to_owned());
            let prepared = Prepared::all(&event).remove(0);
            (prepared.id.clone(), String::from_utf8(prepared.frame(None).to_vec()).unwrap())
        };
        let (one, frame) = id_of("/a");
        assert_eq!(one, "/a 1");
        assert!(frame.contains(r#""id":"1""#), "{frame}");
        assert_ne!(one, id_of("/b").0);
    }

    #[test]
    fn ignored_attributes_are_listed() {
        let (_, ignored) =
            read(&with(r#","subject":"x","dataschema":"https://s/","partitionkey":1,"a":null"#)).unwrap();
        assert_eq!(ignored, ["dataschema", "partitionkey", "subject"]);
    }

    #[test]
    fn error_names_the_attribute_as_written() {
        for (members, attribute) in [
            (r#","wirebelldeliverat":"soon""#, "wirebelldeliverat"),
            (r#","wirebellttl":"soon""#, "wirebellttl"),
            (r#","wirebellttl":1e400"#, "wirebellttl"),
            (r#","wirebelldeadline":"20""#, "wirebelldeadline"),
            (r#","time":1"#, "time"),
            (r#","subject":true"#, "subject"),
            (r#","wirebellreceipt":1"#, "wirebellreceipt"),
            (r#","wirebellkey":"k""#, "wirebellkey"),
            (r#","wirebelldeadlin":20"#, "event"),
            (r#","deliver_at":"2026-11-21T10:00:00Z""#, "event"),
            (r#","extra":{"a":1}"#, "event"),
            (r#","extra":1.5"#, "event"),
            (r#","time":"yesterday""#, "time"),
            (r#","traceparent":"00-0""#, "traceparent"),
            (r#","data":1,"data_base64":"MQ==""#, "data_base64"),
            (r#","data_base64":"M""#, "data_base64"),
            (r#","id":"2""#, "event"),
        ] {
            assert_eq!(rejected(members), (attribute, ErrorCode::InvalidEvent), "{members}");
        }
        for missing in ["specversion", "id", "source", "type"] {
            let json = with("").replace(&format!("\"{missing}\""), "\"other\"");
            assert_eq!(read(&json).unwrap_err().attribute, missing);
            let json = with("").replace(&format!("\"{missing}\":"), &format!("\"{missing}\":true,\"x\":"));
            assert_eq!(read(&json).unwrap_err().attribute, missing);
        }
        assert_eq!(read(&with("").replace("wirebellto", "other")).unwrap_err().attribute, "wirebellto");
        assert_eq!(read(&with("").replace("1.0", "0.3")).unwrap_err().attribute, "specversion");
        assert_eq!(read(&with("").replace("\"t\"", "\"wirebell.t\"")).unwrap_err().attribute, "type");
        assert_eq!(read("[]").unwrap_err().attribute, "event");
        let long = with("").replace("/s", &"s".repeat(250)).replace("\"1\"", "\"1234567\"");
        assert_eq!(read(&long).unwrap_err().code, ErrorCode::TooLarge);
        let large = format!(r#","data":"{}""#, "x".repeat(1_000));
        assert_eq!(rejected(&large), ("data", ErrorCode::TooLarge));
    }

    #[test]
    fn data_may_be_json_or_text() {
        let data_of = |members: &str| read(&with(members)).map(|(event, _)| event.data.get().to_owned());
        for (members, data) in [
            ("", "null"),
            (r#","data":null"#, "null"),
            (r#","data":"MQ==""#, r#""MQ==""#),
            (r#","data_base64":"eyJhIjogMX0=""#, r#"{"a": 1}"#),
            (r#","datacontenttype":"application/x+json","data":[1]"#, "[1]"),
            (r#","datacontenttype":"text/plain","data":"a""#, r#""a""#),
            (r#","datacontenttype":"text/plain","data_base64":"YSJi""#, r#""a\"b""#),
        ] {
            assert_eq!(data_of(members).as_deref(), Ok(data), "{members}");
        }
        for (members, attribute) in [
            (r#","datacontenttype":"text/plain","data":{}"#, "data"),
            (r#","datacontenttype":"text/plain","data_base64":"/w==""#, "data"),
            (r#","datacontenttype":"text/plain; charset=latin1","data_base64":"YQ==""#, "datacontenttype"),
            (r#","datacontenttype":"application/xml","data":"<a/>""#, "datacontenttype"),
            (r#","datacontenttype":"application/octet-stream","data_base64":"MQ==""#, "datacontenttype"),
            (r#","data_base64":"AAE=""#, "data"),
        ] {
            assert_eq!(rejected(members), (attribute, ErrorCode::InvalidEvent), "{members}");
        }
    }

    #[test]
    fn binary_mode_gives_the_same_event() {
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let all = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t"), ("wirebellto", "all")];
        let read = |more: &[(&str, &str)], content_type, body: &'static [u8]| {
            let event = CloudEvent::from_parts(all.iter().chain(more).map(text), content_type, body)?;
            event.into_event(1_000).map(|(event, _)| event.data.get().to_owned())
        };
        assert_eq!(read(&[], Some("application/json"), b" [1] ").as_deref(), Ok("[1]"));
        assert_eq!(read(&[], Some("text/plain"), b"hi").as_deref(), Ok("\"hi\""));
        assert_eq!(read(&[], None, b"").as_deref(), Ok("null"));
        let texts = [("wirebellttl", "60"), ("wirebellreceipt", "True")];
        assert_eq!(read(&texts, None, b"1").as_deref(), Ok("1"));
        let rejected = |more: &[(&str, &str)], body| read(more, None, body).unwrap_err().attribute;
        assert_eq!(rejected(&[], b"hi"), "data");
        assert_eq!(rejected(&[("datacontenttype", "text/plain")], b"hi"), "event");
        assert_eq!(rejected(&[("id", "2")], b""), "event");
        assert_eq!(rejected(&[("deliver_at", "2")], b""), "event");
    }
}
