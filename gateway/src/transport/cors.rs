//! Cross-origin requests (<https://fetch.spec.whatwg.org>): decides what a page of another origin
//! may read. This applies to a page's requests for a stream or a poll, and not to WebSockets.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Context, rejection};

/// How long a browser may cache the preflight response, in seconds: Chromium's maximum.
const MAX_AGE_SECONDS: &str = "7200";
const METHODS: &str = "GET, POST";
const HEADERS: &str = "authorization, content-type, last-event-id, cache-control";

/// Rejects pages of origins that may not connect, and lets the others read the response.
pub(super) async fn guard(State(context): State<Context>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let name = origin.as_ref().map(|origin| origin.to_str().unwrap_or("?"));
    if !context.origins.permits(name) {
        return rejection::response(rejection::count(&context, rejection::origin()));
    }
    let mut response = next.run(request).await;
    allow(&context, origin.as_ref(), response.headers_mut());
    response
}

/// Adds the headers by which a page may read the response. Credentials are allowed only if the
/// page's origin is listed by name. Otherwise any page could read a stream that a cookie opens.
pub(super) fn allow(context: &Context, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    if origin.to_str().is_ok_and(|origin| context.origins.lists(origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    } else {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
}

/// Answers a preflight request: the allowed methods and headers.
pub(super) async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_SECONDS));
    response
}
