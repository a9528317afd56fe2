//! Parses responses of the server API: publish results, problem documents and lists of both.

use std::time::Duration;

use serde::Deserialize;
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{ChannelResult, ErrorCode, EventError, PublishResult};

use crate::cancelled::Cancelled;
use crate::error::{PublishError, Refusal};
use crate::failure::Failure;

/// A response with its whole body.
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// The result of one request.
pub(crate) enum BatchResult {
    /// The node answered for each event.
    Each(Vec<Result<PublishResult, Failure>>),
    /// The node rejected the request as a whole, because of one of its events or its length.
    /// Smaller requests may pass.
    Split,
    /// All events of the request failed for this reason; sending them now in other requests would
    /// not help.
    All(Failure),
}

/// A publish result or a problem document; the two have disjoint members.
#[derive(Deserialize)]
struct Item {
    status: Option<u16>,
    id: Option<String>,
    channels: Option<Vec<ChannelResult>>,
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    attribute: Option<String>,
}

/// The attributes that an error can name.
const ATTRIBUTES: [&str; 13] = [
    "class",
    "data",
    "deadline",
    "deliver_at",
    "id",
    "key",
    "receipt",
    "source",
    "time",
    "to",
    "traceparent",
    "ttl",
    "type",
];

/// Parses the response to a request with `wanted` events.
pub(crate) fn parse(status: u16, retry_after: Option<Duration>, body: &[u8], wanted: usize) -> BatchResult {
    match status {
        200..=299 => parse_accepted(status, body, wanted),
        400 | 413 | 422 if wanted > 1 => BatchResult::Split,
        _ => {
            let problem = serde_json::from_slice(body).unwrap_or_else(|_| Item::empty());
            let failure = problem.failure(status, retry_after);
            if wanted == 1 && matches!(status, 400 | 413 | 422) {
                BatchResult::Each(vec![Err(failure)])
            } else {
                BatchResult::All(failure)
            }
        }
    }
}

fn parse_accepted(status: u16, body: &[u8], wanted: usize) -> BatchResult {
    let items = if wanted == 1 && body.trim_ascii_start().first() == Some(&b'{') {
        serde_json::from_slice(body).map(|item| vec![item])
    } else {
        serde_json::from_slice::<Vec<Item>>(body)
    };
    match items {
        Ok(items) if items.len() == wanted => {
            BatchResult::Each(items.into_iter().map(|item| item.into_result(status)).collect())
        }
        _ => BatchResult::All(not_wirebell(status)),
    }
}

/// Parses the delivery status of an event. Empty if the node has no record of it.
pub(crate) fn receipts(response: &HttpResponse) -> Result<Vec<Receipt>, Failure> {
    #[derive(Deserialize)]
    struct Known {
        channels: Vec<Receipt>,
    }
    match (response.status, response.code()) {
        (200, _) => {
            let known: Known = serde_json::from_slice(&response.body).map_err(|_| not_wirebell(200))?;
            Ok(known.channels)
        }
        (404, Some("not_found")) => Ok(Vec::new()),
        _ => Err(response.failure()),
    }
}

/// Parses the response to a cancellation.
pub(crate) fn cancelled(response: &HttpResponse) -> Result<Cancelled, Failure> {
    match (response.status, response.code()) {
        (200, _) => Ok(Cancelled::Cancelled),
        (409, Some("already_published")) => Ok(Cancelled::Published),
        (404, Some("not_found")) => Ok(Cancelled::Unknown),
        _ => Err(response.failure()),
    }
}

impl HttpResponse {
    /// Returns the problem's code if it is one that callers check for.
    fn code(&self) -> Option<&'static str> {
        let problem: Item = serde_json::from_slice(&self.body).ok()?;
        let known = ["not_found", "already_published"];
        known.into_iter().find(|known| problem.code.as_deref() == Some(*known))
    }

    fn failure(&self) -> Failure {
        if self.status < 300 {
            return not_wirebell(self.status);
        }
        let problem = serde_json::from_slice(&self.body).unwrap_or_else(|_| Item::empty());
        problem.failure(self.status, self.retry_after)
    }
}

/// Reports a response that does not come from a Wirebell node.
fn not_wirebell(status: u16) -> Failure {
    let detail =
        format!("expected a response of a Wirebell node, got another one with status {status}; check the URL");
    Failure::configuration(Refusal::new(Some(status), "not_wirebell", detail))
}

impl Item {
    fn empty() -> Self {
        Self { status: None, id: None, channels: None, code: None, title: None, detail: None, attribute: None }
    }

    fn into_result(self, batch_status: u16) -> Result<PublishResult, Failure> {
        let status = self.status.unwrap_or(batch_status);
        match (self.id, self.channels) {
            (Some(id), Some(channels)) if status < 300 => Ok(PublishResult { id, channels }),
            (_, _) if status < 300 => Err(not_wirebell(status)),
            (id, channels) => Err(Self { id, channels, ..self }.failure(status, None)),
        }
    }

    fn failure(self, status: u16, retry_after: Option<Duration>) -> Failure {
        let detail = self.detail.or(self.title).unwrap_or_else(|| format!("HTTP status {status} without a detail"));
        let code = self.code.as_deref().and_then(ErrorCode::parse);
        match (status, code) {
            (408 | 425 | 429 | 500 | 502..=504, _) => Failure::unavailable_for(detail, retry_after),
            (_, Some(code @ (ErrorCode::InvalidEvent | ErrorCode::TooLarge | ErrorCode::Unsupported))) => {
                let attribute = attribute(self.attribute.as_deref());
                Failure::event(PublishError::Invalid(EventError { attribute, message: detail, code }))
            }
            (400 | 413 | 422, _) => Failure::event(PublishError::Refused(refusal(status, self.code, detail))),
            _ => Failure::configuration(refusal(status, self.code, detail)),
        }
    }
}

fn refusal(status: u16, code: Option<String>, detail: String) -> Refusal {
    Refusal::new(Some(status), code.unwrap_or_else(|| format!("http_{status}")), detail)
}

fn attribute(name: Option<&str>) -> &'static str {
    ATTRIBUTES.into_iter().find(|known| Some(*known) == name).unwrap_or("event")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    fn kind(status: u16, body: &str, wanted: usize) -> Option<FailureKind> {
        match parse(status, None, body.as_bytes(), wanted) {
            BatchResult::Each(each) => each.first().and_then(|answer| answer.as_ref().err().map(|f| f.kind)),
            BatchResult::All(failure) => Some(failure.kind),
            BatchResult::Split => None,
        }
    }

    #[test]
    fn status_and_code_decide_the_failure_kind() {
        for (status, body, expected) in [
            (401, r#"{"code":"unauthorized","detail":"no"}"#, FailureKind::Configuration),
            (404, "<html>", FailureKind::Configuration),
            (422, r#"{"code":"invalid_event","attribute":"to"}"#, FailureKind::Event),
            (413, "", FailureKind::Event),
            (503, r#"{"code":"unavailable"}"#, FailureKind::Transient(None)),
            (502, "<html>", FailureKind::Transient(None)),
            (200, "hello", FailureKind::Configuration),
            (202, "{}", FailureKind::Configuration),
        ] {
            assert_eq!(kind(status, body, 1), Some(expected), "{status} {body}");
        }
    }

    #[test]
    fn rejected_list_is_split() {
        assert!(matches!(parse(413, None, b"{}", 2), BatchResult::Split));
        assert!(matches!(parse(202, None, br#"[{"id":"a","channels":[]}]"#, 2), BatchResult::All(_)));
    }
}
