//! The audit: who received which event, and the runs that record it.
//!
//! The rules are plain functions over records, so a test can tamper with a record and check that
//! the rule reports a violation. Input: the published events and the records of all connections.
//! Output: violations. The rules know neither nodes nor sockets; the runs beside them do.

pub mod connection_memory;
pub mod delivery;
pub mod fairness;
pub mod load_clients;
pub mod quantiles;
pub mod slow_client;
pub mod slow_reader;

use std::collections::{BTreeMap, HashMap, HashSet};

use wirebell_protocol::Cursor;

/// An event that the bus accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Number of the event within the run.
    pub event: u32,
    /// The recipient.
    pub user: u32,
    /// Position in the user's log, as the publisher received it.
    pub cursor: Cursor,
}

/// An event that a connection received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedEvent {
    /// Number of the event within the run.
    pub event: u32,
    /// Position in the log, as the client received it.
    pub cursor: Cursor,
    /// Whether channel and data arrived as they were published.
    pub intact: bool,
}

/// All events that one connection received, in order.
#[derive(Debug, Clone, Default)]
pub struct ClientRecord {
    /// The user of the connection.
    pub user: u32,
    /// The received events.
    pub received: Vec<ReceivedEvent>,
    /// Whether the connection ended early.
    pub lost: bool,
}

/// The kind of a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViolationKind {
    /// An event for the user did not arrive.
    Missing,
    /// An event arrived again.
    Duplicate,
    /// An event for another user arrived, or one that was never published.
    Unexpected,
    /// An event arrived after an event with a later position in the log.
    OutOfOrder,
    /// Cursor, channel or data differ from those of the published event.
    Altered,
    /// The connection ended early.
    ConnectionLost,
}

/// One violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// The kind.
    pub kind: ViolationKind,
    /// Index of the record.
    pub record: usize,
    /// Number of the event; `None` if the violation concerns the connection.
    pub event: Option<u32>,
}

/// Compares each record with the published events. A record must have every event of its user
/// exactly once, in the order of the log, and nothing else.
pub fn audit(published: &[Published], records: &[ClientRecord]) -> Vec<Violation> {
    let by_number: HashMap<u32, &Published> = published.iter().map(|one| (one.event, one)).collect();
    let mut of_user: HashMap<u32, Vec<u32>> = HashMap::new();
    for one in published {
        of_user.entry(one.user).or_default().push(one.event);
    }
    let mut violations = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let mut add = |kind, event| violations.push(Violation { kind, record: index, event });
        let seen = read_record(record, &by_number, &mut add);
        for event in of_user.get(&record.user).into_iter().flatten().filter(|event| !seen.contains(event)) {
            add(ViolationKind::Missing, Some(*event));
        }
        if record.lost {
            add(ViolationKind::ConnectionLost, None);
        }
    }
    violations
}

fn read_record(
    record: &ClientRecord,
    by_number: &HashMap<u32, &Published>,
    add: &mut impl FnMut(ViolationKind, Option<u32>),
) -> HashSet<u32> {
    let mut seen = HashSet::with_capacity(record.received.len());
    let mut last = Cursor::START;
    for received in &record.received {
        let event = Some(received.event);
        match by_number.get(&received.event) {
            Some(published) if published.user == record.user => {
                if published.cursor != received.cursor || !received.intact {
                    add(ViolationKind::Altered, event);
                }
            }
            _ => add(ViolationKind::Unexpected, event),
        }
        if !seen.insert(received.event) {
            add(ViolationKind::Duplicate, event);
        } else if received.cursor <= last {
            add(ViolationKind::OutOfOrder, event);
        }
        last = last.max(received.cursor);
    }
    seen
}

/// Counts the items of each kind.
pub fn count_by_kind<W: Ord>(wrongs: impl Iterator<Item = W>) -> BTreeMap<W, usize> {
    let mut counts = BTreeMap::new();
    for kind in wrongs {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    /// Returns a run without violations: two users with two connections each, three events for the
    /// first user and two for the second.
    fn valid_run() -> (Vec<Published>, Vec<ClientRecord>) {
        let published: Vec<Published> = [(1, 0), (2, 1), (3, 0), (4, 0), (5, 1)]
            .into_iter()
            .map(|(event, user)| Published { event, user, cursor: cursor(u64::from(event)) })
            .collect();
        let record = |user: u32| ClientRecord {
            user,
            received: published
                .iter()
                .filter(|one| one.user == user)
                .map(|one| ReceivedEvent { event: one.event, cursor: one.cursor, intact: true })
                .collect(),
            lost: false,
        };
        let records = vec![record(0), record(0), record(1), record(1)];
        (published, records)
    }

    fn violations_after(tamper: impl FnOnce(&mut Vec<ClientRecord>)) -> Vec<Violation> {
        let (published, mut records) = valid_run();
        tamper(&mut records);
        audit(&published, &records)
    }

    fn one(kind: ViolationKind, record: usize, event: u32) -> Vec<Violation> {
        vec![Violation { kind, record, event: Some(event) }]
    }

    #[test]
    fn records_without_faults_pass() {
        assert_eq!(violations_after(|_| ()), []);
    }

    #[test]
    fn missing_event_is_reported() {
        assert_eq!(violations_after(|records| records[1].received.truncate(2)), one(ViolationKind::Missing, 1, 4));
        assert_eq!(violations_after(|records| records[3].received.clear()).len(), 2);
    }

    #[test]
    fn duplicate_event_is_reported() {
        let duplicate = |records: &mut Vec<ClientRecord>| {
            let again = records[0].received[2];
            records[0].received.push(again);
        };
        assert_eq!(violations_after(duplicate), one(ViolationKind::Duplicate, 0, 4));
    }

    #[test]
    fn changed_order_is_reported() {
        assert_eq!(
            violations_after(|records| records[2].received.swap(0, 1)),
            one(ViolationKind::OutOfOrder, 2, 2)
        );
    }

    #[test]
    fn event_of_another_user_is_reported() {
        let unexpected = |records: &mut Vec<ClientRecord>| {
            let of_other_user = records[2].received[1];
            records[0].received.push(of_other_user);
        };
        assert_eq!(violations_after(unexpected), one(ViolationKind::Unexpected, 0, 5));
        let unknown = ReceivedEvent { event: 77, cursor: cursor(77), intact: true };
        assert_eq!(
            violations_after(|records| records[0].received.push(unknown)),
            one(ViolationKind::Unexpected, 0, 77)
        );
    }

    #[test]
    fn altered_event_and_lost_connection_are_reported() {
        assert_eq!(
            violations_after(|records| records[0].received[0].intact = false),
            one(ViolationKind::Altered, 0, 1)
        );
        assert_eq!(
            violations_after(|records| records[0].received[2].cursor = cursor(9)),
            one(ViolationKind::Altered, 0, 4)
        );
        let lost = violations_after(|records| records[0].lost = true);
        assert_eq!(
            count_by_kind(lost.iter().map(|violation| violation.kind)),
            BTreeMap::from([(ViolationKind::ConnectionLost, 1)])
        );
    }
}
