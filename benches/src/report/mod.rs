//! Writes the report of a run: raw data, tables and pictures.
//!
//! Samples come in; files in the docs folder go out. It does not know how a figure was measured.

mod figures;
mod machine;
mod page;
mod svg;
mod targets;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::{Context, Result};
use crate::rows::{Sample, Sizes};

pub use self::machine::Machine;

/// A whole run, as stored in the raw data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The machine.
    pub machine: Machine,
    /// The measured systems.
    pub systems: Vec<System>,
    /// The sizes of the load.
    pub sizes: Sizes,
    /// The number of rounds.
    pub rounds: u32,
    /// The duration in seconds.
    pub seconds: u64,
    /// What could not be measured, and why.
    pub failures: Vec<String>,
    /// All figures.
    pub samples: Vec<Sample>,
}

/// A measured system.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct System {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its settings.
    pub settings: Vec<String>,
}

/// Writes `benchmarks.md` to this folder, and raw data and pictures to `benchmarks/` beside it.
pub fn write(report: &Report, folder: &Path, name: &str) -> Result<()> {
    let data = folder.join("benchmarks");
    std::fs::create_dir_all(&data).context(|| format!("making {}", data.display()))?;
    let raw = data.join(format!("{name}.json"));
    std::fs::write(&raw, serde_json::to_string_pretty(report)? + "\n")
        .context(|| format!("writing {}", raw.display()))?;
    let figures = figures::Figures::of(&report.samples);
    for (row, picture) in svg::pictures(&figures, report) {
        std::fs::write(data.join(format!("{row}.svg")), picture)?;
    }
    let other = other_run(&data, &raw);
    let page = page::page(report, &figures, other.as_ref());
    std::fs::write(folder.join("benchmarks.md"), page)?;
    Ok(())
}

/// Writes the pages again, from the raw data of an earlier run.
pub fn render(raw: &Path, folder: &Path) -> Result<()> {
    let text = std::fs::read_to_string(raw).context(|| format!("reading {}", raw.display()))?;
    let report = serde_json::from_str(&text).context(|| format!("parsing {}", raw.display()))?;
    write(&report, folder, &raw.file_stem().unwrap_or_default().to_string_lossy())
}

/// Returns the newest other run in the folder.
fn other_run(data: &Path, this: &Path) -> Option<(String, Report)> {
    let entries = std::fs::read_dir(data).ok()?.flatten().map(|entry| entry.path());
    let runs = entries.filter(|path| path != this && path.extension().is_some_and(|ending| ending == "json"));
    let newest = runs.max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())?;
    let name = newest.file_stem()?.to_string_lossy().into_owned();
    Some((name, serde_json::from_str(&std::fs::read_to_string(newest).ok()?).ok()?))
}
