//! Durations in text form: a whole number and a unit.

use std::time::Duration;

/// Units in milliseconds, from the largest to the smallest.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Parses `250ms`, `5s`, `2m`, `24h` or `7d`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, milliseconds) = UNITS.into_iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(milliseconds).map(Duration::from_millis)
}

/// Formats a duration in its largest whole unit.
pub(super) fn show(duration: Duration) -> String {
    let total = duration.as_millis();
    let fits =
        |milliseconds: u64| total >= u128::from(milliseconds) && total.is_multiple_of(u128::from(milliseconds));
    match UNITS.into_iter().find(|(_, milliseconds)| fits(*milliseconds)) {
        Some((unit, milliseconds)) => format!("{}{unit}", total / u128::from(milliseconds)),
        None => "0s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, milliseconds) in
            [("250ms", 250), ("5s", 5_000), ("2m", 120_000), ("24h", 86_400_000), ("7d", 604_800_000), ("0s", 0)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
            assert_eq!(parse(&show(Duration::from_millis(milliseconds))), parse(text), "{text}");
        }
        assert_eq!(show(Duration::from_secs(90)), "90s");
    }

    #[test]
    fn anything_else_is_not_a_duration() {
        for text in ["", "5", "s", "-5s", "1.5s", "5 sec", "5S", "99999999999999999999s", "999999999999999999d"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
