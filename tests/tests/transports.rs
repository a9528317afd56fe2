//! The memory of a client over Server-Sent Events or Socket.IO. It is no more than over a
//! WebSocket, since the session writes to the socket by itself. The figures are printed; the limit
//! is that of `memory.rs`.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wirebell_tests::TIMEOUT;
use wirebell_tests::memory::pss;
use wirebell_tests::node::Setup;
use wirebell_tests::raw::masked;
use wirebell_tests::redis::Redis;
use wirebell_tests::token::Issuer;

const CONNECTIONS: u32 = 1_000;
/// Connections before the measurement. What they make the node load is not the cost of a
/// connection.
const FIRST: u32 = 100;
/// Maximum memory of one connection, in bytes.
const LIMIT: u64 = 8 * 1024;

/// The nodes run one after the other. Memory that two nodes share would count half for each until
/// one ends.
#[tokio::test]
async fn sse_and_socket_io_connections_stay_below_the_memory_limit() {
    measure("Server-Sent Events", "wirebell.welcome", |token| {
        (format!("GET /events?access_token={token} HTTP/1.1\r\nhost: node\r\n\r\n"), Vec::new())
    })
    .await;
    measure("Socket.IO", "socket-id", |token| {
        let head = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: node\r\nupgrade: websocket\r\n\
                    connection: upgrade\r\nsec-websocket-version: 13\r\n\
                    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        (head.to_owned(), masked(0x81, format!(r#"40{{"token":"{token}"}}"#).as_bytes()))
    })
    .await;
}

/// Opens connections, each with its own user. `ask` returns the request and what is sent after the
/// response.
async fn measure(name: &str, welcome: &str, ask: impl Fn(&str) -> (String, Vec<u8>)) {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("clients.heartbeat", "600s").start().await;
    let issuer = Issuer::default();
    let mut streams = Vec::new();
    let mut before = 0;
    for number in 0..FIRST + CONNECTIONS {
        if number == FIRST {
            tokio::time::sleep(Duration::from_secs(1)).await;
            before = pss(node.pid());
        }
        let (head, more) = ask(&issuer.token(&number.to_string()));
        streams.push(connect(node.clients, &head, &more, welcome).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = pss(node.pid()).saturating_sub(before) / u64::from(CONNECTIONS);
    println!("{name}: {each} bytes each of {CONNECTIONS} idle connections");
    assert!(each <= LIMIT, "{name}: {each} bytes each, more than {LIMIT}");
}

async fn connect(address: SocketAddr, head: &str, more: &[u8], welcome: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the node listens");
    stream.write_all(head.as_bytes()).await.expect("the head is sent");
    let answered = if more.is_empty() { welcome } else { "\r\n\r\n" };
    read_until(&mut stream, answered).await;
    stream.write_all(more).await.expect("the rest is sent");
    if !more.is_empty() {
        read_until(&mut stream, welcome).await;
    }
    stream
}

async fn read_until(stream: &mut TcpStream, text: &str) {
    let mut received = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&received).contains(text) {
            let mut piece = [0; 1024];
            let count = stream.read(&mut piece).await.expect("the node responses");
            assert!(count > 0, "the node closed the connection: {}", String::from_utf8_lossy(&received));
            received.extend_from_slice(&piece[..count]);
        }
    };
    tokio::time::timeout(TIMEOUT, reading).await.expect("the node responses in time");
    assert!(!received.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&received));
}
