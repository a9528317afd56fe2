//! Presence: leases, changes, the grace period, and the session policy. The tests of the inbox
//! cover the presence events.

use std::time::Duration;

use gateway::bus::Delivery;
use wirebell_protocol::inbox::Bounds;
use wirebell_protocol::presence::{
    Change, ChangeResult, Filter, JoinResult, Lease, LeaseStatus, OnlineUser, Renewed, SessionChange,
    SessionPolicy, Settings, WhenFull,
};
use wirebell_protocol::{Channel, ConnectionId, NodeCommand, NodeId, Shard, Transport};

use crate::fixture::{Fixture, PATIENCE, next};

/// Long enough that a busy machine loses no renewed lease, and short enough to wait for.
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

fn joined(node: u64, number: u64) -> Change {
    change(SessionChange::Join, id(node, number))
}

fn left(node: u64, number: u64) -> Change {
    change(SessionChange::Leave, id(node, number))
}

async fn create_lease(bus: &Fixture, lease: Lease) {
    let renewed = bus.bus.renew_lease(lease, true, &SETTINGS, &[]).await.unwrap();
    assert_eq!((renewed.status, renewed.batch), (LeaseStatus::Valid, 0));
}

async fn renew(bus: &Fixture, lease: Lease) -> Renewed {
    bus.bus.renew_lease(lease, false, &SETTINGS, &[]).await.unwrap()
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
    match bus.bus.apply_changes(lease, batch, settings, changes).await.unwrap() {
        ChangeResult::Done(unwanted) => unwanted,
        other => panic!("expected the changes to be applied, found {other:?}"),
    }
}

async fn online(bus: &Fixture) -> Option<OnlineUser> {
    bus.bus.find_online("42").await.unwrap()
}

async fn connections(bus: &Fixture) -> Vec<ConnectionId> {
    online(bus).await.map(|online| online.sessions).unwrap_or_default().iter().map(|open| open.connection).collect()
}

/// Renews these leases, as their nodes would, and cleans up ended leases, until the condition
/// holds.
async fn until(bus: &Fixture, live: &[Lease], what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            for lease in live {
                let renewed = renew(bus, *lease).await;
                if let Some(ended) = renewed.to_clear {
                    let mut cursor = None;
                    loop {
                        cursor = bus
                            .bus
                            .clear_sessions(lease.shard, &ended, cursor.as_deref(), &SETTINGS)
                            .await
                            .unwrap();
                        if cursor.is_none() {
                            break;
                        }
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("timeout: {what}"));
}

pub(crate) async fn user_is_online_from_join_until_the_grace_period_after_leave(bus: Fixture) {
    let mine = lease(1, 1);
    create_lease(&bus, mine).await;
    assert_eq!(online(&bus).await, None);
    assert_eq!(write(&bus, mine, 1, &[joined(1, 1), joined(1, 2)]).await, []);
    let found = online(&bus).await.unwrap();
    assert_eq!(connections(&bus).await, [id(1, 1), id(1, 2)]);
    let first = &found.sessions[0];
    assert_eq!((first.transport, first.device.as_deref()), (Transport::WebSocket, Some("a phone")));
    assert!(first.since >= found.since && found.since > 0);

    write(&bus, mine, 2, &[left(1, 1), left(1, 2)]).await;
    let leaving = online(&bus).await.expect("the user may still reconnect");
    assert_eq!((leaving.since, leaving.sessions.len()), (found.since, 0));
    until(&bus, &[mine], "offline", async || online(&bus).await.is_none()).await;
}

pub(crate) async fn user_that_reconnects_in_time_stays_online(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    create_lease(&bus, mine).await;
    create_lease(&bus, other).await;
    write(&bus, mine, 1, &[joined(1, 1)]).await;
    let since = online(&bus).await.unwrap().since;
    write(&bus, mine, 2, &[left(1, 1)]).await;
    write(&bus, other, 1, &[joined(2, 1)]).await;
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        renew(&bus, mine).await;
        renew(&bus, other).await;
    }
    let found = online(&bus).await.unwrap();
    assert_eq!((found.since, found.sessions.len()), (since, 1));
}

pub(crate) async fn repeated_batch_has_no_effect(bus: Fixture) {
    let mine = lease(1, 1);
    create_lease(&bus, mine).await;
    write(&bus, mine, 1, &[joined(1, 1)]).await;
    write(&bus, mine, 3, &[left(1, 1), joined(1, 2)]).await;
    for late in [1, 3] {
        let answer = bus.bus.apply_changes(mine, late, &SETTINGS, &[joined(1, 1)]).await.unwrap();
        assert_eq!(answer, ChangeResult::Stale, "batch {late}");
    }
    write(&bus, mine, 4, &[joined(1, 2), left(1, 1)]).await;
    assert_eq!(connections(&bus).await, [id(1, 2)]);
    assert_eq!(renew(&bus, mine).await.batch, 4);
}

pub(crate) async fn sessions_of_a_dead_node_are_removed(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    create_lease(&bus, mine).await;
    create_lease(&bus, other).await;
    write(&bus, mine, 1, &[joined(1, 1)]).await;
    write(&bus, other, 1, &[joined(2, 1)]).await;
    until(&bus, &[mine], "removal of the other node's session", async || connections(&bus).await == [id(1, 1)])
        .await;
    // The node returns, and must write all of its sessions again.
    assert_eq!(renew(&bus, other).await.status, LeaseStatus::Unknown);
    let answer = bus.bus.apply_changes(other, 2, &SETTINGS, &[joined(2, 2)]).await.unwrap();
    assert_eq!(answer, ChangeResult::LeaseEnded);
    create_lease(&bus, lease(2, 2)).await;
    write(&bus, lease(2, 2), 1, &[change(SessionChange::Rejoin, id(2, 1))]).await;
    assert_eq!(connections(&bus).await, [id(1, 1), id(2, 1)]);
}

pub(crate) async fn rejoined_session_survives_the_cleanup_of_its_old_lease(bus: Fixture) {
    let (mine, first, second) = (lease(1, 1), lease(2, 1), lease(2, 2));
    create_lease(&bus, mine).await;
    create_lease(&bus, first).await;
    write(&bus, first, 1, &[joined(2, 1), joined(2, 2)]).await;
    let since = online(&bus).await.unwrap().since;
    // The second of the two sessions has ended meanwhile.
    create_lease(&bus, second).await;
    write(&bus, second, 1, &[change(SessionChange::Rejoin, id(2, 1))]).await;
    let live = [mine, second];
    until(&bus, &live, "removal of the session that did not rejoin", async || {
        connections(&bus).await == [id(2, 1)]
    })
    .await;
    assert_eq!(online(&bus).await.unwrap().since, since);
    assert_eq!(renew(&bus, mine).await.to_clear, None);
}

pub(crate) async fn no_lease_expires_during_an_outage_of_all_nodes(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    create_lease(&bus, mine).await;
    create_lease(&bus, other).await;
    write(&bus, other, 1, &[joined(2, 1)]).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let renewed = renew(&bus, mine).await;
    assert_eq!((renewed.status, renewed.to_clear), (LeaseStatus::Valid, None));
    assert_eq!(renew(&bus, other).await.status, LeaseStatus::Valid);
    assert_eq!(connections(&bus).await, [id(2, 1)]);
}

pub(crate) async fn released_lease_is_cleaned_up(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    create_lease(&bus, mine).await;
    create_lease(&bus, other).await;
    write(&bus, other, 1, &[joined(2, 1)]).await;
    bus.bus.release_lease(other, false).await.unwrap();
    assert!(renew(&bus, mine).await.to_clear.is_some(), "its session must be removed");
    until(&bus, &[mine], "removal of its session", async || connections(&bus).await.is_empty()).await;
    bus.bus.release_lease(mine, true).await.unwrap();
    create_lease(&bus, lease(3, 1)).await;
    assert_eq!(renew(&bus, lease(3, 1)).await.to_clear, None);
}

fn at_most(max_sessions: u32, when_full: WhenFull) -> Settings {
    Settings { policy: SessionPolicy { max_sessions, when_full }, ..SETTINGS }
}

pub(crate) async fn newest_session_replaces_the_oldest(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    let two = at_most(2, WhenFull::ReplaceOldest);
    create_lease(&bus, mine).await;
    create_lease(&bus, other).await;
    for number in 1..=2 {
        assert_eq!(write_by(&bus, mine, number, &[joined(1, number)], &two).await, []);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let unwanted = write_by(&bus, other, 1, &[joined(2, 1)], &two).await;
    assert_eq!(unwanted, [(JoinResult::Replaced, id(1, 1))]);
    assert_eq!(connections(&bus).await, [id(1, 2), id(2, 1)]);
    // The node of the replaced session gets the command until it reports it as done.
    let evict = NodeCommand::Evict(id(1, 1));
    for _ in 0..2 {
        assert_eq!(renew(&bus, mine).await.commands, std::slice::from_ref(&evict));
    }
    let done = bus.bus.renew_lease(mine, false, &SETTINGS, &[evict]).await.unwrap();
    assert_eq!(done.commands, []);
    // The leave of the replaced session has no effect.
    write_by(&bus, mine, 3, &[left(1, 1)], &two).await;
    assert_eq!(connections(&bus).await.len(), 2);
}

pub(crate) async fn session_over_the_limit_is_rejected(bus: Fixture) {
    let mine = lease(1, 1);
    let one = at_most(1, WhenFull::Refuse);
    create_lease(&bus, mine).await;
    let unwanted = write_by(&bus, mine, 1, &[joined(1, 1), joined(1, 2)], &one).await;
    assert_eq!(unwanted, [(JoinResult::Rejected, id(1, 2))]);
    // An existing session is not rejected.
    assert_eq!(write_by(&bus, mine, 2, &[joined(1, 1)], &one).await, []);
    assert_eq!(write_by(&bus, mine, 3, &[left(1, 1), joined(1, 3)], &one).await, []);
    assert_eq!(connections(&bus).await, [id(1, 3)]);
}

pub(crate) async fn session_of_a_dead_node_does_not_count(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    let one = at_most(1, WhenFull::Refuse);
    create_lease(&bus, mine).await;
    create_lease(&bus, other).await;
    write_by(&bus, other, 1, &[joined(2, 1)], &one).await;
    let mut batch = 0;
    let waiting = async {
        loop {
            batch += 1;
            if write_by(&bus, mine, batch, &[joined(1, batch)], &one).await.is_empty() {
                break;
            }
            renew(&bus, mine).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the dead node's session stops counting");
    assert_eq!(connections(&bus).await, [id(1, batch)]);
    // If the node returns with the session, it is over the limit.
    create_lease(&bus, lease(2, 2)).await;
    let unwanted = write_by(&bus, lease(2, 2), 1, &[change(SessionChange::Rejoin, id(2, 1))], &one).await;
    assert_eq!(unwanted, [(JoinResult::Replaced, id(2, 1))]);
}

pub(crate) async fn online_users_are_listed_by_page(bus: Fixture) {
    let mine = lease(1, 1);
    create_lease(&bus, mine).await;
    let users: Vec<String> = (0..400).map(|n| format!("u{n}")).filter(|u| Shard::of(u) == mine.shard).collect();
    assert!(users.len() > 20, "the users are spread over the shards");
    let join = |(number, user): (usize, &String)| Change {
        user: Channel::user(user).unwrap(),
        ..joined(1, number as u64)
    };
    let changes: Vec<Change> = users.iter().enumerate().map(join).collect();
    write(&bus, mine, 1, &changes).await;
    let (mut found, mut after): (Vec<String>, String) = (Vec::new(), String::new());
    loop {
        let page = bus.bus.online_page(mine.shard, &after, 7).await.unwrap();
        assert!(page.len() <= 7 && page.iter().all(|(_, online)| online.sessions.len() == 1));
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        found.extend(page.into_iter().map(|(user, _)| user));
    }
    let mut expected = users;
    expected.sort();
    assert_eq!(found, expected);
}

pub(crate) async fn matching_sessions_get_a_disconnect_command(bus: Fixture) {
    let (mine, other) = (lease(1, 1), lease(2, 1));
    create_lease(&bus, mine).await;
    create_lease(&bus, other).await;
    let laptop = Change { device: Some("laptop".into()), ..joined(2, 2) };
    write(&bus, mine, 1, &[joined(1, 1)]).await;
    write(&bus, other, 1, &[joined(2, 1), laptop]).await;
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

pub(crate) async fn command_is_announced_to_its_node(mut bus: Fixture) {
    let mine = Lease { node: bus.node, ..lease(7, 1) };
    create_lease(&bus, mine).await;
    let connection = ConnectionId { node: bus.node, number: 1 };
    write(&bus, mine, 1, &[change(SessionChange::Join, connection)]).await;
    assert_eq!(bus.bus.disconnect("42", &Filter::default(), "").await.unwrap(), [connection]);
    let command = Delivery::Command(NodeCommand::Disconnect(connection, String::new()));
    assert_eq!(next(&mut bus.deliveries).await, command);
}
