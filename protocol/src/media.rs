//! Media types, as far as the HTTP endpoints must distinguish them.

/// The value of a `Content-Type` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType<'a> {
    essence: &'a str,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    /// Parses a `Content-Type`. A malformed value has an essence that matches nothing.
    pub fn parse(text: &'a str) -> Self {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        Self { essence: essence.trim(), parameters }
    }

    /// Returns type and subtype without parameters.
    pub fn essence(self) -> &'a str {
        self.essence
    }

    /// Returns whether the essence is this one, ignoring case.
    pub fn is(self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    /// Returns whether the type is JSON, by its name or its suffix.
    pub fn is_json(self) -> bool {
        let essence = self.essence.to_ascii_lowercase();
        essence.ends_with("/json") || essence.ends_with("+json")
    }

    /// Returns whether the type is text.
    pub fn is_text(self) -> bool {
        self.essence.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("text/"))
    }

    /// Returns whether the body is UTF-8: no `charset`, or a compatible one.
    pub fn is_utf8(self) -> bool {
        let charset = self.parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        });
        let is_one =
            |charset: &str| ["utf-8", "utf8", "us-ascii"].iter().any(|it| charset.eq_ignore_ascii_case(it));
        charset.is_none_or(is_one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_parameters_are_ignored() {
        assert!(MediaType::parse("Application/JSON; charset=utf-8").is("application/json"));
        assert!(MediaType::parse("application/vnd.api+json").is_json());
        assert!(MediaType::parse("TEXT/plain").is_text());
        assert!(!MediaType::parse("application/jsonp").is_json());
        assert!(!MediaType::parse("").is_json() && !MediaType::parse("ü").is_text());
    }

    #[test]
    fn charset_other_than_utf_8_is_detected() {
        for good in ["text/plain", "text/plain;charset=UTF-8", "text/plain; format=flowed; Charset=\"us-ascii\""] {
            assert!(MediaType::parse(good).is_utf8(), "{good}");
        }
        assert!(!MediaType::parse("text/plain; charset=iso-8859-1").is_utf8());
    }
}
