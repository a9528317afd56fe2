//! The opening handshake, RFC 6455 §4.2, on the server's side.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Version, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirebell_protocol::Fault;

use super::super::Claim;
use super::socket::Socket;
use crate::problem::Problem;

/// Accepts a request for a WebSocket, and is done with it. The socket's messages are up to `most_bytes` long, and it has the
/// subprotocol of these that the client offers first, if any. `take` gets the socket, and the subprotocol, once the request
/// is gone, whose answer is none but the socket's own: it waits there for what is said first, or for the first read, and
/// leaves in one piece with it.
pub fn accept(
    request: Request,
    subprotocols: &[&'static str],
    most_bytes: usize,
    take: impl FnOnce(Socket, Option<&'static str>) + Send + 'static,
) -> Result<(), Problem> {
    let key = check(request.method(), request.version(), request.headers())?;
    let subprotocol = tokens(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL)
        .find_map(|offer| subprotocols.iter().find(|known| **known == offer).copied());
    let claim = request
        .extensions()
        .get::<Claim>()
        .ok_or_else(|| refuse(StatusCode::UPGRADE_REQUIRED, "this connection cannot be upgraded"))?;
    let answer = answer(&derive_accept_key(key.as_bytes()), subprotocol);
    claim.make(move |connection, come| take(Socket::new(connection, answer, come, most_bytes), subprotocol));
    // Whoever waits to be answered by the socket needs nothing of it any more.
    drop(request);
    Ok(())
}

fn answer(accepted: &str, subprotocol: Option<&str>) -> Vec<u8> {
    let mut answer = Vec::with_capacity(192);
    answer.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    let lines = [("Sec-WebSocket-Accept", Some(accepted)), ("Sec-WebSocket-Protocol", subprotocol)];
    for (name, value) in lines.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        for part in [name, ": ", value, "\r\n"] {
            answer.extend_from_slice(part.as_bytes());
        }
    }
    answer.extend_from_slice(b"\r\n");
    answer
}

/// What a client has to ask for. Answers its key.
fn check<'a>(method: &Method, version: Version, headers: &'a HeaderMap) -> Result<&'a str, Problem> {
    let holds = |name, wanted: &str| tokens(headers, &name).any(|token| token.eq_ignore_ascii_case(wanted));
    if method != Method::GET {
        return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is asked for by GET"));
    }
    if version < Version::HTTP_11 {
        return Err(refuse(StatusCode::UPGRADE_REQUIRED, "a WebSocket is asked for by HTTP/1.1"));
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
    use axum::http::HeaderValue;

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
        check(&Method::GET, Version::HTTP_11, &all).map(str::to_owned).map_err(|problem| problem.status().as_u16())
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
        let asked = |method, version| {
            check(&method, version, &none).map(str::to_owned).map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(asked(Method::POST, Version::HTTP_11), Err(405));
        assert_eq!(asked(Method::GET, Version::HTTP_10), Err(426));
    }

    #[test]
    fn the_answer_names_what_was_agreed() {
        let with = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Accept: k\r\nSec-WebSocket-Protocol: p\r\n\r\n";
        assert_eq!(String::from_utf8(answer("k", Some("p"))).as_deref(), Ok(with));
        let without = with.replace("Sec-WebSocket-Protocol: p\r\n", "");
        assert_eq!(String::from_utf8(answer("k", None)), Ok(without));
    }
}
