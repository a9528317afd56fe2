//! Parsing: from the raw value of a source to the typed value of a setting.

use std::net::SocketAddr;
use std::time::Duration;

use super::duration;
use super::origin::Origin;
use super::setting::Kind;

/// A raw value and the source that set it.
#[derive(Debug, Clone)]
pub(super) struct SourcedValue {
    pub(super) raw: RawValue,
    pub(super) origin: Origin,
}

/// A value as a source gave it, not yet parsed.
#[derive(Debug, Clone)]
pub(super) enum RawValue {
    /// Text from a variable, a flag or a `_file` file.
    Text(String),
    /// A value of the configuration file.
    Toml(toml::Value),
    /// A list, one item per line of a `_file` file.
    Lines(Vec<String>),
}

/// The typed value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Address(SocketAddr),
    Count(u64),
    Duration(Duration),
    Ratio(f64),
    Flag(bool),
    Text(String),
    List(Vec<String>),
}

impl RawValue {
    /// Returns whether the value is an empty text. An empty text sets nothing, like an empty
    /// variable.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) | Self::Toml(toml::Value::String(text)) if text.is_empty())
    }

    /// Formats the value for a message.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Text(text) | Self::Toml(toml::Value::String(text)) => format!("`{text}`"),
            Self::Toml(value) => format!("the {} `{value}`", value.type_str()),
            Self::Lines(lines) => format!("{} lines", lines.len()),
        }
    }

    /// Parses the value, or returns what was expected.
    pub(super) fn parse(&self, kind: Kind) -> Result<Value, String> {
        use toml::Value as Toml;
        match (self, kind) {
            (Self::Text(text) | Self::Toml(Toml::String(text)), _) => from_text(kind, text),
            (Self::Lines(lines), Kind::List) => Ok(Value::List(lines.clone())),
            (Self::Toml(Toml::Array(items)), Kind::List) => texts(items).ok_or_else(|| expected(kind)),
            (Self::Toml(number @ Toml::Integer(_)), Kind::Count(..) | Kind::Ratio(..))
            | (Self::Toml(number @ Toml::Float(_)), Kind::Ratio(..))
            | (Self::Toml(number @ Toml::Boolean(_)), Kind::Flag) => from_text(kind, &number.to_string()),
            _ => Err(expected(kind)),
        }
    }
}

/// Parses one line of text, or returns what was expected.
pub(super) fn from_text(kind: Kind, text: &str) -> Result<Value, String> {
    let value = match kind {
        Kind::Address => text.parse().ok().map(Value::Address),
        Kind::Count(min, max) => text.parse().ok().filter(|count| (min..=max).contains(count)).map(Value::Count),
        Kind::Duration(min, max) => {
            duration::parse(text).filter(|duration| (min..=max).contains(duration)).map(Value::Duration)
        }
        Kind::Ratio(min, max) => text.parse().ok().filter(|ratio| (min..=max).contains(ratio)).map(Value::Ratio),
        Kind::Flag => text.parse().ok().map(Value::Flag),
        Kind::Text => Some(Value::Text(text.to_owned())),
        Kind::Choice(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
        Kind::List if text.starts_with('[') => array(text),
        Kind::List => Some(Value::List(split(text))),
    };
    value.ok_or_else(|| expected(kind))
}

/// Describes the values that a setting of this kind accepts.
pub(super) fn expected(kind: Kind) -> String {
    match kind {
        Kind::Address => "an IP address and a port, such as 0.0.0.0:8080 or [::]:8080".to_owned(),
        Kind::Count(min, max) => format!("a whole number from {min} to {max}"),
        Kind::Duration(min, max) => {
            let (min, max) = (duration::show(min), duration::show(max));
            format!("a duration from {min} to {max}, such as 250ms, 5s, 2m or 24h")
        }
        Kind::Ratio(min, max) => format!("a number from {min} to {max}"),
        Kind::Flag => "true or false".to_owned(),
        Kind::Text => "a text".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::List => "a list of texts, or one text with items separated by commas".to_owned(),
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Parses a list in TOML syntax, `["a", "b"]`.
fn array(text: &str) -> Option<Value> {
    let table = format!("list = {text}").parse::<toml::Table>().ok()?;
    texts(table.get("list")?.as_array()?)
}

fn texts(items: &[toml::Value]) -> Option<Value> {
    items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>().map(Value::List)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_parsed_within_its_bounds() {
        let minute = Kind::Duration(Duration::from_secs(1), Duration::from_secs(60));
        for (kind, text, good) in [
            (Kind::Address, "[::1]:0", true),
            (Kind::Address, "localhost:80", false),
            (Kind::Count(1, 9), "9", true),
            (Kind::Count(1, 9), "0", false),
            (Kind::Count(1, 9), "-1", false),
            (minute, "60s", true),
            (minute, "999ms", false),
            (Kind::Ratio(0.0, 1.0), "0.25", true),
            (Kind::Ratio(0.0, 1.0), "NaN", false),
            (Kind::Flag, "yes", false),
            (Kind::Choice(&["json"]), "JSON", false),
            (Kind::List, "[1]", false),
        ] {
            assert_eq!(from_text(kind, text).is_ok(), good, "{kind:?} {text}");
        }
    }

    #[test]
    fn a_list_is_comma_separated_or_toml() {
        let two = Value::List(vec!["a".to_owned(), "b".to_owned()]);
        for text in ["a,b", " a , b ,", r#"["a", "b"]"#] {
            assert_eq!(from_text(Kind::List, text), Ok(two.clone()), "{text}");
        }
    }

    #[test]
    fn toml_numbers_are_accepted_as_numbers() {
        let count = Kind::Count(1, 9);
        assert_eq!(RawValue::Toml(toml::Value::Integer(5)).parse(count), Ok(Value::Count(5)));
        assert!(RawValue::Toml(toml::Value::Boolean(true)).parse(count).is_err());
        assert!(RawValue::Toml(toml::Value::Integer(5)).parse(Kind::Text).is_err());
        assert!(RawValue::Toml(toml::Value::Integer(-5)).parse(count).is_err());
    }
}
