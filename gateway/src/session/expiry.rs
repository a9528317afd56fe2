//! A token's expiry: a notice some time before, the end at the time itself. Times are in milliseconds by a clock of
//! the caller's; only the caller knows how they go with the token's seconds since the epoch.

use std::num::NonZeroU64;

/// One session's expiry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expiry {
    at: u64,
    /// None once it was given.
    warn_at: Option<NonZeroU64>,
}

/// What has to be done when the expiry is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Tell the client that its token expires soon.
    Warning,
    /// It has expired.
    Expired,
}

impl Expiry {
    /// The token lives for `left` more; the notice comes `notice` before its end, or, where the token is short-lived, when
    /// half of its life has passed.
    pub(super) fn new(now: u64, left: u64, notice: u64) -> Self {
        let at = now.saturating_add(left);
        Self { at, warn_at: NonZeroU64::new((at - notice.min(left / 2)).max(1)) }
    }

    pub(super) fn due(&self) -> u64 {
        self.warn_at.map_or(self.at, NonZeroU64::get)
    }

    /// What the time asks for, if anything.
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
    fn one_notice_then_the_end() {
        let mut expiry = Expiry::new(1000, 600, 60);
        assert_eq!((expiry.due(), expiry.check(1539)), (1540, None));
        assert_eq!(expiry.check(1540), Some(Due::Warning));
        assert_eq!((expiry.due(), expiry.check(1541)), (1600, None));
        assert_eq!(expiry.check(1600), Some(Due::Expired));
    }

    #[test]
    fn a_short_life_is_noticed_at_half_time() {
        assert_eq!(Expiry::new(0, 100, 60).due(), 50);
    }
}
