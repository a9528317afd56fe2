//! The opening handshake, RFC 6455 §4.2, on the server's side.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirebell_protocol::Fault;

use super::super::loan::Loan;
use super::socket::Socket;
use crate::problem::Problem;

/// A socket that comes once the answer is sent.
pub struct Pending {
    upgrade: OnUpgrade,
    subprotocol: Option<&'static str>,
    most_bytes: usize,
}

/// Answers a request for a WebSocket whose messages are up to `most_bytes` long, with the subprotocol of these that the
/// client offers first, if any.
pub fn accept(
    request: &mut Request,
    subprotocols: &[&'static str],
    most_bytes: usize,
) -> Result<(Response, Pending), Problem> {
    let key = check(request.method(), request.headers())?;
    let accepted = HeaderValue::try_from(derive_accept_key(key.as_bytes()))
        .map_err(|_| refuse(StatusCode::BAD_REQUEST, "`Sec-WebSocket-Key` is not a key"))?;
    let mut offers = tokens(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL);
    let subprotocol = offers.find_map(|offer| subprotocols.iter().find(|known| **known == offer).copied());
    drop(offers);
    let upgrade = request
        .extensions_mut()
        .remove::<OnUpgrade>()
        .ok_or_else(|| refuse(StatusCode::UPGRADE_REQUIRED, "this connection cannot be upgraded"))?;
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accepted);
    if let Some(subprotocol) = subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    }
    Ok((response, Pending { upgrade, subprotocol, most_bytes }))
}

impl Pending {
    /// What the two have agreed to speak, if the client offered anything that is known.
    pub fn subprotocol(&self) -> Option<&'static str> {
        self.subprotocol
    }

    /// The socket; none if the client did not wait for it.
    pub async fn socket(self) -> Option<Socket> {
        let upgraded = self.upgrade.await.ok()?;
        let parts = upgraded.downcast::<TokioIo<Loan>>().ok()?;
        Some(Socket::new(parts.io.into_inner().end()?, &parts.read_buf, self.most_bytes))
    }
}

/// What a client has to ask for. Answers its key.
fn check<'a>(method: &Method, headers: &'a HeaderMap) -> Result<&'a str, Problem> {
    let holds = |name, wanted: &str| tokens(headers, &name).any(|token| token.eq_ignore_ascii_case(wanted));
    if method != Method::GET {
        return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is asked for by GET"));
    }
    if !holds(header::UPGRADE, "websocket") || !holds(header::CONNECTION, "upgrade") {
        let detail = "this path is for WebSockets; expected `Connection: Upgrade` and `Upgrade: websocket`";
        return Err(refuse(StatusCode::UPGRADE_REQUIRED, detail));
    }
    if !holds(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(refuse(StatusCode::UPGRADE_REQUIRED, "expected `Sec-WebSocket-Version: 13`"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
    // Sixteen bytes in base64.
    key.filter(|key| key.len() == 24 && key.ends_with("=="))
        .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "`Sec-WebSocket-Key`: expected 16 bytes in base64"))
}

fn refuse(status: StatusCode, detail: &'static str) -> Problem {
    let fault = if status == StatusCode::METHOD_NOT_ALLOWED { Fault::MethodNotAllowed } else { Fault::BadRequest };
    Problem::new(status, fault, detail)
}

/// What a list header names, all its lines together.
fn tokens<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().flat_map(|line| line.to_str().unwrap_or("").split(',').map(str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn asked(changed: Option<(header::HeaderName, &'static str)>) -> Result<String, u16> {
        let mut all = headers(&[
            (header::CONNECTION, "keep-alive, Upgrade"),
            (header::UPGRADE, "WebSocket"),
            (header::SEC_WEBSOCKET_VERSION, "13"),
            (header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ]);
        if let Some((name, value)) = changed {
            all.insert(name, HeaderValue::from_static(value));
        }
        check(&Method::GET, &all).map(str::to_owned).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn what_every_browser_sends_is_enough() {
        assert_eq!(asked(None).as_deref(), Ok("dGhlIHNhbXBsZSBub25jZQ=="));
        // RFC 6455 §1.3 has this pair.
        assert_eq!(derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn whatever_is_missing_is_named_by_its_status() {
        assert_eq!(asked(Some((header::CONNECTION, "close"))), Err(426));
        assert_eq!(asked(Some((header::UPGRADE, "h2c"))), Err(426));
        assert_eq!(asked(Some((header::SEC_WEBSOCKET_VERSION, "8"))), Err(426));
        assert_eq!(asked(Some((header::SEC_WEBSOCKET_KEY, "short"))), Err(400));
        let none = headers(&[]);
        let post = check(&Method::POST, &none).map_err(|problem| problem.status().as_u16());
        assert_eq!(post, Err(405));
    }
}
