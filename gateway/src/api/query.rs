//! Parses the path and the query of a request. A rejection names the parameter.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use wirebell_protocol::event::MAX_NAME_BYTES;
use wirebell_protocol::{Channel, ErrorCode, Shard};

use super::wait;
use crate::problem::Problem;

/// Default and maximum number of entries in a list.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: u64 = 1_000;

/// The query of `/v1/events/{id}`. All parameters are texts, so that a rejection can name the wrong
/// one.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventQuery {
    channel: Option<String>,
    wait: Option<String>,
}

/// The query of a list.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<String>,
}

/// The query of `/v1/users`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsersQuery {
    online: Option<String>,
    limit: Option<String>,
    after: Option<String>,
}

impl EventQuery {
    /// Returns the channel, if given.
    pub(super) fn channel(&self) -> Result<Option<Channel>, Problem> {
        let parse = |name: &String| Channel::parse(name).map_err(|error| invalid("channel", &error.to_string()));
        self.channel.as_ref().map(parse).transpose()
    }

    /// Returns how long to wait for a final delivery status, if given.
    pub(super) fn wait(&self) -> Result<Option<Duration>, Problem> {
        let max = wait::MAX_WAIT.as_secs();
        let seconds = self.wait.as_deref().map(|text| number("wait", text, 1..=max)).transpose()?;
        Ok(seconds.map(Duration::from_secs))
    }
}

impl ListQuery {
    /// Returns the maximum number of entries.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        limit(self.limit.as_deref())
    }
}

impl UsersQuery {
    /// Returns the maximum number of users. Requires `online=true`, since only online users are
    /// known.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        if self.online.as_deref() != Some("true") {
            return Err(invalid("online", "expected `true`; only online users can be listed"));
        }
        limit(self.limit.as_deref())
    }

    /// Returns where the previous page ended: the shard's number and the user. The first page
    /// starts at shard 0.
    pub(super) fn after(&self) -> Result<(u8, String), Problem> {
        let Some(text) = self.after.as_deref() else { return Ok((0, String::new())) };
        let position = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let position = position.as_deref().and_then(|text| text.split_once(':')).and_then(|(shard, user)| {
            let shard = shard.parse().ok().filter(|shard| *shard < Shard::COUNT)?;
            Some((shard, user.to_owned()))
        });
        position.ok_or_else(|| invalid("after", "expected the `next` value of the previous page"))
    }

    /// Encodes a position as the `next` value of a page.
    pub(super) fn page_token(shard: u8, user: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{shard}:{user}"))
    }
}

fn limit(text: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    let limit = number("limit", text, 1..=MAX_LIMIT)?;
    Ok(usize::try_from(limit).unwrap_or(DEFAULT_LIMIT))
}

/// Parses an event's id in the path.
pub(super) fn event_id(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(id) = path.map_err(|_| invalid("id", "expected percent-encoded UTF-8"))?;
    let is_name = (1..=MAX_NAME_BYTES).contains(&id.len()) && !id.chars().any(char::is_control);
    if !is_name {
        let expected = format!("expected 1 to {MAX_NAME_BYTES} bytes without control characters");
        return Err(invalid("id", &expected));
    }
    Ok(id)
}

/// Parses a user's id in the path. Returns it with the user's channel.
pub(super) fn user_id(path: Result<Path<String>, PathRejection>) -> Result<(String, Channel), Problem> {
    let Path(id) = path.map_err(|_| invalid("id", "expected percent-encoded UTF-8"))?;
    let channel = Channel::user(&id).map_err(|error| invalid("id", &error.to_string()))?;
    Ok((id, channel))
}

/// Returns the query. Rejects unknown parameters.
pub(super) fn parse<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, rejection.body_text())
                .attribute("query"))
        }
    }
}

fn number(name: &str, text: &str, within: RangeInclusive<u64>) -> Result<u64, Problem> {
    let found = text.parse().ok().filter(|number| within.contains(number));
    found.ok_or_else(|| {
        invalid(name, &format!("expected a whole number from {} to {}", within.start(), within.end()))
    })
}

/// Returns the problem for an invalid parameter or member.
pub(super) fn invalid(name: &str, expected: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, format!("`{name}`: {expected}")).attribute(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected_parameter<T>(answer: Result<T, Problem>) -> Option<String> {
        answer.err().and_then(|problem| problem.document().attribute.clone())
    }

    #[test]
    fn wait_is_bounded() {
        for (text, seconds) in
            [("1", Some(1)), ("60", Some(60)), ("0", None), ("61", None), ("", None), ("1s", None)]
        {
            let query = EventQuery { wait: Some(text.to_owned()), ..EventQuery::default() };
            let found = query.wait();
            assert_eq!(found.as_ref().ok().copied().flatten(), seconds.map(Duration::from_secs), "{text}");
            assert_eq!(rejected_parameter(found).is_some(), seconds.is_none(), "{text}");
        }
        assert!(matches!(EventQuery::default().wait(), Ok(None)));
    }

    #[test]
    fn limit_is_bounded() {
        let limit = |text: &str| ListQuery { limit: Some(text.to_owned()) }.limit();
        assert_eq!(limit("1000").ok(), Some(1_000));
        for text in ["0", "1001", "-1", "many"] {
            assert_eq!(rejected_parameter(limit(text)).as_deref(), Some("limit"), "{text}");
        }
        assert_eq!(ListQuery::default().limit().ok(), Some(DEFAULT_LIMIT));
    }

    #[test]
    fn a_page_continues_where_the_previous_one_ended() {
        let after = |text: String| UsersQuery { after: Some(text), ..UsersQuery::default() }.after();
        assert_eq!(after(UsersQuery::page_token(7, "a:b/é")).ok(), Some((7, "a:b/é".to_owned())));
        for token in [UsersQuery::page_token(8, "42"), "7:42".to_owned(), String::new()] {
            assert_eq!(rejected_parameter(after(token.clone())).as_deref(), Some("after"), "{token}");
        }
        assert!(matches!(UsersQuery::default().after(), Ok((0, user)) if user.is_empty()));
    }

    #[test]
    fn only_online_users_can_be_listed() {
        let users =
            |online: Option<&str>| UsersQuery { online: online.map(str::to_owned), ..UsersQuery::default() };
        assert_eq!(users(Some("true")).limit().ok(), Some(DEFAULT_LIMIT));
        for online in [None, Some("false"), Some("1"), Some("")] {
            assert_eq!(rejected_parameter(users(online).limit()).as_deref(), Some("online"), "{online:?}");
        }
    }

    #[test]
    fn an_event_id_is_validated() {
        let id = |text: &str| event_id(Ok(Path(text.to_owned())));
        assert_eq!(id("an id/with anything").ok().as_deref(), Some("an id/with anything"));
        for text in [String::new(), "x".repeat(257), "a\nb".to_owned()] {
            assert_eq!(rejected_parameter(id(&text)).as_deref(), Some("id"), "{text:?}");
        }
    }
}
