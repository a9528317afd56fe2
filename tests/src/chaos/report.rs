//! How a run went: a row of the table, and everything that was written down where it was not as it should be.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Scale;
use super::audit::{self, Objection, Wrong};
use super::receipts::{self, Told};
use super::record::{Record, Sent, What};
use crate::audit::tally;

/// The head of the table.
pub const HEAD: &str = "\
| topology | durability | seed | seconds | users × devices | confirmed | deliveries | comings back | settled after | watched | fallbacks | gaps told | lost | repeated | out of order | strays | unconfirmed | receipts wrong | fallbacks missed | doubled | wrongly made | faults |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |";

/// All that a run has written down.
#[derive(Debug)]
pub struct Seen {
    /// When it began, in milliseconds since 1970.
    pub begun: u64,
    /// The publishers' side.
    pub sent: Vec<Sent>,
    /// The devices' side.
    pub records: Vec<Record>,
    /// Receipts and fallbacks.
    pub watched: Told,
}

/// A run that is over.
#[derive(Debug)]
pub struct Report {
    scale: Scale,
    took: Duration,
    settling: Duration,
    faults: BTreeMap<&'static str, u64>,
    seen: Seen,
    logs: Vec<String>,
    told: Vec<String>,
    /// What the audit objects to.
    pub objections: Vec<Objection>,
    /// What else was not as it should be.
    pub complaints: Vec<String>,
}

impl Report {
    /// Audits what was written down.
    #[expect(clippy::too_many_arguments, reason = "all that a run leaves behind, once")]
    pub(super) fn new(
        scale: Scale,
        took: Duration,
        settling: Duration,
        faults: BTreeMap<&'static str, u64>,
        seen: Seen,
        mut complaints: Vec<String>,
        logs: Vec<String>,
        told: Vec<String>,
    ) -> Self {
        let mut objections = audit::audit(&seen.sent, &seen.records);
        objections.extend(receipts::audit(seen.begun, &seen.sent, &seen.records, &seen.watched));
        complaints.extend(logs.iter().filter(|log| log.contains("panicked at")).map(|log| {
            let line = log.lines().find(|line| line.contains("panicked at")).unwrap_or_default();
            format!("a node panicked: {line}")
        }));
        Self { scale, took, settling, faults, seen, logs, told, objections, complaints }
    }

    /// Is everything as it should be?
    pub fn is_sound(&self) -> bool {
        self.objections.is_empty() && self.complaints.is_empty()
    }

    /// Events that the bus confirmed.
    pub fn confirmed(&self) -> usize {
        self.seen.sent.iter().filter(|sent| sent.confirmed.is_some()).count()
    }

    /// How often a fault of this name took place.
    pub fn faults(&self, name: &str) -> u64 {
        self.faults.get(name).copied().unwrap_or(0)
    }

    /// Times that a device came back after its first welcome.
    pub fn comings_back(&self) -> usize {
        let welcomes = self.count(|what| matches!(what, What::Welcomed { .. }));
        welcomes.saturating_sub(self.seen.records.len())
    }

    fn count(&self, wanted: impl Fn(&What) -> bool) -> usize {
        let lines = self.seen.records.iter().flat_map(|record| &record.lines);
        lines.filter(|line| wanted(&line.what)).count()
    }

    /// Writes everything down into a folder, and says which.
    pub fn keep(&self) -> std::io::Result<PathBuf> {
        let name = format!("wirebell-chaos-{}-{}", self.scale.topology.name(), self.scale.seed);
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("faults.txt"), self.told.join("\n"))?;
        std::fs::write(folder.join("objections.txt"), self.complete())?;
        for (number, log) in self.logs.iter().enumerate() {
            std::fs::write(folder.join(format!("node-{number}.log")), log)?;
        }
        self.keep_events(&folder)?;
        Ok(folder)
    }

    fn keep_events(&self, folder: &Path) -> std::io::Result<()> {
        let mut events = String::new();
        for (number, sent) in self.seen.sent.iter().enumerate() {
            let confirmed = sent.confirmed.map_or_else(|| "-".to_owned(), |it| it.cursor.to_string());
            let event = u32::try_from(number).unwrap_or(u32::MAX);
            let (watch, receipt) = (sent.watch, self.seen.watched.receipts.get(&event));
            let _ = write!(events, "{:>7} e{number} u{} {confirmed}", sent.millis, sent.user);
            let _ =
                writeln!(events, "{}", watch.map_or_else(String::new, |watch| format!(" {watch:?} {receipt:?}")));
        }
        std::fs::write(folder.join("events.txt"), events)?;
        let mut devices = String::new();
        for (place, record) in self.seen.records.iter().enumerate() {
            let _ = writeln!(devices, "record {place}: u{} d{}", record.user, record.device);
            for line in &record.lines {
                let _ = writeln!(devices, "{:>7} {place} {:?}", line.millis, line.what);
            }
        }
        std::fs::write(folder.join("devices.txt"), devices)
    }

    /// All that is wrong, line by line.
    fn complete(&self) -> String {
        let mut text = String::new();
        for complaint in &self.complaints {
            let _ = writeln!(text, "{complaint}");
        }
        for Objection { wrong, record, event } in &self.objections {
            let whose = record.and_then(|place| self.seen.records.get(place));
            let device = whose.map_or_else(String::new, |it| format!(" at u{} d{}", it.user, it.device));
            let event = event.map_or_else(|| "an unknown event".to_owned(), |event| format!("e{event}"));
            let _ = writeln!(text, "{wrong:?}: {event}{device}");
        }
        text
    }

    /// What is wrong, as much as fits on a screen.
    pub fn wrongs(&self) -> String {
        self.complete().lines().take(20).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Report {
    /// The row of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = tally(self.objections.iter().map(|objection| objection.wrong));
        let wrong = |kind| wrong.get(&kind).copied().unwrap_or(0);
        let faults: Vec<String> = self.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let cells = [
            self.scale.topology.name().to_owned(),
            if self.scale.replicated { "replicated" } else { "primary" }.to_owned(),
            self.scale.seed.to_string(),
            format!("{:.0}", self.took.as_secs_f64()),
            format!("{} × {}", self.scale.users, self.scale.devices),
            self.confirmed().to_string(),
            self.count(|what| matches!(what, What::Got(_))).to_string(),
            self.comings_back().to_string(),
            format!("{:.1} s", self.settling.as_secs_f64()),
            self.seen
                .sent
                .iter()
                .filter(|sent| sent.watch.is_some() && sent.confirmed.is_some())
                .count()
                .to_string(),
            self.seen.watched.fallen().to_string(),
            self.count(|what| *what == What::Gap).to_string(),
            wrong(Wrong::Lost).to_string(),
            wrong(Wrong::Repeated).to_string(),
            wrong(Wrong::Disorder).to_string(),
            wrong(Wrong::Stray).to_string(),
            wrong(Wrong::Unconfirmed).to_string(),
            wrong(Wrong::Receipt).to_string(),
            wrong(Wrong::FallbackMissed).to_string(),
            wrong(Wrong::FallbackDoubled).to_string(),
            wrong(Wrong::FallbackWrong).to_string(),
            faults.join(", "),
        ];
        write!(f, "| {} |", cells.join(" | "))
    }
}
