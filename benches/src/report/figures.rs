//! Aggregates the figures of a run by row and subject over its rounds.

use std::collections::BTreeMap;

use crate::account::DeliveryCounts;
use crate::rows::{Better, Row, Sample};

pub(super) use crate::run::OURS;

/// All figures of a run.
#[derive(Debug, Default)]
pub(super) struct Figures {
    rounds: BTreeMap<(String, String), BTreeMap<u32, f64>>,
    subjects: Vec<(String, String)>,
    accounts: BTreeMap<(String, String), DeliveryCounts>,
    notes: BTreeMap<(String, String), Vec<String>>,
}

/// The spread of a figure over several rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) min: f64,
    pub(super) median: f64,
    pub(super) max: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let median = match values.len() {
            0 => return None,
            odd if odd % 2 == 1 => values[odd / 2],
            even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
        };
        Some(Self { min: values[0], median, max: *values.last()? })
    }
}

impl Figures {
    pub(super) fn of(samples: &[Sample]) -> Self {
        let mut figures = Self::default();
        for sample in samples {
            let key = (sample.row.clone(), sample.subject.clone());
            if !figures.subjects.contains(&key) {
                figures.subjects.push(key.clone());
            }
            figures.rounds.entry(key.clone()).or_default().insert(sample.round, sample.value);
            if let Some(account) = &sample.account {
                figures.accounts.entry(key.clone()).or_default().add(account);
            }
            if !sample.note.is_empty() {
                figures.notes.entry(key).or_default().push(sample.note.clone());
            }
        }
        figures
    }

    /// Returns the subjects with a figure in this row, in the order of measurement.
    pub(super) fn subjects<'a>(&'a self, row: &'a str) -> impl Iterator<Item = &'a str> {
        self.subjects.iter().filter(move |(of, _)| of == row).map(|(_, subject)| subject.as_str())
    }

    /// Returns the spread of a subject's figure.
    pub(super) fn spread(&self, row: &str, subject: &str) -> Option<Spread> {
        Spread::of(self.rounds(row, subject)?.values().copied().collect())
    }

    /// Returns how many times better `ours` is than `theirs`, compared within each round.
    pub(super) fn advantage(&self, row: &Row, ours: &str, theirs: &str) -> Option<Spread> {
        let (ours, theirs) = (self.rounds(row.id, ours)?, self.rounds(row.id, theirs)?);
        let ratio = |(round, our): (&u32, &f64)| {
            let their = theirs.get(round)?;
            let (more, less) = if row.better == Better::More { (our, their) } else { (their, our) };
            (*less > 0.0).then(|| more / less)
        };
        Spread::of(ours.iter().filter_map(ratio).collect())
    }

    /// Returns the delivery counts of a row.
    pub(super) fn account(&self, row: &str, subject: &str) -> Option<&DeliveryCounts> {
        self.accounts.get(&(row.to_owned(), subject.to_owned()))
    }

    /// Returns all notes: the row, the subject and what was wrong.
    pub(super) fn notes(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.notes
            .iter()
            .flat_map(|((row, subject), notes)| notes.iter().map(move |note| (&**row, &**subject, &**note)))
    }

    fn rounds(&self, row: &str, subject: &str) -> Option<&BTreeMap<u32, f64>> {
        self.rounds.get(&(row.to_owned(), subject.to_owned()))
    }
}

/// Formats a figure with three significant digits.
pub(super) fn short(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (integer, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in integer.chars().enumerate() {
        if at > 0 && (integer.len() - at) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if rest.is_empty() { grouped } else { format!("{grouped}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::ROWS;

    fn samples(row: &str, subject: &str, values: &[f64]) -> Vec<Sample> {
        let sample = |(round, value): (usize, &f64)| Sample {
            row: row.to_owned(),
            subject: subject.to_owned(),
            round: u32::try_from(round).unwrap(),
            value: *value,
            account: None,
            note: String::new(),
        };
        values.iter().enumerate().map(sample).collect()
    }

    #[test]
    fn advantage_is_taken_within_a_round() {
        let row = |id| ROWS.iter().find(|row| row.id == id).unwrap();
        let mut all = samples("unicast", OURS, &[100.0, 200.0, 300.0]);
        all.extend(samples("unicast", "other", &[50.0, 200.0, 100.0]));
        all.extend(samples("idle-memory", OURS, &[4.0]));
        all.extend(samples("idle-memory", "other", &[10.0]));
        let figures = Figures::of(&all);
        let advantage = figures.advantage(row("unicast"), OURS, "other").unwrap();
        assert_eq!(advantage, Spread { min: 1.0, median: 2.0, max: 3.0 });
        let leaner = figures.advantage(row("idle-memory"), OURS, "other").unwrap();
        assert_eq!(leaner, Spread { min: 2.5, median: 2.5, max: 2.5 });
        assert_eq!(figures.advantage(row("unicast"), OURS, "unknown"), None);
    }

    #[test]
    fn figures_have_three_digits() {
        let shown = [0.0, 0.123, 9.876, 12.34, 999.6, 1234.5, 1_234_567.0].map(short);
        assert_eq!(shown, ["0", "0.12", "9.88", "12.3", "1,000", "1,234", "1,234,567"]);
    }
}
