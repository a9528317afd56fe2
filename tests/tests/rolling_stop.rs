//! A node is stopped as in a rolling update: its clients are told, spread over the window, to go to another node, and
//! do so; a second signal ends it at once.

use futures_util::future::join_all;
use serde_json::json;
use wirebell_tests::client::{Client, Incoming, TokenLocation};
use wirebell_tests::eventually;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::Issuer;

const CLIENTS: usize = 300;
/// Seconds over which the clients are spread.
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
    unready_before_anybody_is_told(&leaving).await;
    // Until then a balancer may still send clients here, so they are still let in.
    clients.push(Client::connect(leaving.clients, &Issuer::default().token("in-the-notice")).await);
    let told = tokio::sync::Notify::new();
    let goodbyes = join_all(clients.into_iter().map(|client| goodbye(client, &told)));
    let late = async {
        told.notified().await;
        newcomer(&leaving).await
    };
    let (goodbyes, refusal) = tokio::join!(goodbyes, late);
    println!("a newcomer after the notice sees {refusal}");

    let afters: Vec<f64> = goodbyes.iter().map(|(after, _)| *after).collect();
    assert!(afters.iter().all(|after| (0.0..=WINDOW).contains(after)), "outside of the window: {afters:?}");
    let mut distinct = afters.clone();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    assert!(distinct.len() > CLIENTS / 4, "{} clients share {} moments", afters.len(), distinct.len());
    let spread = distinct[distinct.len() - 1] - distinct[0];
    assert!(spread > WINDOW / 2.0, "all within {spread} s");
    assert!(goodbyes.iter().all(|(_, end)| *end == Incoming::Closed(Some(1012))), "not all were closed by 1012");

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
async fn a_client_gets_its_events_until_it_leaves() {
    let redis = Redis::start().await;
    let (leaving, staying) = (setup(&redis).start().await, setup(&redis).start().await);
    let mut clients = connect(&leaving).await;
    leaving.terminate();
    unready_before_anybody_is_told(&leaving).await;
    staying.api().publish_accepted(&json!({"to": "all", "type": "late", "data": 1})).await;
    for client in &mut clients {
        client.frame("late").await;
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let redis = Redis::start().await;
    let setup = Setup::serve(&redis).set("drain.notice", "20m").set("drain.window", "20m");
    let mut node = setup.set("drain.deadline", "50m").start().await;
    let mut client = Client::connect(node.clients, &Issuer::default().token("42")).await;
    node.terminate();
    unready_before_anybody_is_told(&node).await;
    assert!(node.is_running(), "the first signal must let the clients leave");
    node.terminate();
    node.ended().await;
    let (_, end) = client.ending().await;
    assert!(matches!(end, Incoming::Closed(_) | Incoming::Lost), "{end:?}");
}

#[tokio::test]
async fn a_node_without_clients_ends_soon() {
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

async fn unready_before_anybody_is_told(node: &Node) {
    let api = node.api();
    eventually("/readyz says 503", || async { api.get("/readyz").await.status == 503 }).await;
    let answer = api.get("/readyz").await.json();
    assert_eq!(answer["reasons"][0]["reason"], "draining", "{answer}");
    assert_eq!(api.get("/livez").await.status, 200, "a draining node must not be restarted");
}

/// The `after` that a client is told, and how it is closed.
async fn goodbye(mut client: Client, told: &tokio::sync::Notify) -> (f64, Incoming) {
    let reconnect = client.frame("wirebell.reconnect").await;
    told.notify_one();
    assert_eq!(reconnect["reason"], "drain");
    let (frames, end) = client.ending().await;
    assert!(frames.iter().all(|frame| frame["type"] != "wirebell.reconnect"), "told twice: {frames:?}");
    (reconnect["after"].as_f64().expect("seconds"), end)
}

/// One who comes too late gets a clear answer, whether before or after the upgrade, and no welcome.
async fn newcomer(node: &Node) -> String {
    let token = Issuer::default().token("newcomer");
    match Client::open(node.clients, Some((TokenLocation::Header, &token))).await {
        Err(refused) => {
            assert_eq!(refused.status, 503, "{}", refused.body);
            format!("HTTP 503 {}", refused.body)
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
