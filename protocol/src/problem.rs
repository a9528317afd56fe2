//! Problem documents, RFC 9457: how the doors say over HTTP what was wrong.

use serde::{Deserialize, Serialize};

use crate::Fault;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// What the `type` of every problem begins with; the fault's code follows.
pub const TYPE_BASE: &str = "https://wirebell.dev/problems/";

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI that names the kind of problem.
    pub r#type: String,
    /// The kind of problem in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time, and what was expected.
    pub detail: String,
    /// The fault's code, for programs.
    pub code: String,
    /// Which attribute of an event, or which parameter of a request, is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
}

impl Problem {
    /// A problem of that kind.
    pub fn new(fault: Fault, status: u16, detail: impl Into<String>) -> Self {
        Self {
            r#type: format!("{TYPE_BASE}{}", fault.code()),
            title: title(fault).to_owned(),
            status,
            detail: detail.into(),
            code: fault.code().to_owned(),
            attribute: None,
        }
    }
}

fn title(fault: Fault) -> &'static str {
    match fault {
        Fault::InvalidEvent => "The event is not valid",
        Fault::TooLarge => "The event is too large",
        Fault::Unsupported => "Not part of this version",
        Fault::Unavailable => "The bus cannot be reached",
        Fault::Draining => "The node is being stopped",
        Fault::Unauthorized => "A service key is required",
        Fault::NotAllowed => "Not allowed",
        Fault::BadRequest => "The request cannot be read",
        Fault::TooMany => "Too many",
        Fault::NotFound => "There is nothing here",
        Fault::MethodNotAllowed => "Not by this method",
        Fault::AlreadyPublished => "The event was published already",
        _ => "The request was refused",
    }
}
