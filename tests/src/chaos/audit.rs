//! The rules of a run. Each device must receive each confirmed event of its user once, in the order
//! of the log, and no event of another user. The rules are plain functions over records, so a test
//! can tamper with a record and check that the rule reports a violation.

use std::collections::{HashMap, HashSet};

use wirebell_protocol::Cursor;

use super::record::{DeviceEvent, DeviceRecord, ReceivedEvent, SentEvent};

/// The kind of a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViolationKind {
    /// A confirmed event did not arrive at a device.
    Lost,
    /// An event arrived again without a gap in between.
    Duplicate,
    /// An event arrived after one with a later position in the log. Or the log has it before an
    /// event that was confirmed earlier.
    OutOfOrder,
    /// An event belongs to another user, was never published, or did not arrive as it was
    /// published.
    Unexpected,
    /// The receipt is missing, or contradicts what the devices did.
    WrongReceipt,
    /// No device acknowledged the event by its deadline, and it is missing in the fallback stream.
    FallbackMissed,
    /// The event is in the fallback stream more than once.
    FallbackDuplicated,
    /// The event is in the fallback stream although it was acknowledged well before its deadline,
    /// or has no deadline.
    FallbackUnexpected,
    /// The bus did not confirm the event, although all faults had ended.
    Unconfirmed,
}

/// One violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// The kind.
    pub kind: ViolationKind,
    /// Index of the device's record; `None` for a violation on the publisher's side.
    pub record: Option<usize>,
    /// Number of the event, if it is known.
    pub event: Option<u32>,
}

/// Returns all violations of a run.
pub fn audit(sent: &[SentEvent], records: &[DeviceRecord]) -> Vec<Violation> {
    let mut violations = audit_publishers(sent);
    let due = due(sent);
    for (index, record) in records.iter().enumerate() {
        let mut add = |kind, event| violations.push(Violation { kind, record: Some(index), event });
        let seen = read_record(record, sent, &mut add);
        for event in due.get(&record.user).into_iter().flatten() {
            if !seen.contains_key(event) {
                add(ViolationKind::Lost, Some(*event));
            }
        }
    }
    violations
}

/// Counts the confirmed events that have not arrived, over all devices.
pub fn missing(sent: &[SentEvent], records: &[DeviceRecord]) -> usize {
    let due = due(sent);
    let missing_in = |record: &DeviceRecord| {
        let received: HashSet<u32> = record.received().filter_map(|received| received.event).collect();
        due.get(&record.user).map_or(0, |events| events.iter().filter(|event| !received.contains(event)).count())
    };
    records.iter().map(missing_in).sum()
}

/// Returns the confirmed events of each user.
fn due(sent: &[SentEvent]) -> HashMap<u32, Vec<u32>> {
    let mut due: HashMap<u32, Vec<u32>> = HashMap::new();
    for (event, one) in (0..).zip(sent) {
        if one.confirmed.is_some() {
            due.entry(one.user).or_default().push(event);
        }
    }
    due
}

/// Reads a record from its beginning. Returns the received events, each with the number of gaps
/// before it.
fn read_record(
    record: &DeviceRecord,
    sent: &[SentEvent],
    add: &mut impl FnMut(ViolationKind, Option<u32>),
) -> HashMap<u32, u32> {
    let (mut seen, mut gaps, mut last) = (HashMap::new(), 0_u32, Cursor::START);
    let mut other_cursor = Vec::new();
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
        } else if has_other_cursor(received, sent) {
            other_cursor.push((received.event, gaps));
        }
        let before = received.event.and_then(|event| seen.insert(event, gaps));
        match before {
            // A log that lost its end is reported as a gap. An event that was published to the old
            // log without a confirmation was then published again, and is in the new log for the
            // first time.
            Some(before) if before < gaps => {}
            Some(_) => add(ViolationKind::Duplicate, received.event),
            None if received.cursor <= last => add(ViolationKind::OutOfOrder, received.event),
            None => {}
        }
        last = last.max(received.cursor);
    }
    for (event, _) in other_cursor.into_iter().filter(|(_, before)| *before == gaps) {
        add(ViolationKind::Unexpected, event);
    }
    seen
}

/// Returns whether an event arrived with another cursor than the publisher received. That is
/// correct only if the log was lost, and then the device gets a gap.
fn has_other_cursor(received: &ReceivedEvent, sent: &[SentEvent]) -> bool {
    let confirmed = received.event.and_then(|event| sent.get(event as usize)).and_then(|sent| sent.confirmed);
    confirmed.is_some_and(|confirmed| confirmed.cursor != received.cursor)
}

fn is_unexpected(received: &ReceivedEvent, user: u32, sent: &[SentEvent]) -> bool {
    let known = received.event.and_then(|event| sent.get(event as usize));
    !received.intact || known.is_none_or(|known| known.user != user)
}

/// Checks what needs no device: all events are confirmed, and an event published after the
/// confirmation of another is after it in the log.
fn audit_publishers(sent: &[SentEvent]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut add = |kind, event| violations.push(Violation { kind, record: None, event: Some(event) });
    let mut of_user: HashMap<u32, Vec<(u64, Step)>> = HashMap::new();
    for (event, one) in (0..).zip(sent) {
        let Some(confirmed) = one.confirmed else {
            add(ViolationKind::Unconfirmed, event);
            continue;
        };
        let steps = of_user.entry(one.user).or_default();
        steps.push((one.started, Step::Started(event)));
        steps.push((confirmed.at, Step::Confirmed(event, confirmed.cursor)));
    }
    for mut steps in of_user.into_values() {
        steps.sort_unstable_by_key(|(moment, _)| *moment);
        let (mut end, mut floors) = (Cursor::START, HashMap::new());
        for (_, step) in steps {
            match step {
                Step::Started(event) => {
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

/// A step in publishing the events of one user.
enum Step {
    Started(u32),
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

    /// Returns a run without violations: two users with two devices each, three events for the
    /// first user and two for the second. Each device reconnects once.
    fn valid_run() -> (Vec<SentEvent>, Vec<DeviceRecord>) {
        let users = [0, 1, 0, 0, 1];
        let sent = users.iter().zip(0_u64..).map(|(user, number)| {
            let confirmed = Confirmed { cursor: cursor(number + 1), at: 2 * number + 2, millis: 0 };
            SentEvent {
                user: *user,
                started: 2 * number + 1,
                millis: 0,
                tracking: None,
                confirmed: Some(confirmed),
            }
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

    /// Returns the index of an event's entry.
    fn at(record: &DeviceRecord, event: u32) -> usize {
        record.entries.iter().position(|entry| *entry == received(event)).expect("the event was received")
    }

    #[test]
    fn run_without_faults_passes() {
        assert_eq!(violations_after(|_, _| ()), []);
    }

    #[test]
    fn missing_event_is_reported() {
        let dropped = violations_after(|_, records| {
            let index = at(&records[0], 2);
            records[0].entries.remove(index);
        });
        assert_eq!(dropped, one(ViolationKind::Lost, 0, 2));
        let (sent, mut records) = valid_run();
        records[3].entries.clear();
        assert_eq!(missing(&sent, &records), 2);
        // A reported gap does not replace the event.
        let with_gap = violations_after(|_, records| {
            let index = at(&records[0], 2);
            records[0].entries[index] = entry(DeviceEvent::Gap);
        });
        assert_eq!(with_gap, one(ViolationKind::Lost, 0, 2));
    }

    #[test]
    fn unconfirmed_event_may_arrive_or_not() {
        let lost = violations_after(|sent, records| {
            sent[2].confirmed = None;
            let index = at(&records[1], 2);
            records[1].entries.remove(index);
        });
        assert_eq!(lost, vec![Violation { kind: ViolationKind::Unconfirmed, record: None, event: Some(2) }]);
    }

    #[test]
    fn duplicate_event_is_reported_also_across_connections() {
        assert_eq!(
            violations_after(|_, records| records[1].entries.push(received(3))),
            one(ViolationKind::Duplicate, 1, 3)
        );
        let adjacent = violations_after(|_, records| {
            let index = at(&records[2], 1);
            records[2].entries.insert(index, received(1));
        });
        assert_eq!(adjacent, one(ViolationKind::Duplicate, 2, 1));
        // The log had lost the event, and the device got a gap.
        let with_gap =
            violations_after(|_, records| records[1].entries.extend([entry(DeviceEvent::Gap), received(3)]));
        assert_eq!(with_gap, []);
    }

    #[test]
    fn changed_order_is_reported() {
        let swapped = violations_after(|_, records| {
            let (first, second) = (at(&records[0], 2), at(&records[0], 3));
            records[0].entries.swap(first, second);
        });
        assert_eq!(swapped, one(ViolationKind::OutOfOrder, 0, 2));
    }

    #[test]
    fn log_in_another_order_than_published_is_reported() {
        let (mut sent, _) = valid_run();
        sent[3].confirmed = Some(Confirmed { cursor: cursor(2), at: 8, millis: 0 });
        let backwards = Violation { kind: ViolationKind::OutOfOrder, record: None, event: Some(3) };
        assert_eq!(audit_publishers(&sent), [backwards]);
        // Events that are published concurrently have no order between them.
        sent[3].started = 1;
        assert_eq!(audit_publishers(&sent), []);
    }

    #[test]
    fn unexpected_events_are_reported() {
        let of_other_user = violations_after(|_, records| records[0].entries.push(received(4)));
        assert_eq!(of_other_user, one(ViolationKind::Unexpected, 0, 4));
        let unknown = violations_after(|_, records| records[0].entries.push(received(77)));
        assert_eq!(unknown, one(ViolationKind::Unexpected, 0, 77));
        let altered = violations_after(|_, records| {
            let index = at(&records[2], 4);
            let event = ReceivedEvent { event: Some(4), cursor: cursor(5), intact: false };
            records[2].entries[index] = entry(DeviceEvent::Received(event));
        });
        assert_eq!(altered, one(ViolationKind::Unexpected, 2, 4));
        let other_cursor =
            violations_after(|sent, _| sent[3].confirmed = Some(Confirmed { cursor: cursor(9), at: 8, millis: 0 }));
        assert_eq!(
            other_cursor,
            [one(ViolationKind::Unexpected, 0, 3), one(ViolationKind::Unexpected, 1, 3)].concat()
        );
    }
}
