//! The mark in every payload: which event it is, and when it was due. It contains no character that
//! is ever escaped, so it survives whatever a system does to the JSON around it, such as quoting it
//! in a string.

use rustix::time::{ClockId, clock_gettime};

use crate::peer::Target;

/// The first bytes of a mark. No system writes them by itself.
const SIGN: &[u8] = b"@@";
/// Length of a mark in bytes: prefix, kind, phase, user, number and time.
pub const LENGTH: usize = 2 + 1 + 4 + 8 + 10 + 16;

/// The identity of an event, as encoded in its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The recipient.
    pub to: Target,
    /// The phase, below 10,000, so that a late event is not counted for another measurement.
    pub phase: u16,
    /// The number among the events to the same user, or to all, in its phase, from 0.
    pub number: u32,
    /// When the event was due, in nanoseconds of [`now`].
    pub at: u64,
}

/// Returns nanoseconds of the monotonic clock, which all processes of this machine share.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}

impl Mark {
    /// Appends a JSON object of `size` bytes (at least 60) with this mark to `into`.
    pub fn payload(&self, size: usize, into: &mut String) {
        let begun = into.len();
        into.push_str(r#"{"mark":""#);
        self.write(into);
        into.push_str(r#"","pad":""#);
        let filled = into.len() - begun + 2;
        into.extend(std::iter::repeat_n('x', size.saturating_sub(filled)));
        into.push_str(r#""}"#);
    }

    fn write(&self, into: &mut String) {
        use std::fmt::Write;
        let (kind, user) = match self.to {
            Target::One(user) => ('u', user),
            Target::All => ('b', 0),
        };
        // Writing to a string cannot fail.
        let _ = write!(into, "@@{kind}{:04}{user:08}{:010}{:016}", self.phase, self.number, self.at);
    }

    /// Returns all marks in a frame, since some systems put several events into one.
    pub fn all(frame: &[u8]) -> impl Iterator<Item = Self> {
        memchr::memmem::find_iter(frame, SIGN).filter_map(|at| Self::read(frame.get(at..at + LENGTH)?))
    }

    fn read(text: &[u8]) -> Option<Self> {
        let to = match text[2] {
            b'u' => Target::One(u32::try_from(digits(&text[7..15])?).ok()?),
            b'b' => Target::All,
            _ => return None,
        };
        let phase = u16::try_from(digits(&text[3..7])?).ok()?;
        let number = u32::try_from(digits(&text[15..25])?).ok()?;
        Some(Self { to, phase, number, at: digits(&text[25..])? })
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_survives_quoting() {
        let mark = Mark { to: Target::One(99_999_999), phase: 7, number: 4_000_000_000, at: 1_234_567_890_123_456 };
        let mut payload = String::new();
        mark.payload(200, &mut payload);
        assert_eq!(payload.len(), 200);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&payload).unwrap()["pad"].as_str().unwrap().len(),
            200 - 61
        );
        let quoted = serde_json::to_string(&serde_json::json!({"data": payload})).unwrap();
        assert_eq!(Mark::all(quoted.as_bytes()).collect::<Vec<_>>(), [mark]);
    }

    #[test]
    fn several_marks_in_a_frame_are_found_and_broken_ones_are_skipped() {
        let mut frame = String::new();
        let one = Mark { to: Target::All, phase: 0, number: 1, at: now() };
        let two = Mark { to: Target::One(7), number: 2, ..one };
        one.payload(0, &mut frame);
        two.payload(70, &mut frame);
        frame.push_str("@@u00010000000001");
        assert_eq!(Mark::all(frame.as_bytes()).collect::<Vec<_>>(), [one, two]);
    }
}
