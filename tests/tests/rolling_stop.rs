//! A node stops as in a rolling update. Its clients are asked to reconnect to another node, spread
//! over the window. A second signal ends the node at once.

use futures_util::future::join_all;
use serde_json::json;
use wirebell_tests::client::{Client, Incoming, TokenLocation};
use wirebell_tests::eventually;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::Issuer;

const CLIENTS: usize = 300;
/// Window over which the clients are spread, in seconds.
const WINDOW: f64 = 3.0;

fn setup(redis: &Redis) -> Setup {
    Setup::serve(redis).set("drain.notice", "1s").set("drain.window", "3s").set("drain.deadline", "30s")
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_move_to_the_other_node() {
    let redis = Redis::start().await;
    let (mut leaving, staying) = (setup(&redis).start().await, setup(&redis).start().await);
    let mut clients = connect(&leaving).await;
    leaving.terminate();
    is_unready_before_reconnects(&leaving).await;
    // Until then a balancer may still send clients here. They are accepted.
    clients.push(Client::connect(leaving.clients, &Issuer::default().token("in-the-notice")).await);
    let asked = tokio::sync::Notify::new();
    let ends = join_all(clients.into_iter().map(|client| reconnect_and_end(client, &asked)));
    let late = async {
        asked.notified().await;
        late_client(&leaving).await
    };
    let (ends, rejection) = tokio::join!(ends, late);
    println!("a client that connects after the notice receives {rejection}");

    let afters: Vec<f64> = ends.iter().map(|(after, _)| *after).collect();
    assert!(afters.iter().all(|after| (0.0..=WINDOW).contains(after)), "outside of the window: {afters:?}");
    let mut distinct = afters.clone();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    assert!(distinct.len() > CLIENTS / 4, "{} clients share {} moments", afters.len(), distinct.len());
    let spread = distinct[distinct.len() - 1] - distinct[0];
    assert!(spread > WINDOW / 2.0, "all within {spread} s");
    assert!(ends.iter().all(|(_, end)| *end == Incoming::Closed(Some(1012))), "not all were closed with 1012");

    let status = leaving.ended().await;
    assert!(status.success(), "{status}: {}", leaving.log.text());
    let mut moved = connect(&staying).await;
    for client in &mut moved {
        let to = format!("user:{}", client.user());
        staying.api().publish_accepted(&json!({"to": to, "type": "t", "data": 1})).await;
        assert_eq!(client.event().await["channel"], to);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_receive_events_until_they_leave() {
    let redis = Redis::start().await;
    let (leaving, staying) = (setup(&redis).start().await, setup(&redis).start().await);
    let mut clients = connect(&leaving).await;
    leaving.terminate();
    is_unready_before_reconnects(&leaving).await;
    staying.api().publish_accepted(&json!({"to": "all", "type": "late", "data": 1})).await;
    for client in &mut clients {
        client.frame("late").await;
    }
}

#[tokio::test]
async fn second_signal_ends_the_node_at_once() {
    let redis = Redis::start().await;
    let setup = Setup::serve(&redis).set("drain.notice", "20m").set("drain.window", "20m");
    let mut node = setup.set("drain.deadline", "50m").start().await;
    let mut client = Client::connect(node.clients, &Issuer::default().token("42")).await;
    node.terminate();
    is_unready_before_reconnects(&node).await;
    assert!(node.is_running(), "the first signal must start a drain");
    node.terminate();
    node.ended().await;
    let (_, end) = client.ending().await;
    assert!(matches!(end, Incoming::Closed(_) | Incoming::Lost), "{end:?}");
}

#[tokio::test]
async fn node_without_clients_ends_soon() {
    let redis = Redis::start().await;
    let mut node = setup(&redis).start().await;
    node.terminate();
    assert!(node.ended().await.success());
}

async fn connect(node: &Node) -> Vec<Client> {
    let issuer = Issuer::default();
    let mut clients = Vec::new();
    for user in 0..CLIENTS {
        clients.push(Client::connect(node.clients, &issuer.token(&format!("u{user}"))).await);
    }
    clients
}

async fn is_unready_before_reconnects(node: &Node) {
    let api = node.api();
    eventually("/readyz says 503", || async { api.get("/readyz").await.status == 503 }).await;
    let response = api.get("/readyz").await.json();
    assert_eq!(response["reasons"][0]["reason"], "draining", "{response}");
    assert_eq!(api.get("/livez").await.status, 200, "a draining node must not be restarted");
}

/// Returns the `after` of the client's reconnect frame, and the end of the connection.
async fn reconnect_and_end(mut client: Client, asked: &tokio::sync::Notify) -> (f64, Incoming) {
    let reconnect = client.frame("wirebell.reconnect").await;
    asked.notify_one();
    assert_eq!(reconnect["reason"], "drain");
    let (frames, end) = client.ending().await;
    assert!(frames.iter().all(|frame| frame["type"] != "wirebell.reconnect"), "asked twice: {frames:?}");
    (reconnect["after"].as_f64().expect("seconds"), end)
}

/// A client that connects too late gets a clear error, before or after the upgrade, and no welcome.
async fn late_client(node: &Node) -> String {
    let token = Issuer::default().token("newcomer");
    match Client::open(node.clients, Some((TokenLocation::Header, &token))).await {
        Err(rejected) => {
            assert_eq!(rejected.status, 503, "{}", rejected.body);
            format!("HTTP 503 {}", rejected.body)
        }
        Ok(mut client) => {
            let (frames, end) = client.ending().await;
            assert!(frames.iter().all(|frame| frame["type"] != "wirebell.welcome"), "{frames:?}");
            assert_eq!(frames[0]["code"], "draining", "{frames:?}");
            assert_eq!(end, Incoming::Closed(Some(1012)));
            format!("{frames:?}")
        }
    }
}
