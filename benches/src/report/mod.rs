//! What is written of a run: raw data, tables, pictures.

mod figures;
mod machine;
mod page;
mod svg;
mod targets;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::{Result, Context};
use crate::rows::{Sample, Sizes};

pub use self::machine::Machine;

/// A whole run, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// What it ran on.
    pub machine: Machine,
    /// What was measured.
    pub systems: Vec<System>,
    /// How much of everything.
    pub sizes: Sizes,
    /// How many rounds.
    pub rounds: u32,
    /// How long it took.
    pub seconds: u64,
    /// What could not be measured, and why.
    pub failures: Vec<String>,
    /// Every figure.
    pub samples: Vec<Sample>,
}

/// A system as it was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct System {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What was set.
    pub settings: Vec<String>,
}

/// Writes `benchmarks.md` into this folder, and beside it `benchmarks/` with raw data and pictures.
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

/// Another run that lies in the folder already: the newest.
fn other_run(data: &Path, this: &Path) -> Option<(String, Report)> {
    let entries = std::fs::read_dir(data).ok()?.flatten().map(|entry| entry.path());
    let runs = entries.filter(|path| path != this && path.extension().is_some_and(|ending| ending == "json"));
    let newest = runs.max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())?;
    let name = newest.file_stem()?.to_string_lossy().into_owned();
    Some((name, serde_json::from_str(&std::fs::read_to_string(newest).ok()?).ok()?))
}
