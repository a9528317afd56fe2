//! Problem documents (RFC 9457) as HTTP responses.
//!
//! Every module that serves HTTP uses them, so the client API and the server API report errors
//! alike. This module does not know what went wrong: the caller gives the status, the code and the
//! detail.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wirebell_protocol::problem::MEDIA_TYPE;
use wirebell_protocol::{ErrorCode, problem};

/// An HTTP error response with a problem document.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: ErrorCode,
    document: Box<problem::Problem>,
    retry_after: Option<u16>,
}

impl Problem {
    /// Creates a problem. The detail says what was wrong and what was expected.
    pub fn new(status: StatusCode, code: ErrorCode, detail: impl Into<String>) -> Self {
        let document = Box::new(problem::Problem::new(code, status.as_u16(), detail));
        Self { status, code, document, retry_after: None }
    }

    /// Names the attribute of the event, or the parameter of the request, that is wrong.
    #[must_use]
    pub fn attribute(mut self, attribute: &str) -> Self {
        self.document.attribute = Some(attribute.to_owned());
        self
    }

    /// Sets `Retry-After`: a retry after this many seconds may succeed.
    #[must_use]
    pub fn retry_after(mut self, seconds: u16) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Returns the seconds after which a retry may succeed, if any.
    pub fn seconds(&self) -> Option<u16> {
        self.retry_after
    }

    /// Returns the error code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the document, for a response that contains several results.
    pub fn document(&self) -> &problem::Problem {
        &self.document
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Strings and numbers always serialize.
        let body = serde_json::to_vec(&self.document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
