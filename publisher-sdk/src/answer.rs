//! What the services' door answers: outcomes, problem documents, and lists of both.

use std::time::Duration;

use serde::Deserialize;
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{EventError, Fault, Outcome, Reached};

use crate::cancelled::Cancelled;
use crate::error::{PublishError, Refusal};
use crate::failure::Failure;
use crate::http::Answer;

/// What a request came to.
pub(crate) enum Verdicts {
    /// The door answered for each event.
    Each(Vec<Result<Outcome, Failure>>),
    /// The door refused the request as a whole for something that may be one event's fault, or its length.
    Split,
    /// Nothing that is sent now can come to more.
    All(Failure),
}

/// An outcome or a problem document; each has its own attributes.
#[derive(Deserialize)]
struct Item {
    status: Option<u16>,
    id: Option<String>,
    channels: Option<Vec<Reached>>,
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    attribute: Option<String>,
}

/// The attributes that an event can be wrong in, to name them as the protocol does.
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

/// Reads the answer to a request with `wanted` events.
pub(crate) fn read(status: u16, come_back_after: Option<Duration>, body: &[u8], wanted: usize) -> Verdicts {
    match status {
        200..=299 => accepted(status, body, wanted),
        400 | 413 | 422 if wanted > 1 => Verdicts::Split,
        _ => {
            let problem = serde_json::from_slice(body).unwrap_or_else(|_| Item::without_words());
            let failure = problem.failure(status, come_back_after);
            if wanted == 1 && matches!(status, 400 | 413 | 422) {
                Verdicts::Each(vec![Err(failure)])
            } else {
                Verdicts::All(failure)
            }
        }
    }
}

fn accepted(status: u16, body: &[u8], wanted: usize) -> Verdicts {
    let items = if wanted == 1 && body.trim_ascii_start().first() == Some(&b'{') {
        serde_json::from_slice(body).map(|item| vec![item])
    } else {
        serde_json::from_slice::<Vec<Item>>(body)
    };
    match items {
        Ok(items) if items.len() == wanted => {
            Verdicts::Each(items.into_iter().map(|item| item.verdict(status)).collect())
        }
        _ => Verdicts::All(not_ours(status)),
    }
}

/// What became of an event: none where the door knows nothing of it.
pub(crate) fn receipts(answer: &Answer) -> Result<Vec<Receipt>, Failure> {
    #[derive(Deserialize)]
    struct Known {
        channels: Vec<Receipt>,
    }
    match (answer.status, answer.code()) {
        (200, _) => {
            let known: Known = serde_json::from_slice(&answer.body).map_err(|_| not_ours(200))?;
            Ok(known.channels)
        }
        (404, Some("not_found")) => Ok(Vec::new()),
        _ => Err(answer.failure()),
    }
}

/// What came of cancelling an event.
pub(crate) fn cancelled(answer: &Answer) -> Result<Cancelled, Failure> {
    match (answer.status, answer.code()) {
        (200, _) => Ok(Cancelled::Cancelled),
        (409, Some("already_published")) => Ok(Cancelled::Published),
        (404, Some("not_found")) => Ok(Cancelled::Unknown),
        _ => Err(answer.failure()),
    }
}

impl Answer {
    /// The problem's code, if it is one of those that are looked for.
    fn code(&self) -> Option<&'static str> {
        let problem: Item = serde_json::from_slice(&self.body).ok()?;
        let known = ["not_found", "already_published"];
        known.into_iter().find(|known| problem.code.as_deref() == Some(*known))
    }

    fn failure(&self) -> Failure {
        if self.status < 300 {
            return not_ours(self.status);
        }
        let problem = serde_json::from_slice(&self.body).unwrap_or_else(|_| Item::without_words());
        problem.failure(self.status, self.come_back_after)
    }
}

/// Something answers there that is not a services' door.
fn not_ours(status: u16) -> Failure {
    let detail = format!("expected the answer of a Wirebell node, found another with status {status}");
    Failure::door(Refusal::new(Some(status), "not_wirebell", detail))
}

impl Item {
    fn without_words() -> Self {
        Self { status: None, id: None, channels: None, code: None, title: None, detail: None, attribute: None }
    }

    fn verdict(self, whole: u16) -> Result<Outcome, Failure> {
        let status = self.status.unwrap_or(whole);
        match (self.id, self.channels) {
            (Some(id), Some(channels)) if status < 300 => Ok(Outcome { id, channels }),
            (_, _) if status < 300 => Err(not_ours(status)),
            (id, channels) => Err(Self { id, channels, ..self }.failure(status, None)),
        }
    }

    fn failure(self, status: u16, come_back_after: Option<Duration>) -> Failure {
        let words = self.detail.or(self.title).unwrap_or_else(|| format!("answered {status} without saying why"));
        let fault = self.code.as_deref().and_then(Fault::from_code);
        match (status, fault) {
            (408 | 425 | 429 | 500 | 502..=504, _) => Failure::unavailable_until(words, come_back_after),
            (_, Some(fault @ (Fault::InvalidEvent | Fault::TooLarge | Fault::Unsupported))) => {
                let attribute = attribute(self.attribute.as_deref());
                Failure::event(PublishError::Invalid(EventError { attribute, message: words, fault }))
            }
            (400 | 413 | 422, _) => Failure::event(PublishError::Refused(refusal(status, self.code, words))),
            _ => Failure::door(refusal(status, self.code, words)),
        }
    }
}

fn refusal(status: u16, code: Option<String>, words: String) -> Refusal {
    Refusal::new(Some(status), code.unwrap_or_else(|| format!("http_{status}")), words)
}

fn attribute(name: Option<&str>) -> &'static str {
    ATTRIBUTES.into_iter().find(|known| Some(*known) == name).unwrap_or("event")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Verdict;

    fn verdict(status: u16, body: &str, wanted: usize) -> Option<Verdict> {
        match read(status, None, body.as_bytes(), wanted) {
            Verdicts::Each(each) => each.first().and_then(|answer| answer.as_ref().err().map(|f| f.verdict)),
            Verdicts::All(failure) => Some(failure.verdict),
            Verdicts::Split => None,
        }
    }

    #[test]
    fn the_status_and_the_code_decide_together() {
        for (status, body, expected) in [
            (401, r#"{"code":"unauthorized","detail":"no"}"#, Verdict::Door),
            (404, "<html>", Verdict::Door),
            (422, r#"{"code":"invalid_event","attribute":"to"}"#, Verdict::Event),
            (413, "", Verdict::Event),
            (503, r#"{"code":"unavailable"}"#, Verdict::Moment(None)),
            (502, "<html>", Verdict::Moment(None)),
            (200, "hello", Verdict::Door),
            (202, "{}", Verdict::Door),
        ] {
            assert_eq!(verdict(status, body, 1), Some(expected), "{status} {body}");
        }
    }

    #[test]
    fn a_refused_list_is_taken_apart() {
        assert!(matches!(read(413, None, b"{}", 2), Verdicts::Split));
        assert!(matches!(read(202, None, br#"[{"id":"a","channels":[]}]"#, 2), Verdicts::All(_)));
    }
}
