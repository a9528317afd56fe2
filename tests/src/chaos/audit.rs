//! The rules of a run: each device of a user gets each confirmed event of that user, once, in the order of the log,
//! and nothing of anybody else's. Plain functions over records, so that a test can doctor a record and see the rule
//! object.

use std::collections::{HashMap, HashSet};

use wirebell_protocol::Cursor;

use super::record::{Got, Record, Sent, What};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wrong {
    /// A confirmed event did not come to a device.
    Lost,
    /// It came again, and no gap was told in between.
    Repeated,
    /// It came after one that is behind it in the log; or the log has it before one that was confirmed earlier.
    Disorder,
    /// It is somebody else's, or nobody published it, or it did not arrive as it was published.
    Stray,
    /// Its receipt is missing, or says something else than what the devices did.
    Receipt,
    /// Nobody acknowledged it by its deadline, and it did not fall back.
    FallbackMissed,
    /// It fell back more than once.
    FallbackDoubled,
    /// It fell back though it was acknowledged well before its deadline, or has none.
    FallbackWrong,
    /// The bus did not confirm it, though nothing stood in the way at the end.
    Unconfirmed,
}

/// One objection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objection {
    /// What is wrong.
    pub wrong: Wrong,
    /// With which record, by its place; none where it is the publisher's side.
    pub record: Option<usize>,
    /// With which event, if its number can be told.
    pub event: Option<u32>,
}

/// All objections to a run.
pub fn audit(sent: &[Sent], records: &[Record]) -> Vec<Objection> {
    let mut objections = publishers_side(sent);
    let due = due(sent);
    for (place, record) in records.iter().enumerate() {
        let mut object = |wrong, event| objections.push(Objection { wrong, record: Some(place), event });
        let seen = read_through(record, sent, &mut object);
        for event in due.get(&record.user).into_iter().flatten() {
            if !seen.contains_key(event) {
                object(Wrong::Lost, Some(*event));
            }
        }
    }
    objections
}

/// How many confirmed events have not come to their devices, over all of them.
pub fn missing(sent: &[Sent], records: &[Record]) -> usize {
    let due = due(sent);
    let lacks = |record: &Record| {
        let got: HashSet<u32> = record.got().filter_map(|got| got.event).collect();
        due.get(&record.user).map_or(0, |events| events.iter().filter(|event| !got.contains(event)).count())
    };
    records.iter().map(lacks).sum()
}

/// The confirmed events of each user.
fn due(sent: &[Sent]) -> HashMap<u32, Vec<u32>> {
    let mut due: HashMap<u32, Vec<u32>> = HashMap::new();
    for (event, one) in (0..).zip(sent) {
        if one.confirmed.is_some() {
            due.entry(one.user).or_default().push(event);
        }
    }
    due
}

/// Reads a record from its beginning; gives the events that came, each with the gaps told before it.
fn read_through(record: &Record, sent: &[Sent], object: &mut impl FnMut(Wrong, Option<u32>)) -> HashMap<u32, u32> {
    let (mut seen, mut gaps, mut last) = (HashMap::new(), 0_u32, Cursor::START);
    let mut elsewhere = Vec::new();
    for line in &record.lines {
        let got = match &line.what {
            What::Gap => {
                gaps += 1;
                continue;
            }
            What::Got(got) => got,
            What::Welcomed { .. } | What::Acknowledged(_) | What::Ended(_) => continue,
        };
        if is_stray(got, record.user, sent) {
            object(Wrong::Stray, got.event);
        } else if is_elsewhere(got, sent) {
            elsewhere.push((got.event, gaps));
        }
        let before = got.event.and_then(|event| seen.insert(event, gaps));
        match before {
            // A log that lost its end is told as a gap; what was published to it without being confirmed, and was
            // then published again, is in the new one for the first time.
            Some(told) if told < gaps => {}
            Some(_) => object(Wrong::Repeated, got.event),
            None if got.cursor <= last => object(Wrong::Disorder, got.event),
            None => {}
        }
        last = last.max(got.cursor);
    }
    for (event, _) in elsewhere.into_iter().filter(|(_, told)| *told == gaps) {
        object(Wrong::Stray, event);
    }
    seen
}

/// Did it come with another cursor than the publisher was told? That is right only in a log that was lost, and then a
/// gap is told.
fn is_elsewhere(got: &Got, sent: &[Sent]) -> bool {
    let confirmed = got.event.and_then(|event| sent.get(event as usize)).and_then(|sent| sent.confirmed);
    confirmed.is_some_and(|confirmed| confirmed.cursor != got.cursor)
}

fn is_stray(got: &Got, user: u32, sent: &[Sent]) -> bool {
    let known = got.event.and_then(|event| sent.get(event as usize));
    !got.intact || known.is_none_or(|known| known.user != user)
}

/// What can be seen without any device: all is confirmed, and what was published after another was confirmed is
/// behind it in the log.
fn publishers_side(sent: &[Sent]) -> Vec<Objection> {
    let mut objections = Vec::new();
    let mut object = |wrong, event| objections.push(Objection { wrong, record: None, event: Some(event) });
    let mut of_user: HashMap<u32, Vec<(u64, Step)>> = HashMap::new();
    for (event, one) in (0..).zip(sent) {
        let Some(confirmed) = one.confirmed else {
            object(Wrong::Unconfirmed, event);
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
                        object(Wrong::Disorder, event);
                    }
                    end = end.max(cursor);
                }
            }
        }
    }
    objections
}

/// A moment in the publishing of one user's events.
enum Step {
    Began(u32),
    Confirmed(u32, Cursor),
}

#[cfg(test)]
mod tests {
    use super::super::record::{Confirmed, Ending, Line};
    use super::*;

    fn cursor(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    fn line(what: What) -> Line {
        Line { millis: 0, what }
    }

    fn got(event: u32) -> Line {
        line(What::Got(Got { event: Some(event), cursor: cursor(u64::from(event) + 1), intact: true }))
    }

    fn welcome() -> Line {
        let what = What::Welcomed { connection: "a.1".to_owned(), cursor: Cursor::START, recovered: true };
        line(what)
    }

    /// Two users with two devices each; three events for the first, two for the second; each device came back once.
    fn sound() -> (Vec<Sent>, Vec<Record>) {
        let users = [0, 1, 0, 0, 1];
        let sent = users.iter().zip(0_u64..).map(|(user, number)| {
            let confirmed = Confirmed { cursor: cursor(number + 1), at: 2 * number + 2, millis: 0 };
            Sent { user: *user, began: 2 * number + 1, millis: 0, watch: None, confirmed: Some(confirmed) }
        });
        let record = |user: u32, device: u32, events: [Vec<Line>; 2]| {
            let [first, second] = events;
            let lines = [vec![welcome()], first, vec![line(What::Ended(Ending::Lost)), welcome()], second].concat();
            Record { user, device, lines }
        };
        let records = vec![
            record(0, 0, [vec![got(0)], vec![got(2), got(3)]]),
            record(0, 1, [vec![got(0), got(2), got(3)], vec![]]),
            record(1, 0, [vec![], vec![got(1), got(4)]]),
            record(1, 1, [vec![got(1)], vec![got(4)]]),
        ];
        (sent.collect(), records)
    }

    fn objections_to(doctor: impl FnOnce(&mut Vec<Sent>, &mut Vec<Record>)) -> Vec<Objection> {
        let (mut sent, mut records) = sound();
        doctor(&mut sent, &mut records);
        audit(&sent, &records)
    }

    fn one(wrong: Wrong, record: usize, event: u32) -> Vec<Objection> {
        vec![Objection { wrong, record: Some(record), event: Some(event) }]
    }

    /// The place of an event's line.
    fn at(record: &Record, event: u32) -> usize {
        record.lines.iter().position(|line| *line == got(event)).expect("the event came")
    }

    #[test]
    fn a_sound_run_passes() {
        assert_eq!(objections_to(|_, _| ()), []);
    }

    #[test]
    fn a_dropped_event_is_seen() {
        let dropped = objections_to(|_, records| {
            let place = at(&records[0], 2);
            records[0].lines.remove(place);
        });
        assert_eq!(dropped, one(Wrong::Lost, 0, 2));
        let (sent, mut records) = sound();
        records[3].lines.clear();
        assert_eq!(missing(&sent, &records), 2);
        // A gap that is told does not bring the event back.
        let told = objections_to(|_, records| {
            let place = at(&records[0], 2);
            records[0].lines[place] = line(What::Gap);
        });
        assert_eq!(told, one(Wrong::Lost, 0, 2));
    }

    #[test]
    fn an_event_that_was_never_confirmed_may_come_and_may_not() {
        let lost = objections_to(|sent, records| {
            sent[2].confirmed = None;
            let place = at(&records[1], 2);
            records[1].lines.remove(place);
        });
        assert_eq!(lost, vec![Objection { wrong: Wrong::Unconfirmed, record: None, event: Some(2) }]);
    }

    #[test]
    fn a_doubled_event_is_seen_also_across_connections() {
        assert_eq!(objections_to(|_, records| records[1].lines.push(got(3))), one(Wrong::Repeated, 1, 3));
        let next_to_it = objections_to(|_, records| {
            let place = at(&records[2], 1);
            records[2].lines.insert(place, got(1));
        });
        assert_eq!(next_to_it, one(Wrong::Repeated, 2, 1));
        // The log had lost it, and the device was told so.
        let told = objections_to(|_, records| records[1].lines.extend([line(What::Gap), got(3)]));
        assert_eq!(told, []);
    }

    #[test]
    fn a_changed_order_is_seen() {
        let swapped = objections_to(|_, records| {
            let (first, second) = (at(&records[0], 2), at(&records[0], 3));
            records[0].lines.swap(first, second);
        });
        assert_eq!(swapped, one(Wrong::Disorder, 0, 2));
    }

    #[test]
    fn a_log_in_another_order_than_the_publishers_is_seen() {
        let (mut sent, _) = sound();
        sent[3].confirmed = Some(Confirmed { cursor: cursor(2), at: 8, millis: 0 });
        let backwards = Objection { wrong: Wrong::Disorder, record: None, event: Some(3) };
        assert_eq!(publishers_side(&sent), [backwards]);
        // Published at the same time, there is no order between them.
        sent[3].began = 1;
        assert_eq!(publishers_side(&sent), []);
    }

    #[test]
    fn what_is_not_the_users_is_seen() {
        let theirs = objections_to(|_, records| records[0].lines.push(got(4)));
        assert_eq!(theirs, one(Wrong::Stray, 0, 4));
        let unknown = objections_to(|_, records| records[0].lines.push(got(77)));
        assert_eq!(unknown, one(Wrong::Stray, 0, 77));
        let altered = objections_to(|_, records| {
            let place = at(&records[2], 4);
            let what = Got { event: Some(4), cursor: cursor(5), intact: false };
            records[2].lines[place] = line(What::Got(what));
        });
        assert_eq!(altered, one(Wrong::Stray, 2, 4));
        let elsewhere =
            objections_to(|sent, _| sent[3].confirmed = Some(Confirmed { cursor: cursor(9), at: 8, millis: 0 }));
        assert_eq!(elsewhere, [one(Wrong::Stray, 0, 3), one(Wrong::Stray, 1, 3)].concat());
    }
}
