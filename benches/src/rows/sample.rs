//! The figures as they are measured.

use serde::{Deserialize, Serialize};

use crate::account::DeliveryCounts;
use crate::scenario::Phase;

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sample {
    /// The id of its row.
    pub row: String,
    /// The system, or another subject.
    pub subject: String,
    /// The round.
    pub round: u32,
    /// The figure.
    pub value: f64,
    /// The delivery counts of its events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<DeliveryCounts>,
    /// A remark.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub note: String,
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Samples {
    /// The figures in the order of measurement.
    pub all: Vec<Sample>,
    /// The current round.
    pub round: u32,
    /// The current system.
    pub subject: String,
}

impl Samples {
    /// Adds a figure of the current system.
    pub fn add(&mut self, row: &str, value: f64) {
        self.push(row, self.subject.clone(), value, None, String::new());
    }

    /// Adds a figure of another subject.
    pub fn add_of(&mut self, row: &str, subject: &str, value: f64) {
        self.push(row, subject.to_owned(), value, None, String::new());
    }

    /// Adds a figure of the current system, measured in this phase.
    pub fn add_phase(&mut self, row: &str, value: f64, phase: &Phase) {
        self.add_phase_of(row, &self.subject.clone(), value, phase);
    }

    /// Adds a figure of another subject, measured in this phase.
    pub fn add_phase_of(&mut self, row: &str, subject: &str, value: f64, phase: &Phase) {
        let rejected: u64 = phase.published.iter().map(|published| published.rejected).sum();
        let reason =
            phase.published.iter().map(|published| published.reason.as_str()).find(|reason| !reason.is_empty());
        let mut note = phase.account.problems();
        if rejected > 0 {
            note = format!("{rejected} rejected ({}) {note}", reason.unwrap_or_default());
        }
        self.push(row, subject.to_owned(), value, Some(phase.account), note);
    }

    fn push(&mut self, row: &str, subject: String, value: f64, account: Option<DeliveryCounts>, note: String) {
        let remark = if note.is_empty() { String::new() } else { format!("  ! {note}") };
        println!("    {row:<18} {subject:<22} {value:>12.2}{remark}");
        self.all.push(Sample { row: row.to_owned(), subject, round: self.round, value, account, note });
    }
}
