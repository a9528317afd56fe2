//! A limit on the sessions of a user over all nodes. It holds exactly, also with concurrent
//! connects on several nodes.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use wirebell_tests::client::{Client, Incoming, TokenLocation};
use wirebell_tests::eventually;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::Issuer;

/// Maximum sessions of a user.
const MAX_SESSIONS: usize = 3;

fn setup(redis: &Redis, when_full: &str) -> Setup {
    Setup::serve(redis).set("sessions.max_per_user", &MAX_SESSIONS.to_string()).set("sessions.when_full", when_full)
}

/// Returns the connections of user 42 in presence, queried at a node that holds none of them.
async fn known(observer: &Node) -> Vec<String> {
    let listed: Value = observer.api().get("/v1/users/42").await.json();
    let sessions = listed["sessions"].as_array().cloned().unwrap_or_default();
    sessions.iter().map(|session| session["connection"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Connects. Returns the client, or the error and the end of the connection.
async fn try_connect(node: &Node) -> Result<Client, (Value, Incoming)> {
    let token = Issuer::default().token("42");
    let mut client = Client::open(node.clients, Some((TokenLocation::Header, &token))).await.expect("an upgrade");
    match client.next(wirebell_tests::TIMEOUT).await {
        Incoming::Frame(frame) if frame["type"] == "wirebell.welcome" => {
            client.welcome = frame;
            Ok(client)
        }
        Incoming::Frame(frame) => Err((frame, client.ending().await.1)),
        end => panic!("neither a welcome nor an error: {end:?}"),
    }
}

/// Returns how the connection ended, if it ends within a moment.
async fn end_within_a_moment(client: &mut Client) -> Option<(Value, Incoming)> {
    let mut last = Value::Null;
    loop {
        match client.next(Duration::from_millis(1_500)).await {
            Incoming::Frame(frame) => last = frame,
            Incoming::Ping => {}
            Incoming::Silence => return None,
            end => return Some((last, end)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn newest_sessions_stay_and_the_limit_always_holds() {
    let redis = Redis::start().await;
    let setup = setup(&redis, "replace_oldest");
    let nodes = [setup.start().await, setup.start().await, setup.start().await];
    let observer = setup.start().await;
    let connects = join_all((0..45).map(|number| try_connect(&nodes[number % 3])));
    let watch = async {
        loop {
            let listed = known(&observer).await;
            assert!(listed.len() <= MAX_SESSIONS, "{listed:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let results = tokio::select! {
        results = connects => results,
        () = watch => unreachable!(),
    };
    let mut clients: Vec<Client> = results.into_iter().map(|client| client.expect("all are accepted")).collect();
    eventually("only the permitted sessions are left", || async { known(&observer).await.len() == MAX_SESSIONS })
        .await;
    let ends = join_all(clients.iter_mut().map(end_within_a_moment)).await;
    let replaced: Vec<_> = ends.iter().flatten().collect();
    assert_eq!(replaced.len(), 45 - MAX_SESSIONS);
    for (last, end) in replaced {
        assert_eq!((&last["code"], end), (&json!("replaced"), &Incoming::Closed(Some(4409))), "{last}");
    }
    let staying: Vec<_> = clients.iter().zip(&ends).filter(|(_, end)| end.is_none()).collect();
    let mut open: Vec<&str> = staying.iter().map(|(client, _)| client.connection()).collect();
    let mut listed = known(&observer).await;
    open.sort_unstable();
    listed.sort();
    assert_eq!(listed, open, "presence lists the open sessions");

    let mut newest = Vec::new();
    for node in &nodes {
        newest.push(try_connect(node).await.expect("a newer one is accepted"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut expected: Vec<&str> = newest.iter().map(Client::connection).collect();
    expected.sort_unstable();
    let mut listed = known(&observer).await;
    listed.sort();
    assert_eq!(listed, expected);
    for (client, end) in clients.iter_mut().zip(ends) {
        if end.is_none() {
            assert_eq!(client.ending().await.1, Incoming::Closed(Some(4409)));
        }
    }
    assert!(
        join_all(newest.iter_mut().map(end_within_a_moment)).await.iter().all(Option::is_none),
        "the newest stay"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn session_over_the_limit_is_rejected_until_another_ends() {
    let redis = Redis::start().await;
    let setup = setup(&redis, "refuse");
    let (a, b) = (setup.start().await, setup.start().await);
    let results = join_all((0..30).map(|number| try_connect(if number % 2 == 0 { &a } else { &b }))).await;
    let (accepted, rejected): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(accepted.len(), MAX_SESSIONS);
    for (frame, end) in rejected.into_iter().filter_map(Result::err) {
        assert_eq!((&frame["code"], end), (&json!("too_many_sessions"), Incoming::Closed(Some(4429))));
    }
    let mut clients: Vec<Client> = accepted.into_iter().filter_map(Result::ok).collect();
    assert!(try_connect(&a).await.is_err());
    clients.remove(0).close().await;
    eventually("a session is accepted again", || async { try_connect(&b).await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_returns_keeps_the_limit() {
    let redis = Redis::start().await;
    let setup = setup(&redis, "replace_oldest");
    let (a, b) = (setup.start().await, setup.start().await);
    let mut old = [try_connect(&a).await.expect("accepted"), try_connect(&a).await.expect("accepted")];
    a.signal("STOP");
    eventually("the sessions of the frozen node have expired", || async { known(&b).await.is_empty() }).await;
    let mut new = [try_connect(&b).await.expect("accepted"), try_connect(&b).await.expect("accepted")];
    a.signal("CONT");
    // One of the two old sessions fits beside the new ones; the older one does not.
    assert_eq!(old[0].ending().await.1, Incoming::Closed(Some(4409)));
    eventually("the session is known again", || async { known(&b).await.len() == MAX_SESSIONS }).await;
    assert_eq!(end_within_a_moment(&mut old[1]).await, None);
    assert!(join_all(new.iter_mut().map(end_within_a_moment)).await.iter().all(Option::is_none));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_sessions_are_rejected_while_redis_is_down() {
    let mut redis = Redis::start().await;
    let node = setup(&redis, "replace_oldest").start().await;
    let mut first = try_connect(&node).await.expect("accepted");
    redis.kill();
    let (frame, end) = try_connect(&node).await.err().expect("rejected");
    assert_eq!((&frame["code"], end), (&json!("unavailable"), Incoming::Closed(Some(1011))));
    assert_eq!(end_within_a_moment(&mut first).await, None, "an open session stays open");
    redis.restart().await;
    eventually("accepted again", || async { try_connect(&node).await.is_ok() }).await;
}
