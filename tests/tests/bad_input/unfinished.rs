//! Unfinished requests and oversized heads on both ports. None of them may hold a connection
//! forever.

use std::net::SocketAddr;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wirebell_tests::TIMEOUT;
use wirebell_tests::node::API_KEY;

use crate::row::Bench;

/// The sent bytes, and the statuses that the node may return before it cuts the connection. It may
/// also cut it without a response.
struct Row {
    name: &'static str,
    address: SocketAddr,
    sent: String,
    statuses: &'static [&'static str],
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_request_is_closed() {
    let bench = Bench::start().await;
    let mut rows = Vec::new();
    for (address, path) in [(bench.node.clients, "/ws"), (bench.node.services, "/livez")] {
        let row = |name, sent, statuses| Row { name, address, sent, statuses };
        let long = "x".repeat(1_000_000);
        rows.push(row("nothing at all", String::new(), &["408"]));
        rows.push(row("half a head", format!("GET {path} HTTP/1.1\r\nhost: x\r\n"), &["408"]));
        rows.push(row(
            "a head of a megabyte",
            format!("GET {path} HTTP/1.1\r\nx: {long}\r\n\r\n"),
            &["431", "400"],
        ));
        rows.push(row("a path of a megabyte", format!("GET /{long} HTTP/1.1\r\n\r\n"), &["414", "431", "400"]));
        rows.push(row("no HTTP", "hello, is anybody there?\r\n\r\n".to_owned(), &["400"]));
    }
    let head = format!("POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_KEY}\r\n");
    let sent = format!("{head}content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"to\":");
    rows.push(Row { name: "half a body", address: bench.node.services, sent, statuses: &["408", "400"] });
    let failures: Vec<String> = join_all(rows.iter().map(try_row)).await.into_iter().flatten().collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(bench.is_alive().await);
}

async fn try_row(row: &Row) -> Option<String> {
    let Row { name, address, sent, statuses } = row;
    let mut stream = TcpStream::connect(address).await.expect("the node listens");
    // The node may cut the connection during the write.
    let _ = stream.write_all(sent.as_bytes()).await;
    let mut response = Vec::new();
    // Timeouts of the node may be as long as half a minute.
    let read = tokio::time::timeout(2 * TIMEOUT, stream.read_to_end(&mut response)).await;
    let text = String::from_utf8_lossy(&response);
    let status = text.split(' ').nth(1).unwrap_or("");
    match read {
        Err(_) => Some(format!("{name}: the connection is still open at {address}, the node sent {text:?}")),
        Ok(_) if status.is_empty() || statuses.contains(&status) => None,
        Ok(_) => Some(format!("{name}: the node sent {text:?}")),
    }
}
