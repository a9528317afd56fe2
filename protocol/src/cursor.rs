//! Cursors: positions in a channel's log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A position in a log: the id of a Redis Stream entry, `<milliseconds>-<sequence number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    /// Milliseconds since the Unix epoch, by the bus' clock.
    pub millis: u64,
    /// The event's number within that millisecond.
    pub sequence: u64,
}

/// The text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a cursor as an event carries it, like `1763719200123-0`")]
pub struct CursorError;

impl Cursor {
    /// The position before the first event of any log.
    pub const START: Self = Self { millis: 0, sequence: 0 };
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten().ok_or(CursorError)
        };
        let (millis, sequence) = text.split_once('-').ok_or(CursorError)?;
        Ok(Self { millis: number(millis)?, sequence: number(sequence)? })
    }
}

impl TryFrom<String> for Cursor {
    type Error = CursorError;
    fn try_from(text: String) -> Result<Self, CursorError> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_compare_in_log_order() {
        let parse = |t: &str| t.parse::<Cursor>().unwrap();
        assert!(parse("9-9") < parse("10-0"));
        assert!(parse("10-2") < parse("10-10"));
        assert_eq!(parse("10-2").to_string(), "10-2");
    }

    #[test]
    fn malformed_cursor_is_rejected() {
        for text in ["", "10", "10-", "-1", "+1-0", "1-0x", "99999999999999999999-0"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text:?}");
        }
    }
}
