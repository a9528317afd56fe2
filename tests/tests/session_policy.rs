//! At most so many sessions a user on all nodes together: exactly, whoever connects where at the same time.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use wirebell_tests::client::{Client, Incoming, TokenLocation};
use wirebell_tests::eventually;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::Issuer;

/// Sessions that a user may have.
const MOST: usize = 3;

fn setup(redis: &Redis, when_full: &str) -> Setup {
    Setup::serve(redis).set("sessions.max_per_user", &MOST.to_string()).set("sessions.when_full", when_full)
}

/// The connections of user 42, as presence has them: asked at a node that holds none of them.
async fn known(watcher: &Node) -> Vec<String> {
    let there: Value = watcher.api().get("/v1/users/42").await.json();
    let sessions = there["sessions"].as_array().cloned().unwrap_or_default();
    sessions.iter().map(|session| session["connection"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A client that has come, or was refused, and how.
async fn come(node: &Node) -> Result<Client, (Value, Incoming)> {
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

/// How it ended, if it has within a moment.
async fn end_of(client: &mut Client) -> Option<(Value, Incoming)> {
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
async fn the_newest_win_and_never_are_there_more() {
    let redis = Redis::start().await;
    let setup = setup(&redis, "replace_oldest");
    let nodes = [setup.start().await, setup.start().await, setup.start().await];
    let watcher = setup.start().await;
    let storm = join_all((0..45).map(|number| come(&nodes[number % 3])));
    let watch = async {
        loop {
            let there = known(&watcher).await;
            assert!(there.len() <= MOST, "{there:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let came = tokio::select! {
        came = storm => came,
        () = watch => unreachable!(),
    };
    let mut clients: Vec<Client> = came.into_iter().map(|client| client.expect("all are let in")).collect();
    eventually("all but a few have ended", || async { known(&watcher).await.len() == MOST }).await;
    let ends = join_all(clients.iter_mut().map(end_of)).await;
    let replaced: Vec<_> = ends.iter().flatten().collect();
    assert_eq!(replaced.len(), 45 - MOST);
    for (last, end) in replaced {
        assert_eq!((&last["code"], end), (&json!("replaced"), &Incoming::Closed(Some(4409))), "{last}");
    }
    let staying: Vec<_> = clients.iter().zip(&ends).filter(|(_, end)| end.is_none()).collect();
    let mut open: Vec<&str> = staying.iter().map(|(client, _)| client.connection()).collect();
    let mut there = known(&watcher).await;
    open.sort_unstable();
    there.sort();
    assert_eq!(there, open, "who is open is who is known");

    let mut newest = Vec::new();
    for node in &nodes {
        newest.push(come(node).await.expect("a newer one is let in"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut expected: Vec<&str> = newest.iter().map(Client::connection).collect();
    expected.sort_unstable();
    let mut there = known(&watcher).await;
    there.sort();
    assert_eq!(there, expected);
    for (client, end) in clients.iter_mut().zip(ends) {
        if end.is_none() {
            assert_eq!(client.ending().await.1, Incoming::Closed(Some(4409)));
        }
    }
    assert!(join_all(newest.iter_mut().map(end_of)).await.iter().all(Option::is_none), "the newest stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_refused_until_another_leaves() {
    let redis = Redis::start().await;
    let setup = setup(&redis, "refuse");
    let (a, b) = (setup.start().await, setup.start().await);
    let came = join_all((0..30).map(|number| come(if number % 2 == 0 { &a } else { &b }))).await;
    let (let_in, refused): (Vec<_>, Vec<_>) = came.into_iter().partition(Result::is_ok);
    assert_eq!(let_in.len(), MOST);
    for (frame, end) in refused.into_iter().filter_map(Result::err) {
        assert_eq!((&frame["code"], end), (&json!("too_many_sessions"), Incoming::Closed(Some(4429))));
    }
    let mut clients: Vec<Client> = let_in.into_iter().filter_map(Result::ok).collect();
    assert!(come(&a).await.is_err());
    clients.remove(0).close().await;
    eventually("there is room again", || async { come(&b).await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_brings_none_too_many() {
    let redis = Redis::start().await;
    let setup = setup(&redis, "replace_oldest");
    let (a, b) = (setup.start().await, setup.start().await);
    let mut old = [come(&a).await.expect("let in"), come(&a).await.expect("let in")];
    a.signal("STOP");
    eventually("the frozen node is given up", || async { known(&b).await.is_empty() }).await;
    let mut new = [come(&b).await.expect("let in"), come(&b).await.expect("let in")];
    a.signal("CONT");
    // One of the two has room beside the new ones; the older one has not.
    assert_eq!(old[0].ending().await.1, Incoming::Closed(Some(4409)));
    eventually("it is known again", || async { known(&b).await.len() == MOST }).await;
    assert_eq!(end_of(&mut old[1]).await, None);
    assert!(join_all(new.iter_mut().map(end_of)).await.iter().all(Option::is_none));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_nobody_is_let_in() {
    let mut redis = Redis::start().await;
    let node = setup(&redis, "replace_oldest").start().await;
    let mut first = come(&node).await.expect("let in");
    redis.kill();
    let (frame, end) = come(&node).await.err().expect("refused");
    assert_eq!((&frame["code"], end), (&json!("unavailable"), Incoming::Closed(Some(1011))));
    assert_eq!(end_of(&mut first).await, None, "who is there stays");
    redis.restart().await;
    eventually("let in again", || async { come(&node).await.is_ok() }).await;
}
