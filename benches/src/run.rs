//! One run: every system in turn, round after round, so that whatever the machine does meanwhile falls on all of them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::failure::{Failure, Result};
use crate::peer::Peer;
use crate::peers;
use crate::report::{self, Machine, Report, System};
use crate::rows::{Group, Samples, Sizes, of_system, of_wirebell};

/// What is asked for.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Everything, as the report wants it.
    #[arg(long)]
    pub full: bool,
    /// A few connections, a few events, one round: shows that it works. This is also what happens without a flag.
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// Only these rows.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<Group>,
    /// Only these systems.
    #[arg(long, value_delimiter = ',')]
    pub peers: Vec<String>,
    /// How many rounds.
    #[arg(long)]
    pub rounds: Option<u32>,
    /// The folder that `benchmarks.md` and `benchmarks/` are written to; without it, nothing is.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The name of the raw data, `<name>.json`; another run that lies beside it is compared with this one.
    #[arg(long, default_value = "run")]
    pub name: String,
    /// Minutes after which the run ends itself, whatever it is doing.
    #[arg(long, default_value_t = 40)]
    pub minutes: u64,
}

/// Runs it.
pub fn run(options: &Options) -> Result<()> {
    end_in(Duration::from_secs(options.minutes * 60));
    let sizes = if options.full { Sizes::FULL } else { Sizes::QUICK };
    let rounds = options.rounds.unwrap_or(if options.full { 3 } else { 1 });
    let groups = if options.only.is_empty() { Group::value_variants().to_vec() } else { options.only.clone() };
    let systems = systems(&options.peers)?;
    let begun = Instant::now();
    println!("{sizes:?}");
    let mut samples = Samples::default();
    let mut failures = Vec::new();
    for peer in &systems {
        peer.prepare()?;
    }
    for round in 0..rounds {
        samples.round = round;
        for peer in &systems {
            println!("[{:>5} s] round {} of {rounds}: {}", begun.elapsed().as_secs(), round + 1, peer.name());
            peer.name().clone_into(&mut samples.subject);
            if let Err(failure) = of_system(*peer, &groups, &sizes, &mut samples) {
                eprintln!("    {}: {failure}", peer.name());
                failures.push(format!("{}: {failure}", peer.name()));
            }
        }
        if options.peers.is_empty() || options.peers.iter().any(|name| name == "wirebell") {
            println!("[{:>5} s] round {} of {rounds}: wirebell alone", begun.elapsed().as_secs(), round + 1);
            "wirebell".clone_into(&mut samples.subject);
            if let Err(failure) = of_wirebell(&groups, &sizes, &mut samples) {
                eprintln!("    wirebell alone: {failure}");
                failures.push(format!("wirebell alone: {failure}"));
            }
        }
    }
    println!("[{:>5} s] done", begun.elapsed().as_secs());
    if let Some(folder) = &options.out {
        let report = Report {
            machine: Machine::here(),
            systems: systems.iter().map(|peer| described(*peer)).collect(),
            sizes,
            rounds,
            seconds: begun.elapsed().as_secs(),
            failures: failures.clone(),
            samples: samples.all,
        };
        report::write(&report, folder, &options.name)?;
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("\n"))) }
}

fn described(peer: &dyn Peer) -> System {
    System {
        name: peer.name().to_owned(),
        version: peer.version().unwrap_or_else(|failure| failure.to_string()),
        settings: peer.settings().into_iter().map(str::to_owned).collect(),
    }
}

fn systems(names: &[String]) -> Result<Vec<&'static dyn Peer>> {
    let find = |name: &String| {
        peers::by_name(name).ok_or_else(|| {
            let known: Vec<&str> = peers::ALL.iter().map(|peer| peer.name()).collect();
            Failure::new(format!("there is no system {name:?}; known are {}", known.join(", ")))
        })
    };
    if names.is_empty() { Ok(peers::ALL.to_vec()) } else { names.iter().map(find).collect() }
}

/// The programs end with this process, by the kernel's hand.
fn end_in(limit: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        eprintln!("the run took longer than {} minutes, and is ended", limit.as_secs() / 60);
        std::process::exit(1);
    });
}
