//! Problem documents (RFC 9457): error responses over HTTP.

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// Prefix of the `type` of every problem; the error code follows.
pub const TYPE_BASE: &str = "https://wirebell.dev/problems/";

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI that identifies the kind of problem.
    pub r#type: String,
    /// A short description of the kind of problem.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The cause, and what was expected.
    pub detail: String,
    /// The error code, for programs.
    pub code: String,
    /// The attribute of the event, or the parameter of the request, that is invalid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
}

impl Problem {
    /// Creates a problem with this error code.
    pub fn new(code: ErrorCode, status: u16, detail: impl Into<String>) -> Self {
        Self {
            r#type: format!("{TYPE_BASE}{}", code.as_str()),
            title: title(code).to_owned(),
            status,
            detail: detail.into(),
            code: code.as_str().to_owned(),
            attribute: None,
        }
    }
}

fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidEvent => "The event is invalid",
        ErrorCode::TooLarge => "The event is too large",
        ErrorCode::Unsupported => "The feature is not available",
        ErrorCode::Unavailable => "The bus is unavailable",
        ErrorCode::Draining => "The node is shutting down",
        ErrorCode::Unauthorized => "An API key is required",
        ErrorCode::NotAllowed => "Not allowed",
        ErrorCode::BadRequest => "The request is invalid",
        ErrorCode::TooMany => "Too many",
        ErrorCode::NotFound => "Not found",
        ErrorCode::MethodNotAllowed => "Method not allowed",
        ErrorCode::AlreadyPublished => "The event is already published",
        _ => "The request was rejected",
    }
}
