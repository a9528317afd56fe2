//! The command line of the chaos run.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::servers::Topology;
use super::{Scale, report, run};

/// Options of the chaos run.
#[derive(Debug, Args)]
pub struct ChaosOptions {
    /// Topology of Redis; repeat the option for several
    #[arg(long, value_enum, default_values_t = [Topology::Standalone])]
    topology: Vec<Topology>,
    /// Seed of the faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Range of seeds such as `1..10`, instead of `--seed`
    #[arg(long, value_parser = seeds)]
    seeds: Option<RangeInclusive<u64>>,
    /// How long faults are injected, in seconds
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Number of users
    #[arg(long, default_value_t = 500)]
    users: u32,
    /// Devices per user
    #[arg(long, default_value_t = 2)]
    devices: u32,
    /// Events per second, without bursts
    #[arg(long, default_value_t = 150.0)]
    rate: f64,
    /// Log filter of the nodes
    #[arg(long, default_value = "info")]
    log: String,
    /// Publish without `durability: "replicated"` even with replicas, and pause publishing before a
    /// failover
    #[arg(long)]
    primary: bool,
    /// Run a standalone Redis that loses everything in a crash, to check that the audit reports the
    /// loss
    #[arg(long)]
    forgetful: bool,
    /// Write all files even if the run has no violations
    #[arg(long)]
    keep: bool,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let both = text.split_once("..").and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let (first, last) = both.ok_or("expected two numbers, as in `1..10`")?;
    Ok(first..=last)
}

/// Runs every seed on every topology and prints a row for each. Returns whether all runs passed.
pub async fn run_all(options: &ChaosOptions) -> bool {
    println!("{}", report::TABLE_HEADER);
    let mut passed = true;
    for topology in &options.topology {
        for seed in options.seeds.clone().unwrap_or(options.seed..=options.seed) {
            let report = Box::pin(run(Scale {
                topology: *topology,
                seed,
                duration: Duration::from_secs(options.seconds),
                users: options.users,
                devices: options.devices,
                rate: options.rate,
                without_persistence: options.forgetful,
                replicated: topology.has_replicas() && !options.primary,
                filter: options.log.clone(),
            }))
            .await;
            println!("{report}");
            passed &= report.passed();
            if !report.passed() || options.keep {
                eprintln!("{}\ndetails: {:?}", report.summary(), report.write_files());
            }
        }
    }
    passed
}
