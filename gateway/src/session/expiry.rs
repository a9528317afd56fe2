//! A token's expiry: a warning some time before, then the end. Times are milliseconds of the
//! caller's clock. Only the caller relates them to the token's seconds since the epoch.

use std::num::NonZeroU64;

/// One session's expiry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expiry {
    at: u64,
    /// `None` once the warning was returned.
    warn_at: Option<NonZeroU64>,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Warn the client that its token expires soon.
    Warning,
    /// The token has expired.
    Expired,
}

impl Expiry {
    /// Creates the expiry of a token that is valid for `left` more. The warning is due `notice`
    /// before the end, or at half of the remaining life if that is later.
    pub(super) fn new(now: u64, left: u64, notice: u64) -> Self {
        let at = now.saturating_add(left);
        Self { at, warn_at: NonZeroU64::new((at - notice.min(left / 2)).max(1)) }
    }

    pub(super) fn due(&self) -> u64 {
        self.warn_at.map_or(self.at, NonZeroU64::get)
    }

    /// Returns what is due at `now`, if anything.
    pub(super) fn check(&mut self, now: u64) -> Option<Due> {
        if now >= self.at {
            return Some(Due::Expired);
        }
        (self.warn_at?.get() <= now).then(|| {
            self.warn_at = None;
            Due::Warning
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warning_is_due_once_before_the_expiry() {
        let mut expiry = Expiry::new(1000, 600, 60);
        assert_eq!((expiry.due(), expiry.check(1539)), (1540, None));
        assert_eq!(expiry.check(1540), Some(Due::Warning));
        assert_eq!((expiry.due(), expiry.check(1541)), (1600, None));
        assert_eq!(expiry.check(1600), Some(Due::Expired));
    }

    #[test]
    fn warning_of_a_short_lived_token_is_due_at_half_its_lifetime() {
        assert_eq!(Expiry::new(0, 100, 60).due(), 50);
    }
}
