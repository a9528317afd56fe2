//! Problem documents as HTTP answers: a leaf under every room that speaks HTTP, so that all doors refuse alike.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wirebell_protocol::problem::MEDIA_TYPE;
use wirebell_protocol::{Fault, problem};

/// A refusal over HTTP.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    fault: Fault,
    document: Box<problem::Problem>,
    retry_after: Option<u16>,
}

impl Problem {
    /// A refusal with that status, for that fault. The detail says what was wrong and what was expected.
    pub fn new(status: StatusCode, fault: Fault, detail: impl Into<String>) -> Self {
        let document = Box::new(problem::Problem::new(fault, status.as_u16(), detail));
        Self { status, fault, document, retry_after: None }
    }

    /// It is this attribute of the event, or this parameter of the request, that is wrong.
    #[must_use]
    pub fn attribute(mut self, attribute: &str) -> Self {
        self.document.attribute = Some(attribute.to_owned());
        self
    }

    /// Trying again after so many seconds may help.
    #[must_use]
    pub fn retry_after(mut self, seconds: u16) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// After how many seconds trying again may help, if it may.
    pub fn seconds(&self) -> Option<u16> {
        self.retry_after
    }

    /// Of which kind it is.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The document itself, as one of several in an answer.
    pub fn document(&self) -> &problem::Problem {
        &self.document
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Strings and numbers can always be written.
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
