//! Tests of the registry.

use super::*;

fn user() -> Channel {
    Channel::user("42").unwrap()
}

fn buffer() -> Arc<SendBuffer> {
    Arc::new(SendBuffer::new(0, 100))
}

fn confirm_pending(registry: &mut Registry, channel: &Channel) {
    let pending = registry.take_pending(10);
    assert!(pending.contains(channel));
    registry.confirm(&pending, &vec![ChannelEnds::default(); pending.len()], 0);
}

#[test]
fn only_the_first_subscriber_and_the_last_unsubscribe_change_interest() {
    let (mut registry, a, b) = (Registry::new(), buffer(), buffer());
    assert!(registry.subscribe(&user(), &a, None));
    assert!(!registry.subscribe(&user(), &b, None));
    confirm_pending(&mut registry, &user());
    assert!(!registry.unsubscribe(&user(), &a, 5));
    assert!(registry.unsubscribe(&user(), &b, 5));
}

#[test]
fn resubscribing_within_the_linger_needs_no_bus_call() {
    let (mut registry, a) = (Registry::new(), buffer());
    registry.subscribe(&user(), &a, None);
    confirm_pending(&mut registry, &user());
    registry.unsubscribe(&user(), &a, 5);
    assert!(!registry.subscribe(&user(), &a, None));
    assert_eq!(registry.take_idle(100, 10), []);
    // The linger restarts at the second unsubscribe.
    registry.unsubscribe(&user(), &a, 50);
    assert_eq!(registry.take_idle(49, 10), []);
    assert_eq!(registry.take_idle(50, 10), [user()]);
}

#[test]
fn channel_joined_while_unsubscribing_is_subscribed_again() {
    let (mut registry, a) = (Registry::new(), buffer());
    registry.subscribe(&user(), &a, None);
    confirm_pending(&mut registry, &user());
    registry.unsubscribe(&user(), &a, 5);
    let leaving = registry.take_idle(5, 10);
    assert!(!registry.subscribe(&user(), &a, None));
    registry.unsubscribed(leaving);
    assert_eq!(registry.take_pending(10), [user()]);
}

#[test]
fn unsubscribe_before_confirmation_leaves_the_channel_idle() {
    let (mut registry, a) = (Registry::new(), buffer());
    registry.subscribe(&user(), &a, None);
    registry.unsubscribe(&user(), &a, 5);
    confirm_pending(&mut registry, &user());
    assert_eq!(registry.take_idle(9, 10), [user()]);
    registry.unsubscribed(vec![user()]);
    assert!(
        registry
            .judge(&ChannelLog::durable(&user()), LogPosition { cursor: Cursor::START, previous: Cursor::START })
            .is_none()
    );
}

#[test]
fn all_channel_reaches_every_session_and_a_connection_channel_only_one() {
    let mut registry = Registry::new();
    let node = wirebell_protocol::NodeId::from_bits(1);
    for number in 0..3 {
        registry.add_session(ConnectionId { node, number }, Owner::of_no_user(), buffer());
    }
    let count = |registry: &mut Registry, channel: &Channel| {
        let mut found = Vec::new();
        assert!(registry.recipients(channel, (LogKind::Durable, None), 9, &mut found));
        found.len()
    };
    let own = Channel::connection(ConnectionId { node, number: 1 });
    assert_eq!((count(&mut registry, &Channel::all()), count(&mut registry, &own)), (3, 1));
    registry.remove_session(ConnectionId { node, number: 1 });
    assert_eq!((count(&mut registry, &Channel::all()), count(&mut registry, &own)), (2, 0));
}
