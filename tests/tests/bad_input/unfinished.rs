//! Requests that never end, and heads that are too large, at both doors: none of them may hold a connection for ever.

use std::net::SocketAddr;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wirebell_tests::TIMEOUT;
use wirebell_tests::node::API_KEY;

use crate::row::Bench;

/// What is sent, and the statuses with which the node may answer before it cuts the connection; it may also cut it
/// without a word.
struct Row {
    name: &'static str,
    api: SocketAddr,
    sent: String,
    statuses: &'static [&'static str],
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_request_is_given_up() {
    let bench = Bench::start().await;
    let mut rows = Vec::new();
    for (api, path) in [(bench.node.clients, "/ws"), (bench.node.services, "/livez")] {
        let row = |name, sent, statuses| Row { name, api, sent, statuses };
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
    rows.push(Row { name: "half a body", api: bench.node.services, sent, statuses: &["408", "400"] });
    let faults: Vec<String> = join_all(rows.iter().map(try_row)).await.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(bench.lives().await);
}

async fn try_row(row: &Row) -> Option<String> {
    let Row { name, api, sent, statuses } = row;
    let mut stream = TcpStream::connect(api).await.expect("the node listens");
    // The node may cut it in the middle.
    let _ = stream.write_all(sent.as_bytes()).await;
    let mut answer = Vec::new();
    // A node may itself be as patient as half a minute.
    let read = tokio::time::timeout(2 * TIMEOUT, stream.read_to_end(&mut answer)).await;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).unwrap_or("");
    match read {
        Err(_) => Some(format!("{name}: the connection is still open at {api}, answered by {text:?}")),
        Ok(_) if status.is_empty() || statuses.contains(&status) => None,
        Ok(_) => Some(format!("{name}: answered by {text:?}")),
    }
}
