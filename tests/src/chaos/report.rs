//! The report of a run: a row of the table, and files with all details of a failed run.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Scale;
use super::audit::{self, Violation, ViolationKind};
use super::receipts::{self, TrackedResults};
use super::record::{DeviceEvent, DeviceRecord, SentEvent};
use crate::audit::count_by_kind;

/// The header of the table.
pub const TABLE_HEADER: &str = "\
| topology | durability | seed | seconds | users × devices | confirmed | deliveries | reconnects | delivered after | tracked | fallbacks | gaps | lost | repeated | out of order | unexpected | unconfirmed | wrong receipts | missing fallbacks | duplicate fallbacks | unexpected fallbacks | faults |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |";

/// All recorded data of a run.
#[derive(Debug)]
pub struct RunData {
    /// Start of the run in milliseconds since 1970.
    pub started: u64,
    /// The published events.
    pub sent: Vec<SentEvent>,
    /// The records of the devices.
    pub records: Vec<DeviceRecord>,
    /// Receipts and fallbacks.
    pub results: TrackedResults,
}

/// The report of a finished run.
#[derive(Debug)]
pub struct Report {
    scale: Scale,
    took: Duration,
    time_to_deliver: Duration,
    faults: BTreeMap<&'static str, u64>,
    data: RunData,
    logs: Vec<String>,
    fault_lines: Vec<String>,
    /// The violations that the audit found.
    pub violations: Vec<Violation>,
    /// Other problems, such as a node that panicked.
    pub problems: Vec<String>,
}

impl Report {
    /// Audits the recorded data.
    #[expect(clippy::too_many_arguments, reason = "all data of a run, once")]
    pub(super) fn new(
        scale: Scale,
        took: Duration,
        time_to_deliver: Duration,
        faults: BTreeMap<&'static str, u64>,
        data: RunData,
        mut problems: Vec<String>,
        logs: Vec<String>,
        fault_lines: Vec<String>,
    ) -> Self {
        let mut violations = audit::audit(&data.sent, &data.records);
        violations.extend(receipts::audit(data.started, &data.sent, &data.records, &data.results));
        problems.extend(logs.iter().filter(|log| log.contains("panicked at")).map(|log| {
            let line = log.lines().find(|line| line.contains("panicked at")).unwrap_or_default();
            format!("a node panicked: {line}")
        }));
        Self { scale, took, time_to_deliver, faults, data, logs, fault_lines, violations, problems }
    }

    /// Returns whether the run has neither violations nor problems.
    pub fn passed(&self) -> bool {
        self.violations.is_empty() && self.problems.is_empty()
    }

    /// Returns the number of events that the bus confirmed.
    pub fn confirmed(&self) -> usize {
        self.data.sent.iter().filter(|sent| sent.confirmed.is_some()).count()
    }

    /// Returns how often a fault of this name took place.
    pub fn faults(&self, name: &str) -> u64 {
        self.faults.get(name).copied().unwrap_or(0)
    }

    /// Returns how often devices reconnected after their first welcome.
    pub fn reconnects(&self) -> usize {
        let welcomes = self.count(|event| matches!(event, DeviceEvent::Welcomed { .. }));
        welcomes.saturating_sub(self.data.records.len())
    }

    fn count(&self, matches: impl Fn(&DeviceEvent) -> bool) -> usize {
        let entries = self.data.records.iter().flat_map(|record| &record.entries);
        entries.filter(|entry| matches(&entry.event)).count()
    }

    /// Writes all details into a folder and returns its path.
    pub fn write_files(&self) -> std::io::Result<PathBuf> {
        let name = format!("wirebell-chaos-{}-{}", self.scale.topology.name(), self.scale.seed);
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("faults.txt"), self.fault_lines.join("\n"))?;
        std::fs::write(folder.join("violations.txt"), self.details())?;
        for (number, log) in self.logs.iter().enumerate() {
            std::fs::write(folder.join(format!("node-{number}.log")), log)?;
        }
        self.write_events(&folder)?;
        Ok(folder)
    }

    fn write_events(&self, folder: &Path) -> std::io::Result<()> {
        let mut events = String::new();
        for (number, sent) in self.data.sent.iter().enumerate() {
            let confirmed = sent.confirmed.map_or_else(|| "-".to_owned(), |it| it.cursor.to_string());
            let event = u32::try_from(number).unwrap_or(u32::MAX);
            let (tracking, receipt) = (sent.tracking, self.data.results.receipts.get(&event));
            let _ = write!(events, "{:>7} e{number} u{} {confirmed}", sent.millis, sent.user);
            let _ = writeln!(
                events,
                "{}",
                tracking.map_or_else(String::new, |tracking| format!(" {tracking:?} {receipt:?}"))
            );
        }
        std::fs::write(folder.join("events.txt"), events)?;
        let mut devices = String::new();
        for (index, record) in self.data.records.iter().enumerate() {
            let _ = writeln!(devices, "record {index}: u{} d{}", record.user, record.device);
            for entry in &record.entries {
                let _ = writeln!(devices, "{:>7} {index} {:?}", entry.millis, entry.event);
            }
        }
        std::fs::write(folder.join("devices.txt"), devices)
    }

    /// Returns all problems and violations, line by line.
    fn details(&self) -> String {
        let mut text = String::new();
        for problem in &self.problems {
            let _ = writeln!(text, "{problem}");
        }
        for Violation { kind, record, event } in &self.violations {
            let whose = record.and_then(|index| self.data.records.get(index));
            let device = whose.map_or_else(String::new, |it| format!(" at u{} d{}", it.user, it.device));
            let event = event.map_or_else(|| "an unknown event".to_owned(), |event| format!("e{event}"));
            let _ = writeln!(text, "{kind:?}: {event}{device}");
        }
        text
    }

    /// Returns the first problems and violations, as many as fit on a screen.
    pub fn summary(&self) -> String {
        self.details().lines().take(20).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Report {
    /// Writes the row of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = count_by_kind(self.violations.iter().map(|violation| violation.kind));
        let count = |kind| counts.get(&kind).copied().unwrap_or(0);
        let faults: Vec<String> = self.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let cells = [
            self.scale.topology.name().to_owned(),
            if self.scale.replicated { "replicated" } else { "primary" }.to_owned(),
            self.scale.seed.to_string(),
            format!("{:.0}", self.took.as_secs_f64()),
            format!("{} × {}", self.scale.users, self.scale.devices),
            self.confirmed().to_string(),
            self.count(|event| matches!(event, DeviceEvent::Received(_))).to_string(),
            self.reconnects().to_string(),
            format!("{:.1} s", self.time_to_deliver.as_secs_f64()),
            self.data
                .sent
                .iter()
                .filter(|sent| sent.tracking.is_some() && sent.confirmed.is_some())
                .count()
                .to_string(),
            self.data.results.fallback_count().to_string(),
            self.count(|event| *event == DeviceEvent::Gap).to_string(),
            count(ViolationKind::Lost).to_string(),
            count(ViolationKind::Duplicate).to_string(),
            count(ViolationKind::OutOfOrder).to_string(),
            count(ViolationKind::Unexpected).to_string(),
            count(ViolationKind::Unconfirmed).to_string(),
            count(ViolationKind::WrongReceipt).to_string(),
            count(ViolationKind::FallbackMissed).to_string(),
            count(ViolationKind::FallbackDuplicated).to_string(),
            count(ViolationKind::FallbackUnexpected).to_string(),
            faults.join(", "),
        ];
        write!(f, "| {} |", cells.join(" | "))
    }
}
