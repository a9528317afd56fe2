//! Who received which event. The rules are plain functions over records, so that a test can tamper a record and see the
//! rule add; the runs that make the records are beside them.

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
    /// Its number within the run.
    pub event: u32,
    /// Whom it is for.
    pub user: u32,
    /// Its place in the user's log, as the publisher was told.
    pub cursor: Cursor,
}

/// An event that a connection received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedEvent {
    /// Its number within the run.
    pub event: u32,
    /// Its place in the log, as the client was told.
    pub cursor: Cursor,
    /// Did channel and data arrive as they were published?
    pub intact: bool,
}

/// All that one connection received, in order.
#[derive(Debug, Clone, Default)]
pub struct ClientRecord {
    /// Whose connection it is.
    pub user: u32,
    /// What came.
    pub received: Vec<ReceivedEvent>,
    /// Did it end before it was told to?
    pub lost: bool,
}

/// What is kind with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViolationKind {
    /// An event for the user did not come.
    Missing,
    /// An event came again.
    Duplicate,
    /// An event came that is for somebody else, or that nobody published.
    Unexpected,
    /// An event came after one that is behind it in the log.
    OutOfOrder,
    /// Cursor, channel or data are not those of the event.
    Altered,
    /// The connection ended early.
    ConnectionLost,
}

/// One violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// What is kind.
    pub kind: ViolationKind,
    /// With which record, by its place.
    pub record: usize,
    /// With which event; none where it is the connection.
    pub event: Option<u32>,
}

/// Holds each record against what was published: every event of its user exactly once, in the order of the log,
/// and nothing else.
pub fn audit(published: &[Published], records: &[ClientRecord]) -> Vec<Violation> {
    let by_number: HashMap<u32, &Published> = published.iter().map(|one| (one.event, one)).collect();
    let mut of_user: HashMap<u32, Vec<u32>> = HashMap::new();
    for one in published {
        of_user.entry(one.user).or_default().push(one.event);
    }
    let mut violations = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let mut add = |kind, event| violations.push(Violation { kind, record: index, event });
        let seen = read_through(record, &by_number, &mut add);
        for event in of_user.get(&record.user).into_iter().flatten().filter(|event| !seen.contains(event)) {
            add(ViolationKind::Missing, Some(*event));
        }
        if record.lost {
            add(ViolationKind::ConnectionLost, None);
        }
    }
    violations
}

fn read_through(
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

/// How many there are of each kind.
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

    /// Two users, two connections each, three events for the first and two for the second: nothing is kind.
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
    fn sound_records_pass() {
        assert_eq!(violations_after(|_| ()), []);
    }

    #[test]
    fn a_dropped_event_is_seen() {
        assert_eq!(violations_after(|records| records[1].received.truncate(2)), one(ViolationKind::Missing, 1, 4));
        assert_eq!(violations_after(|records| records[3].received.clear()).len(), 2);
    }

    #[test]
    fn a_doubled_event_is_seen() {
        let doubled = |records: &mut Vec<ClientRecord>| {
            let again = records[0].received[2];
            records[0].received.push(again);
        };
        assert_eq!(violations_after(doubled), one(ViolationKind::Duplicate, 0, 4));
    }

    #[test]
    fn a_changed_order_is_seen() {
        assert_eq!(
            violations_after(|records| records[2].received.swap(0, 1)),
            one(ViolationKind::OutOfOrder, 2, 2)
        );
    }

    #[test]
    fn an_event_of_somebody_else_is_seen() {
        let strayed = |records: &mut Vec<ClientRecord>| {
            let theirs = records[2].received[1];
            records[0].received.push(theirs);
        };
        assert_eq!(violations_after(strayed), one(ViolationKind::Unexpected, 0, 5));
        let unknown = ReceivedEvent { event: 77, cursor: cursor(77), intact: true };
        assert_eq!(
            violations_after(|records| records[0].received.push(unknown)),
            one(ViolationKind::Unexpected, 0, 77)
        );
    }

    #[test]
    fn a_changed_event_and_a_lost_connection_are_seen() {
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
