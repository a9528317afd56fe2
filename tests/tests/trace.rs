//! A trace that begins at the publisher reaches the client, and the node exports its own span to a
//! collector.

use serde_json::json;
use wirebell_tests::client::Client;
use wirebell_tests::collector::Collector;
use wirebell_tests::eventually;
use wirebell_tests::node::Setup;
use wirebell_tests::redis::Redis;
use wirebell_tests::token::Issuer;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn event() -> serde_json::Value {
    json!({"to": "user:42", "type": "t", "data": 1, "traceparent": format!("00-{TRACE}-{PARENT}-01")})
}

#[tokio::test]
async fn client_receives_the_trace_of_the_publisher() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let mut client = Client::connect(node.clients, &Issuer::default().token("42")).await;
    node.api().publish_accepted(&event()).await;
    assert_eq!(trace_of(&client.event().await).0, TRACE);
}

#[tokio::test]
async fn node_exports_a_child_span_of_the_publisher() {
    let (redis, collector) = (Redis::start().await, Collector::start().await);
    let node = Setup::serve(&redis).set("telemetry.otlp_endpoint", &collector.url).start().await;
    let mut client = Client::connect(node.clients, &Issuer::default().token("42")).await;
    node.api().publish_accepted(&event()).await;
    let (trace, parent) = trace_of(&client.event().await);
    assert_eq!(trace, TRACE);

    let child = || collector.spans_of(TRACE).into_iter().find(|span| span.parent == PARENT);
    eventually("a child span of the publisher's", || async { child().is_some() }).await;
    let spans = collector.spans_of(TRACE);
    println!("exported: {spans:?}");
    // A client that continues the received trace continues a span that the collector knows.
    assert!(
        parent == PARENT || spans.iter().any(|span| span.id == parent),
        "no span has the id {parent}: {spans:?}"
    );
}

#[tokio::test]
async fn unreachable_collector_does_not_disturb_delivery() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("telemetry.otlp_endpoint", "http://127.0.0.1:1").start().await;
    let mut client = Client::connect(node.clients, &Issuer::default().token("42")).await;
    for _ in 0..50 {
        node.api().publish_accepted(&event()).await;
        client.event().await;
    }
    assert_eq!(node.api().get("/readyz").await.status, 200);
}

/// Returns trace id and parent id of a frame.
fn trace_of(frame: &serde_json::Value) -> (String, String) {
    let text = frame["traceparent"].as_str().unwrap_or_else(|| panic!("no traceparent in {frame}"));
    let parts: Vec<&str> = text.split('-').collect();
    assert_eq!((parts.len(), parts[0]), (4, "00"), "{text}");
    (parts[1].to_owned(), parts[2].to_owned())
}
