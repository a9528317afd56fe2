//! The known name that is nearest to an unknown one.

/// The nearest of the candidates, if it is near enough that a typing mistake explains it.
pub(super) fn nearest(wrong: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let within = 2.max(wrong.len() / 4);
    candidates
        .map(|candidate| (distance(wrong.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|(distance, _)| *distance <= within)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, left out or changed to make one of the other.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        for (a, b, expected) in [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = || ["bus.redis", "bus.seen"].into_iter().map(str::to_owned);
        assert_eq!(nearest("bus.reddis", known()).as_deref(), Some("bus.redis"));
        assert_eq!(nearest("telemetry.log", known()), None);
    }
}
