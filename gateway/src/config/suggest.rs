//! Finds the known name that is nearest to an unknown one.

/// Returns the nearest candidate, if it is close enough for a typing mistake.
pub(super) fn nearest(unknown: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let within = 2.max(unknown.len() / 4);
    candidates
        .map(|candidate| (distance(unknown.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|(distance, _)| *distance <= within)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns the edit distance: letters to insert, delete or replace.
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
    fn distance_counts_edits() {
        for (a, b, expected) in [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let known = || ["bus.redis", "bus.seen"].into_iter().map(str::to_owned);
        assert_eq!(nearest("bus.reddis", known()).as_deref(), Some("bus.redis"));
        assert_eq!(nearest("telemetry.log", known()), None);
    }
}
