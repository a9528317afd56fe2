//! An OpenTelemetry collector that receives OTLP over HTTP and keeps the spans.

use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A span, as far as tests need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Name of the span.
    pub name: String,
    /// Trace id, in hexadecimal.
    pub trace: String,
    /// Id of the span.
    pub id: String,
    /// Id of the parent; empty for a root.
    pub parent: String,
}

/// A collector that runs as long as the runtime of the test.
pub struct Collector {
    /// Address as a URL without a path.
    pub url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    /// Starts a collector on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&spans);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { url, spans }
    }

    /// Returns the spans of this trace so far.
    pub fn spans_of(&self, trace: &str) -> Vec<Span> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().filter(|span| span.trace == trace).cloned().collect()
    }
}

/// Serves one connection: every request gets an empty 200 response.
async fn serve(mut stream: TcpStream, spans: Arc<Mutex<Vec<Span>>>) {
    let mut unread = Vec::new();
    while let Some(body) = read_request(&mut stream, &mut unread).await {
        if let Ok(request) = ExportTraceServiceRequest::decode(body.as_slice()) {
            spans.lock().unwrap_or_else(PoisonError::into_inner).extend(spans_in(&request));
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(head) = unread.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) {
            let end = head + content_length(&unread[..head]);
            if unread.len() >= end {
                let rest = unread.split_off(end);
                let request = std::mem::replace(unread, rest);
                return Some(request[head..].to_vec());
            }
        }
        if stream.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_lowercase();
    let line = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

fn spans_in(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans = scopes.flat_map(|scope| &scope.spans);
    let span = |span: &opentelemetry_proto::tonic::trace::v1::Span| Span {
        name: span.name.clone(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
    };
    spans.map(span).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
