//! Who got which event. The rules are plain functions over records, so that a test can doctor a record and see the
//! rule object; the runs that make the records are beside them.

pub mod crowd;
pub mod delivery;
pub mod fairness;
pub mod idle;
pub mod quantiles;
pub mod slow;
pub mod slowly;

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
pub struct Got {
    /// Its number within the run.
    pub event: u32,
    /// Its place in the log, as the client was told.
    pub cursor: Cursor,
    /// Did channel and data arrive as they were published?
    pub intact: bool,
}

/// All that one connection received, in order.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Whose connection it is.
    pub user: u32,
    /// What came.
    pub got: Vec<Got>,
    /// Did it end before it was told to?
    pub lost: bool,
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wrong {
    /// An event for the user did not come.
    Missing,
    /// An event came again.
    Twice,
    /// An event came that is for somebody else, or that nobody published.
    Stray,
    /// An event came after one that is behind it in the log.
    Disorder,
    /// Cursor, channel or data are not those of the event.
    Altered,
    /// The connection ended early.
    Lost,
}

/// One objection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objection {
    /// What is wrong.
    pub wrong: Wrong,
    /// With which record, by its place.
    pub record: usize,
    /// With which event; none where it is the connection.
    pub event: Option<u32>,
}

/// Holds each record against what was published: every event of its user exactly once, in the order of the log,
/// and nothing else.
pub fn audit(published: &[Published], records: &[Record]) -> Vec<Objection> {
    let by_number: HashMap<u32, &Published> = published.iter().map(|one| (one.event, one)).collect();
    let mut of_user: HashMap<u32, Vec<u32>> = HashMap::new();
    for one in published {
        of_user.entry(one.user).or_default().push(one.event);
    }
    let mut objections = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let mut object = |wrong, event| objections.push(Objection { wrong, record: index, event });
        let seen = read_through(record, &by_number, &mut object);
        for event in of_user.get(&record.user).into_iter().flatten().filter(|event| !seen.contains(event)) {
            object(Wrong::Missing, Some(*event));
        }
        if record.lost {
            object(Wrong::Lost, None);
        }
    }
    objections
}

fn read_through(
    record: &Record,
    by_number: &HashMap<u32, &Published>,
    object: &mut impl FnMut(Wrong, Option<u32>),
) -> HashSet<u32> {
    let mut seen = HashSet::with_capacity(record.got.len());
    let mut last = Cursor::START;
    for got in &record.got {
        let event = Some(got.event);
        match by_number.get(&got.event) {
            Some(published) if published.user == record.user => {
                if published.cursor != got.cursor || !got.intact {
                    object(Wrong::Altered, event);
                }
            }
            _ => object(Wrong::Stray, event),
        }
        if !seen.insert(got.event) {
            object(Wrong::Twice, event);
        } else if got.cursor <= last {
            object(Wrong::Disorder, event);
        }
        last = last.max(got.cursor);
    }
    seen
}

/// How many there are of each kind.
pub fn tally<W: Ord>(wrongs: impl Iterator<Item = W>) -> BTreeMap<W, usize> {
    let mut counts = BTreeMap::new();
    for wrong in wrongs {
        *counts.entry(wrong).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    /// Two users, two connections each, three events for the first and two for the second: nothing is wrong.
    fn sound() -> (Vec<Published>, Vec<Record>) {
        let published: Vec<Published> = [(1, 0), (2, 1), (3, 0), (4, 0), (5, 1)]
            .into_iter()
            .map(|(event, user)| Published { event, user, cursor: cursor(u64::from(event)) })
            .collect();
        let record = |user: u32| Record {
            user,
            got: published
                .iter()
                .filter(|one| one.user == user)
                .map(|one| Got { event: one.event, cursor: one.cursor, intact: true })
                .collect(),
            lost: false,
        };
        let records = vec![record(0), record(0), record(1), record(1)];
        (published, records)
    }

    fn objections_to(doctor: impl FnOnce(&mut Vec<Record>)) -> Vec<Objection> {
        let (published, mut records) = sound();
        doctor(&mut records);
        audit(&published, &records)
    }

    fn one(wrong: Wrong, record: usize, event: u32) -> Vec<Objection> {
        vec![Objection { wrong, record, event: Some(event) }]
    }

    #[test]
    fn sound_records_pass() {
        assert_eq!(objections_to(|_| ()), []);
    }

    #[test]
    fn a_dropped_event_is_seen() {
        assert_eq!(objections_to(|records| records[1].got.truncate(2)), one(Wrong::Missing, 1, 4));
        assert_eq!(objections_to(|records| records[3].got.clear()).len(), 2);
    }

    #[test]
    fn a_doubled_event_is_seen() {
        let doubled = |records: &mut Vec<Record>| {
            let again = records[0].got[2];
            records[0].got.push(again);
        };
        assert_eq!(objections_to(doubled), one(Wrong::Twice, 0, 4));
    }

    #[test]
    fn a_changed_order_is_seen() {
        assert_eq!(objections_to(|records| records[2].got.swap(0, 1)), one(Wrong::Disorder, 2, 2));
    }

    #[test]
    fn an_event_of_somebody_else_is_seen() {
        let strayed = |records: &mut Vec<Record>| {
            let theirs = records[2].got[1];
            records[0].got.push(theirs);
        };
        assert_eq!(objections_to(strayed), one(Wrong::Stray, 0, 5));
        let unknown = Got { event: 77, cursor: cursor(77), intact: true };
        assert_eq!(objections_to(|records| records[0].got.push(unknown)), one(Wrong::Stray, 0, 77));
    }

    #[test]
    fn a_changed_event_and_a_lost_connection_are_seen() {
        assert_eq!(objections_to(|records| records[0].got[0].intact = false), one(Wrong::Altered, 0, 1));
        assert_eq!(objections_to(|records| records[0].got[2].cursor = cursor(9)), one(Wrong::Altered, 0, 4));
        let lost = objections_to(|records| records[0].lost = true);
        assert_eq!(tally(lost.iter().map(|objection| objection.wrong)), BTreeMap::from([(Wrong::Lost, 1)]));
    }
}
