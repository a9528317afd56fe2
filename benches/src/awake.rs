//! Keeps the processors awake. A sleeping processor must be woken for every event, and on a virtual
//! machine the host decides when: after hundreds or thousands of microseconds. The host would be
//! measured then. One idle-priority process for each processor prevents sleep; it runs only while
//! nothing else wants the processor.

use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::process::Processes;
use crate::usage::stolen;

/// Time over which the host is observed.
const OBSERVATION: Duration = Duration::from_millis(500);
/// Largest share of processor time that the host may take in that time. The kernel counts in ticks;
/// this is one tick on two processors.
const MAX_STOLEN_SHARE: f64 = 0.015;

/// Keeps all processors awake until it is dropped.
pub struct Awake {
    _processes: Processes,
    host: Host,
}

/// Measures which share of processor time the host takes.
struct Host {
    since: Instant,
    stolen: Duration,
}

impl Awake {
    /// Wakes all processors, and waits up to `timeout` until the host leaves them alone.
    pub fn start(folder: &Path, timeout: Duration) -> Result<Self> {
        let mut running = Processes::default();
        for processor in 0..available_parallelism()?.get() {
            let mut program = Command::new("chrt");
            program.args(["--idle", "0", "taskset", "--cpu-list", &processor.to_string()]);
            program.arg(std::env::current_exe()?).arg("awake");
            running.start(&format!("awake-{processor}"), folder, &mut program)?;
        }
        let begun = Instant::now();
        loop {
            let host = Host::observe();
            std::thread::sleep(OBSERVATION);
            if host.stolen_share() <= MAX_STOLEN_SHARE || begun.elapsed() > timeout {
                return Ok(Self { _processes: running, host: Host::observe() });
            }
        }
    }

    /// Returns the share of processor time that the host has taken since.
    pub fn stolen_share(&self) -> f64 {
        self.host.stolen_share()
    }
}

impl Host {
    fn observe() -> Self {
        Self { since: Instant::now(), stolen: stolen() }
    }

    fn stolen_share(&self) -> f64 {
        let processors = available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
        let available = self.since.elapsed().as_secs_f64() * f64::from(processors);
        stolen().saturating_sub(self.stolen).as_secs_f64() / available
    }
}

/// The loop of each of these processes.
pub fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}
