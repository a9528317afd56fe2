//! Keeps processors awake. One that sleeps has to be woken for every event, and on a virtual machine its host does that when
//! it likes: a few hundred microseconds later, or a few thousand. What is measured then is the host. A process for each
//! processor, which gets no time that anybody else wants, sees to it that none ever sleeps.

use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::process::Processes;
use crate::usage::stolen;

/// For so long the host is watched at a time.
const LOOK: Duration = Duration::from_millis(500);
/// What part of the processors' time it may take meanwhile: the kernel counts in ticks, of which this is one on two processors.
const QUIET: f64 = 0.015;

/// No processor sleeps until this is dropped.
pub struct Awake {
    _processes: Processes,
    host: Host,
}

/// What the machine's host takes of the processors' time.
struct Host {
    since: Instant,
    stolen: Duration,
}

impl Awake {
    /// Wakes all of them, and waits until the host leaves them to us, but for no longer than this.
    pub fn keep(folder: &Path, patience: Duration) -> Result<Self> {
        let mut running = Processes::default();
        for processor in 0..available_parallelism()?.get() {
            let mut program = Command::new("chrt");
            program.args(["--idle", "0", "taskset", "--cpu-list", &processor.to_string()]);
            program.arg(std::env::current_exe()?).arg("awake");
            running.start(&format!("awake-{processor}"), folder, &mut program)?;
        }
        let begun = Instant::now();
        loop {
            let host = Host::watch();
            std::thread::sleep(LOOK);
            if host.taken() <= QUIET || begun.elapsed() > patience {
                return Ok(Self { _processes: running, host: Host::watch() });
            }
        }
    }

    /// What part of the processors' time the host has taken since.
    pub fn taken(&self) -> f64 {
        self.host.taken()
    }
}

impl Host {
    fn watch() -> Self {
        Self { since: Instant::now(), stolen: stolen() }
    }

    fn taken(&self) -> f64 {
        let processors = available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
        let had = self.since.elapsed().as_secs_f64() * f64::from(processors);
        stolen().saturating_sub(self.stolen).as_secs_f64() / had
    }
}

/// What each of these processes does, until it is ended.
pub fn stay() -> ! {
    loop {
        std::hint::spin_loop();
    }
}
