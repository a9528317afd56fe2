//! The command line of the chaos run.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::servers::Topology;
use super::{Scale, report, run};

/// What is asked for.
#[derive(Debug, Args)]
pub struct Chaos {
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
    /// Write everything down also where all is sound.
    #[arg(long)]
    keep: bool,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let both = text.split_once("..").and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let (first, last) = both.ok_or("expected two numbers, as in `1..10`")?;
    Ok(first..=last)
}

/// Runs every seed on every topology, prints a row for each, and says whether all were sound.
pub async fn all(asked: &Chaos) -> bool {
    println!("{}", report::HEAD);
    let mut sound = true;
    for topology in &asked.topology {
        for seed in asked.seeds.clone().unwrap_or(asked.seed..=asked.seed) {
            let report = Box::pin(run(Scale {
                topology: *topology,
                seed,
                duration: Duration::from_secs(asked.seconds),
                users: asked.users,
                devices: asked.devices,
                rate: asked.rate,
                forgetful: asked.forgetful,
                replicated: topology.has_replicas() && !asked.primary,
                filter: asked.log.clone(),
            }))
            .await;
            println!("{report}");
            sound &= report.is_sound();
            if !report.is_sound() || asked.keep {
                eprintln!("{}\nwritten down in {:?}", report.wrongs(), report.keep());
            }
        }
    }
    sound
}
