//! Who is online: leases, changes, grace, and the policy. What goes to the inbox is seen by those who read it there.

use std::time::Duration;

use gateway::bus::Delivery;
use wirebell_protocol::inbox::Bounds;
use wirebell_protocol::presence::{
    Change, ChangeResult, Filter, JoinResult, Lease, LeaseStatus, OnlineUser, Renewed, SessionChange,
    SessionPolicy, Settings, WhenFull,
};
use wirebell_protocol::{Channel, ConnectionId, NodeCommand, NodeId, Shard, Transport};

use crate::fixture::{Fixture, PATIENCE, next};

/// Long enough for a busy machine not to lose a lease that is renewed, short enough to wait for.
const SETTINGS: Settings = Settings {
    lease_millis: 2_000,
    grace_millis: 1_000,
    policy: SessionPolicy { max_sessions: 0, when_full: WhenFull::ReplaceOldest },
    inbox: Bounds { length: 1_000, age_millis: 60_000, seen_millis: 60_000 },
};

fn lease(node: u64, epoch: u64) -> Lease {
    Lease { shard: Shard::of("42"), node: NodeId::from_bits(node), epoch }
}

fn id(node: u64, number: u64) -> ConnectionId {
    ConnectionId { node: NodeId::from_bits(node), number }
}

fn change(kind: SessionChange, connection: ConnectionId) -> Change {
    let (user, device) = (Channel::user("42").unwrap(), Some("a phone".into()));
    Change { kind, user, connection, age: 0, transport: Transport::WebSocket, device }
}

fn came(node: u64, number: u64) -> Change {
    change(SessionChange::Join, id(node, number))
}

fn left(node: u64, number: u64) -> Change {
    change(SessionChange::Leave, id(node, number))
}

async fn enter(bus: &Fixture, lease: Lease) {
    let renewed = bus.bus.renew(lease, true, &SETTINGS, &[]).await.unwrap();
    assert_eq!((renewed.status, renewed.batch), (LeaseStatus::Valid, 0));
}

async fn renew(bus: &Fixture, lease: Lease) -> Renewed {
    bus.bus.renew(lease, false, &SETTINGS, &[]).await.unwrap()
}

async fn write(bus: &Fixture, lease: Lease, batch: u64, changes: &[Change]) -> Vec<(JoinResult, ConnectionId)> {
    write_by(bus, lease, batch, changes, &SETTINGS).await
}

async fn write_by(
    bus: &Fixture,
    lease: Lease,
    batch: u64,
    changes: &[Change],
    settings: &Settings,
) -> Vec<(JoinResult, ConnectionId)> {
    match bus.bus.change(lease, batch, settings, changes).await.unwrap() {
        ChangeResult::Done(unwanted) => unwanted,
        other => panic!("expected it to be done, found {other:?}"),
    }
}

async fn online(bus: &Fixture) -> Option<OnlineUser> {
    bus.bus.online("42").await.unwrap()
}

async fn connections(bus: &Fixture) -> Vec<ConnectionId> {
    online(bus).await.map(|online| online.sessions).unwrap_or_default().iter().map(|open| open.connection).collect()
}

/// Renews these leases, as their nodes would, until it holds. What is to be cleared up is.
async fn until(bus: &Fixture, living: &[Lease], what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            for lease in living {
                let renewed = renew(bus, *lease).await;
                if let Some(ended) = renewed.to_clear {
                    let mut cursor = None;
                    loop {
                        cursor = bus.bus.clear(lease.shard, &ended, cursor.as_deref(), &SETTINGS).await.unwrap();
                        if cursor.is_none() {
                            break;
                        }
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what} in time"));
}

pub(crate) async fn who_comes_is_online_and_who_leaves_is_offline_after_the_grace(bus: Fixture) {
    let mine = lease(1, 1);
    enter(&bus, mine).await;
    assert_eq!(online(&bus).await, None);
    assert_eq!(write(&bus, mine, 1, &[came(1, 1), came(1, 2)]).await, []);
    let found = online(&bus).await.unwrap();
    assert_eq!(connections(&bus).await, [id(1, 1), id(1, 2)]);
    let first = &found.sessions[0];
    assert_eq!((first.transport, first.device.as_deref()), (Transport::WebSocket, Some("a phone")));
    assert!(first.since >= found.since && found.since > 0);

    write(&bus, mine, 2, &[left(1, 1), left(1, 2)]).await;
    let leaving = online(&bus).await.expect("the user may still come back");
    assert_eq!((leaving.since, leaving.sessions.len()), (found.since, 0));
    until(&bus, &[mine], "offline", async || online(&bus).await.is_none()).await;
}

pub(crate) async fn who_comes_back_in_time_was_never_offline(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    enter(&bus, mine).await;
    enter(&bus, other).await;
    write(&bus, mine, 1, &[came(1, 1)]).await;
    let since = online(&bus).await.unwrap().since;
    write(&bus, mine, 2, &[left(1, 1)]).await;
    write(&bus, other, 1, &[came(2, 1)]).await;
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        renew(&bus, mine).await;
        renew(&bus, other).await;
    }
    let found = online(&bus).await.unwrap();
    assert_eq!((found.since, found.sessions.len()), (since, 1));
}

pub(crate) async fn a_batch_that_is_written_again_changes_nothing(bus: Fixture) {
    let mine = lease(1, 1);
    enter(&bus, mine).await;
    write(&bus, mine, 1, &[came(1, 1)]).await;
    write(&bus, mine, 3, &[left(1, 1), came(1, 2)]).await;
    for late in [1, 3] {
        let answer = bus.bus.change(mine, late, &SETTINGS, &[came(1, 1)]).await.unwrap();
        assert_eq!(answer, ChangeResult::Stale, "batch {late}");
    }
    write(&bus, mine, 4, &[came(1, 2), left(1, 1)]).await;
    assert_eq!(connections(&bus).await, [id(1, 2)]);
    assert_eq!(renew(&bus, mine).await.batch, 4);
}

pub(crate) async fn a_node_that_is_gone_is_cleared_up(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    enter(&bus, mine).await;
    enter(&bus, other).await;
    write(&bus, mine, 1, &[came(1, 1)]).await;
    write(&bus, other, 1, &[came(2, 1)]).await;
    until(&bus, &[mine], "the other's session is gone", async || connections(&bus).await == [id(1, 1)]).await;
    // It comes back, and has to enter everything anew.
    assert_eq!(renew(&bus, other).await.status, LeaseStatus::Unknown);
    let answer = bus.bus.change(other, 2, &SETTINGS, &[came(2, 2)]).await.unwrap();
    assert_eq!(answer, ChangeResult::LeaseEnded);
    enter(&bus, lease(2, 2)).await;
    write(&bus, lease(2, 2), 1, &[change(SessionChange::Rejoin, id(2, 1))]).await;
    assert_eq!(connections(&bus).await, [id(1, 1), id(2, 1)]);
}

pub(crate) async fn what_is_entered_again_is_not_cleared_up_with_the_old_lease(bus: Fixture) {
    let (mine, first, second) = (lease(1, 1), lease(2, 1), lease(2, 2));
    enter(&bus, mine).await;
    enter(&bus, first).await;
    write(&bus, first, 1, &[came(2, 1), came(2, 2)]).await;
    let since = online(&bus).await.unwrap().since;
    // The second of the two has ended meanwhile.
    enter(&bus, second).await;
    write(&bus, second, 1, &[change(SessionChange::Rejoin, id(2, 1))]).await;
    let living = [mine, second];
    until(&bus, &living, "what was not entered again is gone", async || connections(&bus).await == [id(2, 1)])
        .await;
    assert_eq!(online(&bus).await.unwrap().since, since);
    assert_eq!(renew(&bus, mine).await.to_clear, None);
}

pub(crate) async fn nobody_is_given_up_for_an_outage_of_all(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    enter(&bus, mine).await;
    enter(&bus, other).await;
    write(&bus, other, 1, &[came(2, 1)]).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let renewed = renew(&bus, mine).await;
    assert_eq!((renewed.status, renewed.to_clear), (LeaseStatus::Valid, None));
    assert_eq!(renew(&bus, other).await.status, LeaseStatus::Valid);
    assert_eq!(connections(&bus).await, [id(2, 1)]);
}

pub(crate) async fn a_lease_that_is_given_back_is_nobodys(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    enter(&bus, mine).await;
    enter(&bus, other).await;
    write(&bus, other, 1, &[came(2, 1)]).await;
    bus.bus.resign(other, false).await.unwrap();
    assert!(renew(&bus, mine).await.to_clear.is_some(), "its session has to be cleared up");
    until(&bus, &[mine], "its session is gone", async || connections(&bus).await.is_empty()).await;
    bus.bus.resign(mine, true).await.unwrap();
    enter(&bus, lease(3, 1)).await;
    assert_eq!(renew(&bus, lease(3, 1)).await.to_clear, None);
}

fn at_most(most: u32, when_full: WhenFull) -> Settings {
    Settings { policy: SessionPolicy { max_sessions: most, when_full }, ..SETTINGS }
}

pub(crate) async fn the_newest_takes_the_place_of_the_oldest(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    let two = at_most(2, WhenFull::ReplaceOldest);
    enter(&bus, mine).await;
    enter(&bus, other).await;
    for number in 1..=2 {
        assert_eq!(write_by(&bus, mine, number, &[came(1, number)], &two).await, []);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let unwanted = write_by(&bus, other, 1, &[came(2, 1)], &two).await;
    assert_eq!(unwanted, [(JoinResult::Replaced, id(1, 1))]);
    assert_eq!(connections(&bus).await, [id(1, 2), id(2, 1)]);
    // The node of the one that was replaced is told until it says that it has done it.
    let evict = NodeCommand::Evict(id(1, 1));
    for _ in 0..2 {
        assert_eq!(renew(&bus, mine).await.commands, std::slice::from_ref(&evict));
    }
    let done = bus.bus.renew(mine, false, &SETTINGS, &[evict]).await.unwrap();
    assert_eq!(done.commands, []);
    // Its goodbye changes nothing.
    write_by(&bus, mine, 3, &[left(1, 1)], &two).await;
    assert_eq!(connections(&bus).await.len(), 2);
}

pub(crate) async fn one_too_many_is_refused(bus: Fixture) {
    let mine = lease(1, 1);
    let one = at_most(1, WhenFull::Refuse);
    enter(&bus, mine).await;
    let unwanted = write_by(&bus, mine, 1, &[came(1, 1), came(1, 2)], &one).await;
    assert_eq!(unwanted, [(JoinResult::Rejected, id(1, 2))]);
    // Who is there already is not refused.
    assert_eq!(write_by(&bus, mine, 2, &[came(1, 1)], &one).await, []);
    assert_eq!(write_by(&bus, mine, 3, &[left(1, 1), came(1, 3)], &one).await, []);
    assert_eq!(connections(&bus).await, [id(1, 3)]);
}

pub(crate) async fn a_session_of_a_dead_node_does_not_count(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    let one = at_most(1, WhenFull::Refuse);
    enter(&bus, mine).await;
    enter(&bus, other).await;
    write_by(&bus, other, 1, &[came(2, 1)], &one).await;
    let mut batch = 0;
    let waiting = async {
        loop {
            batch += 1;
            if write_by(&bus, mine, batch, &[came(1, batch)], &one).await.is_empty() {
                break;
            }
            renew(&bus, mine).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the dead node's session counts no longer");
    assert_eq!(connections(&bus).await, [id(1, batch)]);
    // Should the node come back with it, the session is one too many.
    enter(&bus, lease(2, 2)).await;
    let unwanted = write_by(&bus, lease(2, 2), 1, &[change(SessionChange::Rejoin, id(2, 1))], &one).await;
    assert_eq!(unwanted, [(JoinResult::Replaced, id(2, 1))]);
}

pub(crate) async fn who_is_online_is_listed_page_by_page(bus: Fixture) {
    let mine = lease(1, 1);
    enter(&bus, mine).await;
    let users: Vec<String> = (0..400).map(|n| format!("u{n}")).filter(|u| Shard::of(u) == mine.shard).collect();
    assert!(users.len() > 20, "they are spread over the shards");
    let came =
        |(number, user): (usize, &String)| Change { user: Channel::user(user).unwrap(), ..came(1, number as u64) };
    let changes: Vec<Change> = users.iter().enumerate().map(came).collect();
    write(&bus, mine, 1, &changes).await;
    let (mut found, mut after): (Vec<String>, String) = (Vec::new(), String::new());
    loop {
        let page = bus.bus.page(mine.shard, &after, 7).await.unwrap();
        assert!(page.len() <= 7 && page.iter().all(|(_, online)| online.sessions.len() == 1));
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        found.extend(page.into_iter().map(|(user, _)| user));
    }
    let mut expected = users;
    expected.sort();
    assert_eq!(found, expected);
}

pub(crate) async fn sessions_that_fit_are_ordered_to_end(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    enter(&bus, mine).await;
    enter(&bus, other).await;
    let laptop = Change { device: Some("laptop".into()), ..came(2, 2) };
    write(&bus, mine, 1, &[came(1, 1)]).await;
    write(&bus, other, 1, &[came(2, 1), laptop]).await;
    let all = Filter::default();
    let phone = Filter { device: Some("a phone".to_owned()), ..Filter::default() };
    let one = Filter { connection: Some(id(2, 2)), ..Filter::default() };
    let neither = Filter { device: Some("a phone".to_owned()), connection: Some(id(2, 2)) };
    for (which, expected) in [(&phone, vec![id(1, 1), id(2, 1)]), (&one, vec![id(2, 2)]), (&neither, vec![])] {
        assert_eq!(bus.bus.disconnect("42", which, "why not").await.unwrap(), expected, "{which:?}");
    }
    assert!(bus.bus.disconnect("43", &all, "").await.unwrap().is_empty());
    let commands = renew(&bus, other).await.commands;
    let disconnect = |connection| NodeCommand::Disconnect(connection, "why not".to_owned());
    assert_eq!(commands, [disconnect(id(2, 1)), disconnect(id(2, 2))]);
}

pub(crate) async fn an_order_is_announced_to_its_node(mut bus: Fixture) {
    let mine = Lease { node: bus.node, ..lease(7, 1) };
    enter(&bus, mine).await;
    let connection = ConnectionId { node: bus.node, number: 1 };
    write(&bus, mine, 1, &[change(SessionChange::Join, connection)]).await;
    assert_eq!(bus.bus.disconnect("42", &Filter::default(), "").await.unwrap(), [connection]);
    let command = Delivery::Command(NodeCommand::Disconnect(connection, String::new()));
    assert_eq!(next(&mut bus.deliveries).await, command);
}
