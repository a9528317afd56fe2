//! A member of a channel: who listens, and how far they have come by themselves.
//!
//! Most members simply get what is announced. One that came back with a cursor, or whose outbox was full, reads the
//! log at its own speed instead; announcements pass it by until it has reached the log's end.

use std::sync::Arc;

use wirebell_protocol::Cursor;
use wirebell_protocol::announcement::Place;

use super::line::Lane;
use super::outbox::Outbox;
use crate::bus::Ends;

/// One listener of a channel. The course is boxed, since hardly anybody has one.
pub(super) struct Member {
    pub(super) outbox: Arc<Outbox>,
    /// Behind this cursor, everything reaches the listener anyhow.
    pub(super) since: Cursor,
    course: Course,
    retained: Course,
}

/// How a listener's way through a log differs from the others'.
#[derive(Default)]
pub(super) struct Course(Option<Box<Own>>);

enum Own {
    /// It reads the log. This is the newest event that was announced meanwhile.
    Catching(Cursor),
    /// It has read the log up to here; what is announced behind that is a repeat.
    From(Cursor),
}

impl Course {
    /// Begins by reading the log.
    pub(super) fn catching() -> Self {
        Self(Some(Box::new(Own::Catching(Cursor::START))))
    }

    /// Does the listener read by itself?
    pub(super) fn is_catching(&self) -> bool {
        matches!(self.0.as_deref(), Some(Own::Catching(_)))
    }

    /// The line ends here. Where it has not even begun, there is nothing to read.
    pub(super) fn ends_at(&mut self, end: Cursor) {
        let is_new = matches!(self.0.as_deref(), Some(Own::Catching(newest)) if *newest == Cursor::START);
        if is_new && end == Cursor::START {
            self.0 = None;
        }
    }

    /// Is this announcement for the listener's outbox? Events without a place have no log to be read from.
    pub(super) fn takes(&mut self, place: Option<Place>) -> bool {
        let (Some(own), Some(Place { cursor, .. })) = (&mut self.0, place) else { return true };
        match &mut **own {
            Own::Catching(newest) => {
                *newest = cursor.max(*newest);
                false
            }
            Own::From(floor) if cursor <= *floor => false,
            Own::From(_) => {
                self.0 = None;
                true
            }
        }
    }

    /// There was no room for this event: the listener reads the log from now on.
    pub(super) fn fall_behind(&mut self, newest: Cursor) {
        self.0 = Some(Box::new(Own::Catching(newest)));
    }

    /// The listener has read up to here, where the log seemed to end. None if nothing was announced behind that, and
    /// then announcements are for its outbox again; otherwise the newest that was.
    pub(super) fn caught_up(&mut self, at: Cursor) -> Option<Cursor> {
        if let Some(Own::Catching(newest)) = self.0.as_deref()
            && *newest > at
        {
            return Some(*newest);
        }
        self.0 = Some(Box::new(Own::From(at)));
        None
    }
}

impl Member {
    /// A listener from behind that cursor on, which is the channel's position unless it reads the log first.
    pub(super) fn new(outbox: Arc<Outbox>, since: Cursor, course: Course) -> Self {
        Self { outbox, since, course, retained: Course::default() }
    }

    /// The same, with this course on the retained values.
    pub(super) fn with_retained(self, retained: Course) -> Self {
        Self { retained, ..self }
    }

    /// The channel is subscribed, and what is announced behind this cursor is for whoever waited for that.
    pub(super) fn confirm(&mut self, ends: Ends) {
        if self.course.0.is_none() {
            self.since = ends.log;
        }
        self.retained.ends_at(ends.retained);
    }

    pub(super) fn is(&self, outbox: &Arc<Outbox>) -> bool {
        Arc::ptr_eq(&self.outbox, outbox)
    }

    pub(super) fn course(&mut self, lane: Lane) -> &mut Course {
        match lane {
            Lane::Log => &mut self.course,
            Lane::Retained => &mut self.retained,
        }
    }

    /// The outbox, if this announcement is for it. One that waited for its turn may be from before the listener came.
    pub(super) fn takes(&mut self, lane: Lane, place: Option<Place>) -> Option<Arc<Outbox>> {
        let is_new = lane == Lane::Retained || place.is_none_or(|place| place.cursor > self.since);
        (self.course(lane).takes(place) && is_new).then(|| Arc::clone(&self.outbox))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    fn place(millis: u64) -> Place {
        Place { cursor: at(millis), previous: at(millis - 1) }
    }

    #[test]
    fn whoever_has_no_course_gets_everything() {
        let mut course = Course::default();
        assert!(course.takes(Some(place(5))) && course.takes(None));
    }

    #[test]
    fn whoever_reads_the_log_is_passed_by_until_its_end() {
        let mut course = Course::catching();
        assert!(!course.takes(Some(place(5))));
        assert!(course.takes(None), "what is not in the log cannot be read there");
        assert_eq!(course.caught_up(at(4)), Some(at(5)), "5 was announced, and is not read yet");
        assert_eq!(course.caught_up(at(5)), None);
        assert!(course.takes(Some(place(6))));
    }

    #[test]
    fn what_was_read_before_it_was_announced_is_not_repeated() {
        let mut course = Course::catching();
        assert_eq!(course.caught_up(at(7)), None);
        assert!(!course.takes(Some(place(6))));
        assert!(!course.takes(Some(place(7))));
        assert!(course.takes(Some(place(8))));
        assert!(course.takes(Some(place(9))));
    }

    #[test]
    fn what_waited_for_its_turn_is_not_for_whoever_came_meanwhile() {
        let mut member = Member::new(Arc::new(Outbox::new(1, 10)), at(5), Course::default());
        assert!(member.takes(Lane::Log, Some(place(5))).is_none());
        assert!(member.takes(Lane::Log, Some(place(6))).is_some());
        assert!(member.takes(Lane::Log, None).is_some());
    }

    #[test]
    fn a_full_outbox_begins_a_course_at_the_event_that_found_no_room() {
        let mut course = Course::default();
        course.fall_behind(at(5));
        assert_eq!(course.caught_up(at(4)), Some(at(5)));
        assert_eq!(course.caught_up(at(5)), None);
    }
}
