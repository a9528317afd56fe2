//! Presence as services see it: queried at the server API, and reported once for each change
//! through the inbox, whatever happens to sessions, nodes and Redis.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use wirebell_tests::client::Client;
use wirebell_tests::eventually;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::{Issuer, claims, with};

/// Time limit for correct presence after a node was killed.
const CRASH_LIMIT: Duration = Duration::from_secs(5);

fn token(user: &str, device: &str) -> String {
    Issuer::default().sign(&with(claims(user), "device", json!(device)))
}

async fn connect(node: &Node, user: &str) -> Client {
    Client::connect(node.clients, &token(user, "phone")).await
}

/// Returns what the node's server API says about the user.
async fn user_status(node: &Node, user: &str) -> Value {
    let response = node.api().get(&format!("/v1/users/{user}")).await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

async fn is_online(node: &Node, user: &str) -> bool {
    user_status(node, user).await["online"] == true
}

/// Waits until the node knows this many sessions of the user.
async fn sessions(node: &Node, user: &str, count: usize) {
    let what = format!("{user} has {count} sessions");
    eventually(&what, || async {
        user_status(node, user).await["sessions"].as_array().is_some_and(|it| it.len() == count)
    })
    .await;
}

/// Returns the user's presence changes in the inbox, in order.
async fn presence_events(redis: &Redis, user: &str) -> Vec<String> {
    let mut found = Vec::new();
    for shard in 0..8 {
        let key = format!("wb:{{inbox:{shard}}}:events");
        let entries: Vec<(String, Vec<String>)> = redis.query(&["XRANGE", &key, "-", "+"]).await.expect("a Stream");
        for (_, fields) in entries {
            let field = |name: &str| {
                let at = fields.iter().step_by(2).position(|known| known == name);
                at.map_or_else(|| panic!("no `{name}` in {fields:?}"), |at| fields[2 * at + 1].clone())
            };
            if field("user") == user {
                let data: Value = serde_json::from_str(&field("data")).expect("JSON");
                assert!(data["since"].is_u64() && field("at").parse::<u64>().is_ok(), "{fields:?}");
                assert!(!field("id").is_empty());
                found.push(field("type"));
            }
        }
    }
    found
}

const ONLINE: &str = "user.online";
const OFFLINE: &str = "user.offline";

async fn wait_for_presence_events(redis: &Redis, user: &str, expected: &[&str]) {
    let what = format!("{user}: {expected:?}");
    eventually(&what, || async { presence_events(redis, user).await == expected }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn online_and_offline_are_reported_once() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    assert_eq!((user_status(&a, "42").await)["online"], false);
    let first = connect(&a, "42").await;
    sessions(&b, "42", 1).await;
    let status = user_status(&b, "42").await;
    let session = &status["sessions"][0];
    assert_eq!(
        (&status["online"], &session["device"], &session["transport"]),
        (&json!(true), &json!("phone"), &json!("websocket"))
    );
    assert_eq!(session["connection"], first.connection());
    assert!(session["since"].is_u64() && status["since"].is_u64(), "{status}");

    // A second session, and a move to another node within the grace period, change nothing.
    let second = connect(&b, "42").await;
    sessions(&b, "42", 2).await;
    first.close().await;
    second.close().await;
    sessions(&a, "42", 0).await;
    assert!(is_online(&a, "42").await, "the user is within the grace period");
    let third = connect(&a, "42").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    wait_for_presence_events(&redis, "42", &[ONLINE]).await;
    assert_eq!(user_status(&b, "42").await["since"], status["since"]);

    third.close().await;
    eventually("offline", || async { !is_online(&b, "42").await }).await;
    wait_for_presence_events(&redis, "42", &[ONLINE, OFFLINE]).await;
    assert_eq!(user_status(&a, "42").await["sessions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_only_on_a_killed_node_go_offline() {
    let redis = Redis::start().await;
    let (mut a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let name = |kind: &str, number: usize| format!("{kind}{number}");
    let mut clients = Vec::new();
    for number in 0..10 {
        clients.push(connect(&a, &name("gone", number)).await);
        clients.push(connect(&a, &name("both", number)).await);
        clients.push(connect(&b, &name("both", number)).await);
        clients.push(connect(&a, &name("moving", number)).await);
    }
    for number in 0..10 {
        sessions(&b, &name("both", number), 2).await;
        sessions(&b, &name("gone", number), 1).await;
        sessions(&b, &name("moving", number), 1).await;
    }
    a.signal("KILL");
    a.ended().await;
    let killed = Instant::now();
    for number in 0..10 {
        clients.push(connect(&b, &name("moving", number)).await);
    }
    for number in 0..10 {
        eventually("offline", || async { !is_online(&b, &name("gone", number)).await }).await;
        sessions(&b, &name("both", number), 1).await;
        sessions(&b, &name("moving", number), 1).await;
    }
    println!("presence was correct {:?} after the kill", killed.elapsed());
    assert!(killed.elapsed() < CRASH_LIMIT, "it took {:?}", killed.elapsed());
    for number in 0..10 {
        wait_for_presence_events(&redis, &name("gone", number), &[ONLINE, OFFLINE]).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for number in 0..10 {
        assert_eq!(presence_events(&redis, &name("gone", number)).await, [ONLINE, OFFLINE]);
        assert_eq!(presence_events(&redis, &name("both", number)).await, [ONLINE]);
        assert_eq!(presence_events(&redis, &name("moving", number)).await, [ONLINE]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_restores_presence_of_its_sessions_after_a_freeze() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut clients = Vec::new();
    for number in 0..10 {
        clients.push(connect(&a, &format!("u{number}")).await);
        sessions(&b, &format!("u{number}"), 1).await;
    }
    a.signal("STOP");
    for number in 0..10 {
        wait_for_presence_events(&redis, &format!("u{number}"), &[ONLINE, OFFLINE]).await;
    }
    a.signal("CONT");
    for number in 0..10 {
        sessions(&b, &format!("u{number}"), 1).await;
        wait_for_presence_events(&redis, &format!("u{number}"), &[ONLINE, OFFLINE, ONLINE]).await;
    }
    // A freeze shorter than a lease changes nothing.
    a.signal("STOP");
    tokio::time::sleep(Duration::from_secs(1)).await;
    a.signal("CONT");
    tokio::time::sleep(Duration::from_secs(4)).await;
    for number in 0..10 {
        assert_eq!(presence_events(&redis, &format!("u{number}")).await, [ONLINE, OFFLINE, ONLINE]);
        sessions(&b, &format!("u{number}"), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_restore_presence_after_redis_lost_its_data() {
    let mut redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut clients = Vec::new();
    for number in 0..10 {
        let node = if number % 2 == 0 { &a } else { &b };
        clients.push(connect(node, &format!("u{number}")).await);
    }
    let leaver = connect(&a, "leaver").await;
    sessions(&b, "leaver", 1).await;
    redis.kill();
    leaver.close().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    redis.restart().await;
    for number in 0..10 {
        eventually("the session is known again", || async {
            let status = a.api().get(&format!("/v1/users/u{number}")).await;
            status.status == 200 && status.json()["online"] == true
        })
        .await;
        sessions(&b, &format!("u{number}"), 1).await;
        wait_for_presence_events(&redis, &format!("u{number}"), &[ONLINE]).await;
    }
    assert!(presence_events(&redis, "leaver").await.is_empty(), "no node has a session of this user");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_outage_changes_no_presence() {
    let mut redis = Redis::start_durable().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let stays = [connect(&a, "stays-a").await, connect(&b, "stays-b").await];
    let leaver = connect(&a, "leaver").await;
    sessions(&b, "leaver", 1).await;
    sessions(&a, "stays-b", 1).await;
    redis.kill();
    leaver.close().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    redis.restart().await;
    wait_for_presence_events(&redis, "leaver", &[ONLINE, OFFLINE]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    for (node, user) in [(&b, "stays-a"), (&a, "stays-b")] {
        assert_eq!(presence_events(&redis, user).await, [ONLINE], "{user}");
        sessions(node, user, 1).await;
    }
    drop(stays);
}

#[tokio::test(flavor = "multi_thread")]
async fn drain_changes_no_presence_but_the_end_of_all_nodes_does() {
    let redis = Redis::start().await;
    let setup = Setup::serve(&redis).set("drain.notice", "100ms").set("drain.window", "1s");
    let (mut a, mut b) = (setup.start().await, setup.start().await);
    let mut moving = connect(&a, "moving").await;
    let gone = connect(&a, "gone").await;
    sessions(&b, "gone", 1).await;
    a.terminate();
    moving.frame("wirebell.reconnect").await;
    moving.ending().await;
    let _moved = connect(&b, "moving").await;
    drop(gone);
    assert!(a.ended().await.success());
    wait_for_presence_events(&redis, "gone", &[ONLINE, OFFLINE]).await;
    assert_eq!(presence_events(&redis, "moving").await, [ONLINE]);
    assert_eq!(user_status(&b, "moving").await["sessions"].as_array().map(Vec::len), Some(1));

    // Without a running node no change is reported. The next node reports it.
    b.signal("KILL");
    b.ended().await;
    let c = setup.start().await;
    wait_for_presence_events(&redis, "moving", &[ONLINE, OFFLINE]).await;
    assert!(!is_online(&c, "moving").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_online_user_is_listed_once() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut expected: Vec<String> = (0..60).map(|number| format!("u{number}")).collect();
    let connected = expected.iter().enumerate();
    let clients = join_all(connected.map(|(number, user)| connect(if number % 3 == 0 { &a } else { &b }, user)));
    let clients = clients.await;
    for user in &expected {
        sessions(&a, user, 1).await;
        sessions(&b, user, 1).await;
    }
    for limit in [7, 60, 1_000] {
        let (mut listed, mut after) = (Vec::new(), String::new());
        loop {
            let response = a.api().get(&format!("/v1/users?online=true&limit={limit}{after}")).await;
            assert_eq!(response.status, 200, "{}", response.text);
            let page = response.json();
            let users = page["users"].as_array().expect("a list").clone();
            assert!(users.len() <= limit, "{page}");
            for user in users {
                assert_eq!(user["sessions"].as_array().map(Vec::len), Some(1), "{user}");
                listed.push(user["id"].as_str().expect("an id").to_owned());
            }
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected, "in pages of {limit}");
    }
    drop(clients);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_disconnects_sessions_on_any_node() {
    let redis = Redis::start().await;
    let (a, b) = (Setup::serve(&redis).start().await, Setup::serve(&redis).start().await);
    let mut phone = Client::connect(a.clients, &token("42", "phone")).await;
    let mut laptop = Client::connect(b.clients, &token("42", "laptop")).await;
    let mut other = connect(&a, "43").await;
    sessions(&b, "42", 2).await;
    sessions(&a, "42", 2).await;
    let post = async |node: &Node, body: &str| {
        let headers = [("content-type", "application/json")];
        let response = node.api().send("POST", "/v1/users/42/disconnect", &headers, body.to_owned()).await;
        assert_eq!(response.status, 200, "{}", response.text);
        response.json()
    };
    assert_eq!(post(&b, r#"{"device":"tablet"}"#).await, json!({"id": "42", "told": 0, "connections": []}));
    let response = post(&b, r#"{"device":"phone","reason":"a new password"}"#).await;
    assert_eq!(response, json!({"id": "42", "told": 1, "connections": [phone.connection()]}));
    let (frames, end) = phone.ending().await;
    let last = frames.last().expect("a last frame");
    assert_eq!((&last["type"], &last["code"]), (&json!("wirebell.error"), &json!("disconnected")), "{frames:?}");
    assert_eq!(last["message"], "a new password");
    assert_eq!(end, wirebell_tests::client::Incoming::Closed(Some(4403)));
    sessions(&a, "42", 1).await;
    assert_eq!(post(&a, "").await["connections"], json!([laptop.connection()]));
    assert_eq!(laptop.ending().await.1, wirebell_tests::client::Incoming::Closed(Some(4403)));
    wait_for_presence_events(&redis, "42", &[ONLINE, OFFLINE]).await;
    assert_eq!(other.request(&json!({"type": "wirebell.ping", "ref": "1"})).await["type"], "wirebell.pong");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_presence_nothing_is_written() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("presence.enabled", "false").start().await;
    let client = connect(&node, "42").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let keys: Vec<String> = redis.query(&["KEYS", "wb:{inbox:*"]).await.expect("keys");
    assert_eq!(keys, [""; 0]);
    let status = user_status(&node, "42").await;
    assert_eq!(status["sessions"][0]["connection"], client.connection());
    assert!(status.get("online").is_none(), "{status}");
    for (method, path) in [("GET", "/v1/users?online=true"), ("POST", "/v1/users/42/disconnect")] {
        let response = node.api().send(method, path, &[], String::new()).await;
        assert_eq!((response.status, &response.json()["code"]), (501, &json!("unsupported")), "{path}");
    }
}
