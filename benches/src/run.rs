//! One run: every system in turn, round after round, so that disturbances of the machine affect all
//! of them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Failure, Result};
use crate::peer::Peer;
use crate::peers;
use crate::process::kill_children;
use crate::report::{self, Machine, Report, System};
use crate::rows::{Group, Samples, Sizes, of_system, of_wirebell};

/// The system that others are compared with.
pub const OURS: &str = "wirebell";

/// The options of a run.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Measure everything, as for the report.
    #[arg(long)]
    pub full: bool,
    /// A smoke test with few connections and events in one round. The default.
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// Only these groups of rows.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<Group>,
    /// Only these systems.
    #[arg(long, value_delimiter = ',')]
    pub peers: Vec<String>,
    /// The number of rounds.
    #[arg(long)]
    pub rounds: Option<u32>,
    /// The folder for `benchmarks.md` and `benchmarks/`; without it, nothing is written.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The name of the raw data, `<name>.json`. The newest other run in the folder is compared with
    /// this one.
    #[arg(long, default_value = "run")]
    pub name: String,
    /// Measure nothing: write the pages of `--out` again, from the raw data of this earlier run.
    #[arg(long, value_name = "JSON", requires = "out")]
    pub render: Option<PathBuf>,
    /// Minutes after which the run is ended.
    #[arg(long, default_value_t = 40)]
    pub minutes: u64,
}

/// Runs the benchmarks.
pub fn run(options: &Options) -> Result<()> {
    if let (Some(raw), Some(folder)) = (&options.render, &options.out) {
        return report::render(raw, folder);
    }
    end_in(Duration::from_secs(options.minutes * 60))?;
    let mut run = Run::new(options)?;
    run.prepare();
    for round in 0..run.rounds {
        run.samples.round = round;
        for peer in run.systems.clone() {
            run.part(peer.name(), |groups, sizes, samples| of_system(peer, groups, sizes, samples));
        }
        if options.peers.is_empty() || options.peers.iter().any(|name| name == OURS) {
            run.part(OURS, of_wirebell);
        }
    }
    run.failures.extend(problems(&run.samples));
    println!("[{:>5} s] done", run.begun.elapsed().as_secs());
    let failures = run.failures.clone();
    if let Some(folder) = &options.out {
        report::write(&run.report(), folder, &options.name)?;
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("\n"))) }
}

struct Run {
    sizes: Sizes,
    rounds: u32,
    groups: Vec<Group>,
    systems: Vec<&'static dyn Peer>,
    begun: Instant,
    samples: Samples,
    failures: Vec<String>,
}

impl Run {
    fn new(options: &Options) -> Result<Self> {
        let sizes = if options.full { Sizes::FULL } else { Sizes::QUICK };
        let rounds = options.rounds.unwrap_or(if options.full { 3 } else { 1 });
        // Each connection needs a descriptor, here and in child processes.
        let (found, wanted) = (rlimit::increase_nofile_limit(u64::MAX)?, u64::from(sizes.connections) + 500);
        if found < wanted {
            return Err(Failure::new(format!(
                "expected a limit of at least {wanted} file descriptors, found {found}; raise it with `ulimit -n`"
            )));
        }
        println!("{rounds} rounds of {sizes:#?}");
        Ok(Self {
            sizes,
            rounds,
            groups: if options.only.is_empty() { Group::value_variants().to_vec() } else { options.only.clone() },
            systems: systems(&options.peers)?,
            begun: Instant::now(),
            samples: Samples::default(),
            failures: Vec::new(),
        })
    }

    /// Installs the systems. One that cannot be installed is skipped, and named in the report.
    fn prepare(&mut self) {
        let failures = &mut self.failures;
        self.systems.retain(|peer| {
            let failure = peer.prepare().err().map(|failure| format!("{} is skipped: {failure}", peer.name()));
            let is_there = failure.is_none();
            if let Some(failure) = failure {
                eprintln!("{failure}");
                failures.push(failure);
            }
            is_there
        });
    }

    /// Runs one part of a round. If it fails, the others still run.
    fn part(&mut self, name: &str, measure: impl FnOnce(&[Group], &Sizes, &mut Samples) -> Result<()>) {
        let (seconds, round) = (self.begun.elapsed().as_secs(), self.samples.round + 1);
        println!("[{seconds:>5} s] round {round} of {}: {name}", self.rounds);
        name.clone_into(&mut self.samples.subject);
        if let Err(failure) = measure(&self.groups, &self.sizes, &mut self.samples) {
            eprintln!("    {name}: {failure}");
            self.failures.push(format!("{name}, round {round}: {failure}"));
        }
    }

    fn report(self) -> Report {
        Report {
            machine: Machine::here(),
            systems: self.systems.iter().map(|peer| described(*peer)).collect(),
            sizes: self.sizes,
            rounds: self.rounds,
            seconds: self.begun.elapsed().as_secs(),
            failures: self.failures,
            samples: self.samples.all,
        }
    }
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
            Failure::new(format!("unknown system {name:?}; expected one of {}", known.join(", ")))
        })
    };
    if names.is_empty() { Ok(peers::ALL.to_vec()) } else { names.iter().map(find).collect() }
}

/// Ends the run after the time limit, or on a signal.
fn end_in(limit: Duration) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut terminated = runtime.block_on(async { signal(SignalKind::terminate()) })?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(limit) => eprintln!("the run exceeded its time limit; see `--minutes`"),
                _ = tokio::signal::ctrl_c() => eprintln!("interrupted"),
                _ = terminated.recv() => eprintln!("terminated by a signal"),
            }
        });
        kill_children();
        std::process::exit(1);
    });
    Ok(())
}

/// Returns the inexact delivery counts of Wirebell. These are failures and not figures.
fn problems(samples: &Samples) -> Vec<String> {
    let ours = samples.all.iter().filter(|sample| sample.subject == OURS);
    let wrong = ours.filter(|sample| sample.account.is_some_and(|account| !account.is_exact()));
    wrong.map(|sample| format!("wirebell, `{}`, round {}: {}", sample.row, sample.round + 1, sample.note)).collect()
}
