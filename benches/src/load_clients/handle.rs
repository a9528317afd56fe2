//! The handle on processes of clients.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::messages::{ClientStats, ConnectStats, Request, Response, Sent};
use crate::failure::{Context, Failure, Result};
use crate::latency::Latency;
use crate::peer::{Peer, RunConfig};

/// Timeout for a response. Connecting takes up to a minute.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Counts the events received in a phase; other threads may read it.
#[derive(Debug, Clone)]
pub struct EventCounter(Vec<Arc<AtomicU64>>);

impl EventCounter {
    /// Returns the count reported so far.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|process| process.load(Ordering::Relaxed)).sum()
    }
}

/// Clients in one or several processes. Dropping it kills the processes.
pub struct LoadClients {
    processes: Vec<ClientProcess>,
}

struct ClientProcess {
    child: Child,
    requests: ChildStdin,
    responses: Receiver<Response>,
    events: Arc<AtomicU64>,
    first: u32,
    users: u32,
}

impl LoadClients {
    /// Starts processes of clients, each for a system and a number of users; users are numbered in
    /// sequence. Does not connect them yet.
    pub fn start(peer: &dyn Peer, processes: &[(RunConfig, u32)]) -> Result<Self> {
        let mut clients = Self { processes: Vec::new() };
        let mut first = 0;
        for (config, users) in processes {
            let mut process = ClientProcess::start(first, *users)?;
            let (peer, config) = (peer.name().to_owned(), Box::new(config.clone()));
            process.request(&Request::Start { peer, config, first, users: *users })?;
            clients.processes.push(process);
            first += users;
        }
        clients.processes.iter().try_for_each(ClientProcess::ready)?;
        Ok(clients)
    }

    /// Connects all users below `up_to` that are not connected, `at_once` at the same time in each
    /// process.
    pub fn connect(&mut self, up_to: u32, at_once: u32, resume: bool) -> Result<(ConnectStats, Latency)> {
        for process in &mut self.processes {
            let up_to = up_to.saturating_sub(process.first).min(process.users);
            process.request(&Request::Connect { up_to, at_once, resume })?;
        }
        let (mut all, mut latency) = (ConnectStats::default(), Latency::default());
        for process in &self.processes {
            let Response::Connected(arrivals) = process.response()? else { return Err(process.unexpected()) };
            latency.add(&arrivals.latency);
            all.connected += arrivals.connected;
            all.failed += arrivals.failed;
            all.nanos = all.nanos.max(arrivals.nanos);
            if !arrivals.reason.is_empty() {
                all.reason = arrivals.reason;
            }
        }
        if all.connected < up_to.min(self.users()) {
            return Err(Failure::new(format!(
                "{} of {up_to} clients could connect; {}",
                all.connected, all.reason
            )));
        }
        Ok((all, latency))
    }

    /// Resets all connections, without a close handshake.
    pub fn reset(&mut self) -> Result<()> {
        self.request_all(&Request::Reset)
    }

    /// Begins a phase with new counts.
    pub fn begin_phase(&mut self, phase: u16, cursors: bool) -> Result<()> {
        self.request_all(&Request::BeginPhase { phase, cursors })?;
        self.processes.iter().for_each(|process| process.events.store(0, Ordering::Relaxed));
        Ok(())
    }

    /// Returns the counter of events received in this phase.
    pub fn events(&self) -> EventCounter {
        EventCounter(self.processes.iter().map(|process| Arc::clone(&process.events)).collect())
    }

    /// Waits until this many events have arrived, or none for `idle`. Returns whether all have
    /// arrived.
    pub fn wait(&self, events: u64, idle: Duration) -> bool {
        let delivered = self.events();
        let (mut best, mut since) = (delivered.count(), Instant::now());
        while best < events && since.elapsed() < idle {
            std::thread::sleep(Duration::from_micros(500));
            let now = delivered.count();
            if now > best {
                (best, since) = (now, Instant::now());
            }
        }
        best >= events
    }

    /// Ends the phase and returns its statistics, one entry for each process.
    pub fn end_phase(&mut self, sent: Sent) -> Result<Vec<ClientStats>> {
        for process in &mut self.processes {
            process.request(&Request::EndPhase(sent))?;
        }
        let results = self.processes.iter().map(|process| match process.response()? {
            Response::PhaseEnded(seen) => Ok(seen),
            _ => Err(process.unexpected()),
        });
        results.collect()
    }

    /// Sets the scheduling priority of all processes but the first.
    pub fn renice_all_but_the_first(&self, nice: i8) {
        for process in self.processes.iter().skip(1) {
            let (nice, pid) = (nice.to_string(), process.child.id().to_string());
            let _ = Command::new("renice").args(["-n", &nice, "-p", &pid]).stdout(Stdio::null()).status();
        }
    }

    /// Returns the ids of the processes.
    pub fn pids(&self) -> Vec<u32> {
        self.processes.iter().map(|process| process.child.id()).collect()
    }

    /// Returns the number of users.
    pub fn users(&self) -> u32 {
        self.processes.iter().map(|process| process.users).sum()
    }

    fn request_all(&mut self, request: &Request) -> Result<()> {
        self.processes.iter_mut().try_for_each(|process| process.request(request))?;
        self.processes.iter().try_for_each(ClientProcess::ready)
    }
}

impl ClientProcess {
    fn start(first: u32, users: u32) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("wirebell-bench");
        let mut child = Command::new(program)
            .arg("clients")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context(|| "starting a client process".to_owned())?;
        let (Some(requests), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new("a client process has no pipes"));
        };
        let events = Arc::new(AtomicU64::new(0));
        let (sender, responses) = sync_channel(4);
        let count = Arc::clone(&events);
        std::thread::spawn(move || read_responses(output, &count, &sender));
        Ok(Self { child, requests, responses, events, first, users })
    }

    fn request(&mut self, request: &Request) -> Result<()> {
        let line = serde_json::to_string(request)?;
        writeln!(self.requests, "{line}").context(|| "sending a request to a client process".to_owned())
    }

    fn response(&self) -> Result<Response> {
        self.responses.recv_timeout(TIMEOUT).context(|| "waiting for a client process".to_owned())
    }

    fn ready(&self) -> Result<()> {
        match self.response()? {
            Response::Ready => Ok(()),
            _ => Err(self.unexpected()),
        }
    }

    fn unexpected(&self) -> Failure {
        Failure::new(format!("unexpected response of the client process {}", self.child.id()))
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_responses(output: ChildStdout, events: &AtomicU64, responses: &SyncSender<Response>) {
    for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
        if let Some(count) = line.strip_prefix("p ") {
            events.store(count.parse().unwrap_or_default(), Ordering::Relaxed);
        } else if let Ok(response) = serde_json::from_str(&line)
            && responses.send(response).is_err()
        {
            return;
        }
    }
}
