//! The command line of the chaos run.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::servers::Topology;
use super::{Scale, report, run};

/// What is options for.
#[derive(Debug, Args)]
pub struct ChaosOptions {
    /// How Redis is put together; named again for another one.
    #[arg(long, value_enum, default_values_t = [Topology::Standalone])]
    topology: Vec<Topology>,
    /// What the faults are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Several runs, as in `1..10`, in place of one.
    #[arg(long, value_parser = seeds)]
    seeds: Option<RangeInclusive<u64>>,
    /// How long faults go on.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Users.
    #[arg(long, default_value_t = 500)]
    users: u32,
    /// Devices of each user.
    #[arg(long, default_value_t = 2)]
    devices: u32,
    /// Events a second, apart from bursts.
    #[arg(long, default_value_t = 150.0)]
    rate: f64,
    /// Which log lines the nodes write.
    #[arg(long, default_value = "info")]
    log: String,
    /// Publish without `durability: "replicated"` also where there are replicas, and pause before a failover.
    #[arg(long)]
    primary: bool,
    /// A Redis on its own that has nothing after a crash, to see the audit object.
    #[arg(long)]
    forgetful: bool,
    /// Write everything down also where run_all is passed.
    #[arg(long)]
    keep: bool,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let both = text.split_once("..").and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let (first, last) = both.ok_or("expected two numbers, as in `1..10`")?;
    Ok(first..=last)
}

/// Runs every seed on every topology, prints a row for each, and says whether run_all were passed.
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
                eprintln!("{}\nwritten down in {:?}", report.summary(), report.write_files());
            }
        }
    }
    passed
}
