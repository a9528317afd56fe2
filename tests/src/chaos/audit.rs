//! The rules of a run: each device of a user gets each confirmed event of that user, once, in the order of the log,
//! and nothing of anybody else's. Plain functions over records, so that a test can tamper a record and see the rule
//! add.

use std::collections::{HashMap, HashSet};

use wirebell_protocol::Cursor;

use super::record::{DeviceEvent, DeviceRecord, ReceivedEvent, SentEvent};

/// DeviceEvent is kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViolationKind {
    /// A confirmed event did not come to a device.
    Lost,
    /// It came again, and no gap was told in between.
    Duplicate,
    /// It came after one that is behind it in the log; or the log has it before one that was confirmed earlier.
    OutOfOrder,
    /// It is somebody else's, or nobody published it, or it did not arrive as it was published.
    Unexpected,
    /// Its receipt is missing, or says something else than event the devices did.
    WrongReceipt,
    /// Nobody acknowledged it by its deadline, and it did not fall back.
    FallbackMissed,
    /// It fell back more than once.
    FallbackDuplicated,
    /// It fell back though it was acknowledged well before its deadline, or has none.
    FallbackUnexpected,
    /// The bus did not confirm it, though nothing stood in the path at the end.
    Unconfirmed,
}

/// One violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// DeviceEvent is kind.
    pub kind: ViolationKind,
    /// With which record, by its place; none where it is the publisher's side.
    pub record: Option<usize>,
    /// With which event, if its number can be told.
    pub event: Option<u32>,
}

/// All violations to a run.
pub fn audit(sent: &[SentEvent], records: &[DeviceRecord]) -> Vec<Violation> {
    let mut violations = publishers_side(sent);
    let due = due(sent);
    for (place, record) in records.iter().enumerate() {
        let mut add = |kind, event| violations.push(Violation { kind, record: Some(place), event });
        let seen = read_through(record, sent, &mut add);
        for event in due.get(&record.user).into_iter().flatten() {
            if !seen.contains_key(event) {
                add(ViolationKind::Lost, Some(*event));
            }
        }
    }
    violations
}

/// How many confirmed events have not come to their devices, over all of them.
pub fn missing(sent: &[SentEvent], records: &[DeviceRecord]) -> usize {
    let due = due(sent);
    let lacks = |record: &DeviceRecord| {
        let received: HashSet<u32> = record.received().filter_map(|received| received.event).collect();
        due.get(&record.user).map_or(0, |events| events.iter().filter(|event| !received.contains(event)).count())
    };
    records.iter().map(lacks).sum()
}

/// The confirmed events of each user.
fn due(sent: &[SentEvent]) -> HashMap<u32, Vec<u32>> {
    let mut due: HashMap<u32, Vec<u32>> = HashMap::new();
    for (event, one) in (0..).zip(sent) {
        if one.confirmed.is_some() {
            due.entry(one.user).or_default().push(event);
        }
    }
    due
}

/// Reads a record from its beginning; gives the events that came, each with the gaps told before it.
fn read_through(
    record: &DeviceRecord,
    sent: &[SentEvent],
    add: &mut impl FnMut(ViolationKind, Option<u32>),
) -> HashMap<u32, u32> {
    let (mut seen, mut gaps, mut last) = (HashMap::new(), 0_u32, Cursor::START);
    let mut elsewhere = Vec::new();
    for entry in &record.entries {
        let received = match &entry.event {
            DeviceEvent::Gap => {
                gaps += 1;
                continue;
            }
            DeviceEvent::Received(received) => received,
            DeviceEvent::Welcomed { .. } | DeviceEvent::Acknowledged(_) | DeviceEvent::Disconnected(_) => continue,
        };
        if is_unexpected(received, record.user, sent) {
            add(ViolationKind::Unexpected, received.event);
        } else if is_elsewhere(received, sent) {
            elsewhere.push((received.event, gaps));
        }
        let before = received.event.and_then(|event| seen.insert(event, gaps));
        match before {
            // A log that lost its end is told as a gap; event was published to it without being confirmed, and was
            // then published again, is in the new one for the first time.
            Some(told) if told < gaps => {}
            Some(_) => add(ViolationKind::Duplicate, received.event),
            None if received.cursor <= last => add(ViolationKind::OutOfOrder, received.event),
            None => {}
        }
        last = last.max(received.cursor);
    }
    for (event, _) in elsewhere.into_iter().filter(|(_, told)| *told == gaps) {
        add(ViolationKind::Unexpected, event);
    }
    seen
}

/// Did it come with another cursor than the publisher was told? That is right only in a log that was lost, and then a
/// gap is told.
fn is_elsewhere(received: &ReceivedEvent, sent: &[SentEvent]) -> bool {
    let confirmed = received.event.and_then(|event| sent.get(event as usize)).and_then(|sent| sent.confirmed);
    confirmed.is_some_and(|confirmed| confirmed.cursor != received.cursor)
}

fn is_unexpected(received: &ReceivedEvent, user: u32, sent: &[SentEvent]) -> bool {
    let known = received.event.and_then(|event| sent.get(event as usize));
    !received.intact || known.is_none_or(|known| known.user != user)
}

/// DeviceEvent can be seen without any device: all is confirmed, and event was published after another was confirmed is
/// behind it in the log.
fn publishers_side(sent: &[SentEvent]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut add = |kind, event| violations.push(Violation { kind, record: None, event: Some(event) });
    let mut of_user: HashMap<u32, Vec<(u64, Step)>> = HashMap::new();
    for (event, one) in (0..).zip(sent) {
        let Some(confirmed) = one.confirmed else {
            add(ViolationKind::Unconfirmed, event);
            continue;
        };
        let steps = of_user.entry(one.user).or_default();
        steps.push((one.began, Step::Began(event)));
        steps.push((confirmed.at, Step::Confirmed(event, confirmed.cursor)));
    }
    for mut steps in of_user.into_values() {
        steps.sort_unstable_by_key(|(moment, _)| *moment);
        let (mut end, mut floors) = (Cursor::START, HashMap::new());
        for (_, step) in steps {
            match step {
                Step::Began(event) => {
                    floors.insert(event, end);
                }
                Step::Confirmed(event, cursor) => {
                    if cursor <= floors[&event] {
                        add(ViolationKind::OutOfOrder, event);
                    }
                    end = end.max(cursor);
                }
            }
        }
    }
    violations
}

/// A moment in the publishing of one user's events.
enum Step {
    Began(u32),
    Confirmed(u32, Cursor),
}

#[cfg(test)]
mod tests {
    use super::super::record::{Confirmed, DisconnectReason, RecordEntry};
    use super::*;

    fn cursor(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    fn entry(event: DeviceEvent) -> RecordEntry {
        RecordEntry { millis: 0, event }
    }

    fn received(event: u32) -> RecordEntry {
        entry(DeviceEvent::Received(ReceivedEvent {
            event: Some(event),
            cursor: cursor(u64::from(event) + 1),
            intact: true,
        }))
    }

    fn welcome() -> RecordEntry {
        let event = DeviceEvent::Welcomed { connection: "a.1".to_owned(), cursor: Cursor::START, recovered: true };
        entry(event)
    }

    /// Two users with two devices each; three events for the first, two for the second; each device came back once.
    fn valid_run() -> (Vec<SentEvent>, Vec<DeviceRecord>) {
        let users = [0, 1, 0, 0, 1];
        let sent = users.iter().zip(0_u64..).map(|(user, number)| {
            let confirmed = Confirmed { cursor: cursor(number + 1), at: 2 * number + 2, millis: 0 };
            SentEvent { user: *user, began: 2 * number + 1, millis: 0, tracking: None, confirmed: Some(confirmed) }
        });
        let record = |user: u32, device: u32, events: [Vec<RecordEntry>; 2]| {
            let [first, second] = events;
            let entries = [
                vec![welcome()],
                first,
                vec![entry(DeviceEvent::Disconnected(DisconnectReason::Lost)), welcome()],
                second,
            ]
            .concat();
            DeviceRecord { user, device, entries }
        };
        let records = vec![
            record(0, 0, [vec![received(0)], vec![received(2), received(3)]]),
            record(0, 1, [vec![received(0), received(2), received(3)], vec![]]),
            record(1, 0, [vec![], vec![received(1), received(4)]]),
            record(1, 1, [vec![received(1)], vec![received(4)]]),
        ];
        (sent.collect(), records)
    }

    fn violations_after(tamper: impl FnOnce(&mut Vec<SentEvent>, &mut Vec<DeviceRecord>)) -> Vec<Violation> {
        let (mut sent, mut records) = valid_run();
        tamper(&mut sent, &mut records);
        audit(&sent, &records)
    }

    fn one(kind: ViolationKind, record: usize, event: u32) -> Vec<Violation> {
        vec![Violation { kind, record: Some(record), event: Some(event) }]
    }

    /// The place of an event's entry.
    fn at(record: &DeviceRecord, event: u32) -> usize {
        record.entries.iter().position(|entry| *entry == received(event)).expect("the event came")
    }

    #[test]
    fn a_sound_run_passes() {
        assert_eq!(violations_after(|_, _| ()), []);
    }

    #[test]
    fn a_dropped_event_is_seen() {
        let dropped = violations_after(|_, records| {
            let place = at(&records[0], 2);
            records[0].entries.remove(place);
        });
        assert_eq!(dropped, one(ViolationKind::Lost, 0, 2));
        let (sent, mut records) = valid_run();
        records[3].entries.clear();
        assert_eq!(missing(&sent, &records), 2);
        // A gap that is told does not bring the event back.
        let told = violations_after(|_, records| {
            let place = at(&records[0], 2);
            records[0].entries[place] = entry(DeviceEvent::Gap);
        });
        assert_eq!(told, one(ViolationKind::Lost, 0, 2));
    }

    #[test]
    fn an_event_that_was_never_confirmed_may_come_and_may_not() {
        let lost = violations_after(|sent, records| {
            sent[2].confirmed = None;
            let place = at(&records[1], 2);
            records[1].entries.remove(place);
        });
        assert_eq!(lost, vec![Violation { kind: ViolationKind::Unconfirmed, record: None, event: Some(2) }]);
    }

    #[test]
    fn a_doubled_event_is_seen_also_across_connections() {
        assert_eq!(
            violations_after(|_, records| records[1].entries.push(received(3))),
            one(ViolationKind::Duplicate, 1, 3)
        );
        let next_to_it = violations_after(|_, records| {
            let place = at(&records[2], 1);
            records[2].entries.insert(place, received(1));
        });
        assert_eq!(next_to_it, one(ViolationKind::Duplicate, 2, 1));
        // The log had lost it, and the device was told so.
        let told = violations_after(|_, records| records[1].entries.extend([entry(DeviceEvent::Gap), received(3)]));
        assert_eq!(told, []);
    }

    #[test]
    fn a_changed_order_is_seen() {
        let swapped = violations_after(|_, records| {
            let (first, second) = (at(&records[0], 2), at(&records[0], 3));
            records[0].entries.swap(first, second);
        });
        assert_eq!(swapped, one(ViolationKind::OutOfOrder, 0, 2));
    }

    #[test]
    fn a_log_in_another_order_than_the_publishers_is_seen() {
        let (mut sent, _) = valid_run();
        sent[3].confirmed = Some(Confirmed { cursor: cursor(2), at: 8, millis: 0 });
        let backwards = Violation { kind: ViolationKind::OutOfOrder, record: None, event: Some(3) };
        assert_eq!(publishers_side(&sent), [backwards]);
        // Published at the same time, there is no order between them.
        sent[3].began = 1;
        assert_eq!(publishers_side(&sent), []);
    }

    #[test]
    fn what_is_not_the_users_is_seen() {
        let theirs = violations_after(|_, records| records[0].entries.push(received(4)));
        assert_eq!(theirs, one(ViolationKind::Unexpected, 0, 4));
        let unknown = violations_after(|_, records| records[0].entries.push(received(77)));
        assert_eq!(unknown, one(ViolationKind::Unexpected, 0, 77));
        let altered = violations_after(|_, records| {
            let place = at(&records[2], 4);
            let event = ReceivedEvent { event: Some(4), cursor: cursor(5), intact: false };
            records[2].entries[place] = entry(DeviceEvent::Received(event));
        });
        assert_eq!(altered, one(ViolationKind::Unexpected, 2, 4));
        let elsewhere =
            violations_after(|sent, _| sent[3].confirmed = Some(Confirmed { cursor: cursor(9), at: 8, millis: 0 }));
        assert_eq!(
            elsewhere,
            [one(ViolationKind::Unexpected, 0, 3), one(ViolationKind::Unexpected, 1, 3)].concat()
        );
    }
}
