//! Figures as they are measured.

use serde::{Deserialize, Serialize};

use crate::account::DeliveryCounts;
use crate::scenario::Phase;

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sample {
    /// Its row's id.
    pub row: String,
    /// Of which system, or of what else.
    pub subject: String,
    /// In which round.
    pub round: u32,
    /// The figure.
    pub value: f64,
    /// What became of the events that it was measured with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<DeliveryCounts>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub note: String,
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Samples {
    /// In the order in which they were measured.
    pub all: Vec<Sample>,
    /// Which round is on.
    pub round: u32,
    /// Which system is on.
    pub subject: String,
}

impl Samples {
    /// One more figure of the system that is on.
    pub fn add(&mut self, row: &str, value: f64) {
        self.push(row, self.subject.clone(), value, None, String::new());
    }

    /// One more figure of something else.
    pub fn add_of(&mut self, row: &str, subject: &str, value: f64) {
        self.push(row, subject.to_owned(), value, None, String::new());
    }

    /// One more figure of the system that is on, which this phase was measured for.
    pub fn add_phase(&mut self, row: &str, value: f64, phase: &Phase) {
        self.add_phase_of(row, &self.subject.clone(), value, phase);
    }

    /// One more figure of something else, which this phase was measured for.
    pub fn add_phase_of(&mut self, row: &str, subject: &str, value: f64, phase: &Phase) {
        let rejected: u64 = phase.published.iter().map(|published| published.rejected).sum();
        let reason = phase.published.iter().map(|published| published.reason.as_str()).find(|reason| !reason.is_empty());
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
