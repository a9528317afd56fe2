//! The server's side of the opening handshake, RFC 6455 §4.2.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Version, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirebell_protocol::ErrorCode;

use super::super::ConnectionTakeover;
use super::socket::Socket;
use crate::problem::Problem;

/// Accepts a request for a WebSocket, whose messages have up to `max_bytes` bytes.
///
/// The subprotocol is the client's first choice among `subprotocols`, if any. `take` gets the
/// socket and the subprotocol once the request is dropped. The 101 response waits in the socket for
/// the first write or read, and leaves together with it.
pub fn accept(
    request: Request,
    subprotocols: &[&'static str],
    max_bytes: usize,
    take: impl FnOnce(Socket, Option<&'static str>) + Send + 'static,
) -> Result<(), Problem> {
    let key = check(request.method(), request.version(), request.headers())?;
    let subprotocol = tokens(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL)
        .find_map(|offer| subprotocols.iter().find(|known| **known == offer).copied());
    let takeover = request
        .extensions()
        .get::<ConnectionTakeover>()
        .ok_or_else(|| problem(StatusCode::UPGRADE_REQUIRED, "this connection cannot be upgraded"))?;
    let response = response(&derive_accept_key(key.as_bytes()), subprotocol);
    takeover.take_over(move |connection, received| {
        take(Socket::new(connection, response, received, max_bytes), subprotocol);
    });
    // The socket sends the response; the request is no longer needed.
    drop(request);
    Ok(())
}

fn response(accepted: &str, subprotocol: Option<&str>) -> Vec<u8> {
    let mut response = Vec::with_capacity(192);
    response
        .extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    let lines = [("Sec-WebSocket-Accept", Some(accepted)), ("Sec-WebSocket-Protocol", subprotocol)];
    for (name, value) in lines.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        for part in [name, ": ", value, "\r\n"] {
            response.extend_from_slice(part.as_bytes());
        }
    }
    response.extend_from_slice(b"\r\n");
    response
}

/// Checks the request, and returns its `Sec-WebSocket-Key`.
fn check<'a>(method: &Method, version: Version, headers: &'a HeaderMap) -> Result<&'a str, Problem> {
    let holds = |name, wanted: &str| tokens(headers, &name).any(|token| token.eq_ignore_ascii_case(wanted));
    if method != Method::GET {
        return Err(problem(StatusCode::METHOD_NOT_ALLOWED, "expected GET to open a WebSocket"));
    }
    if version < Version::HTTP_11 {
        return Err(problem(StatusCode::UPGRADE_REQUIRED, "expected HTTP/1.1 to open a WebSocket"));
    }
    if !holds(header::UPGRADE, "websocket") || !holds(header::CONNECTION, "upgrade") {
        let detail = "this path is for WebSockets; expected `Connection: Upgrade` and `Upgrade: websocket`";
        return Err(problem(StatusCode::UPGRADE_REQUIRED, detail));
    }
    if !holds(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(problem(StatusCode::UPGRADE_REQUIRED, "expected `Sec-WebSocket-Version: 13`"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
    // Sixteen bytes in base64.
    key.filter(|key| key.len() == 24 && key.ends_with("=="))
        .ok_or_else(|| problem(StatusCode::BAD_REQUEST, "`Sec-WebSocket-Key`: expected 16 bytes in base64"))
}

fn problem(status: StatusCode, detail: &'static str) -> Problem {
    let code =
        if status == StatusCode::METHOD_NOT_ALLOWED { ErrorCode::MethodNotAllowed } else { ErrorCode::BadRequest };
    Problem::new(status, code, detail)
}

/// Returns the tokens of a list header, of all its lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().flat_map(|line| line.to_str().unwrap_or("").split(',').map(str::trim))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(lines: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn checked(changed: Option<(header::HeaderName, &'static str)>) -> Result<String, u16> {
        let mut all = headers(&[
            (header::CONNECTION, "keep-alive, Upgrade"),
            (header::UPGRADE, "WebSocket"),
            (header::SEC_WEBSOCKET_VERSION, "13"),
            (header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ]);
        if let Some((name, value)) = changed {
            all.insert(name, HeaderValue::from_static(value));
        }
        check(&Method::GET, Version::HTTP_11, &all).map(str::to_owned).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn browser_handshake_is_accepted() {
        assert_eq!(checked(None).as_deref(), Ok("dGhlIHNhbXBsZSBub25jZQ=="));
        // RFC 6455 §1.3 has this pair.
        assert_eq!(derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn incomplete_handshake_is_rejected_with_its_status() {
        assert_eq!(checked(Some((header::CONNECTION, "close"))), Err(426));
        assert_eq!(checked(Some((header::UPGRADE, "h2c"))), Err(426));
        assert_eq!(checked(Some((header::SEC_WEBSOCKET_VERSION, "8"))), Err(426));
        assert_eq!(checked(Some((header::SEC_WEBSOCKET_KEY, "short"))), Err(400));
        let none = headers(&[]);
        let checked = |method, version| {
            check(&method, version, &none).map(str::to_owned).map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(checked(Method::POST, Version::HTTP_11), Err(405));
        assert_eq!(checked(Method::GET, Version::HTTP_10), Err(426));
    }

    #[test]
    fn response_names_the_agreed_subprotocol() {
        let with = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Accept: k\r\nSec-WebSocket-Protocol: p\r\n\r\n";
        assert_eq!(String::from_utf8(response("k", Some("p"))).as_deref(), Ok(with));
        let without = with.replace("Sec-WebSocket-Protocol: p\r\n", "");
        assert_eq!(String::from_utf8(response("k", None)), Ok(without));
    }
}
