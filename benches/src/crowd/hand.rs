//! The side that gives orders to processes of clients.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::orders::{Answer, Arrivals, Order, Seen, Sent};
use crate::failure::{Failure, Result, While};
use crate::latency::Latency;
use crate::peer::{Peer, Place};

/// For how long an answer is waited for. Connecting takes up to a minute.
const PATIENCE: Duration = Duration::from_secs(90);

/// How many events have come in a phase, for other threads to look at.
#[derive(Debug, Clone)]
pub struct Events(Vec<Arc<AtomicU64>>);

impl Events {
    /// As far as has been told.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|part| part.load(Ordering::Relaxed)).sum()
    }
}

/// Clients, in one process or several.
pub struct Crowd {
    parts: Vec<Part>,
}

struct Part {
    child: Child,
    orders: ChildStdin,
    answers: Receiver<Answer>,
    events: Arc<AtomicU64>,
    first: u32,
    users: u32,
}

impl Crowd {
    /// Processes of clients: of which place, and how many of the users, who come in a row. None is connected yet.
    pub fn begin(peer: &dyn Peer, parts: &[(Place, u32)]) -> Result<Self> {
        let mut crowd = Self { parts: Vec::new() };
        let mut first = 0;
        for (place, users) in parts {
            let mut part = Part::start(first, *users)?;
            let (peer, place) = (peer.name().to_owned(), Box::new(place.clone()));
            part.order(&Order::Begin { peer, place, first, users: *users })?;
            crowd.parts.push(part);
            first += users;
        }
        crowd.parts.iter().try_for_each(Part::ready)?;
        Ok(crowd)
    }

    /// Connects all users up to this number that are not connected, so many at the same time in each process.
    pub fn connect(&mut self, up_to: u32, at_once: u32, resume: bool) -> Result<(Arrivals, Latency)> {
        for part in &mut self.parts {
            let up_to = up_to.saturating_sub(part.first).min(part.users);
            part.order(&Order::Connect { up_to, at_once, resume })?;
        }
        let (mut all, mut latency) = (Arrivals::default(), Latency::default());
        for part in &self.parts {
            let Answer::Connected(arrivals) = part.answer()? else { return Err(part.strange()) };
            latency.add(&arrivals.latency);
            all.connected += arrivals.connected;
            all.failed += arrivals.failed;
            all.nanos = all.nanos.max(arrivals.nanos);
            if !arrivals.why.is_empty() {
                all.why = arrivals.why;
            }
        }
        if all.connected < up_to.min(self.users()) {
            return Err(Failure::new(format!("{} of {up_to} clients could connect; {}", all.connected, all.why)));
        }
        Ok((all, latency))
    }

    /// All connections end without a goodbye.
    pub fn vanish(&mut self) -> Result<()> {
        self.tell_all(&Order::Vanish)
    }

    /// Begins a new account.
    pub fn watch(&mut self, phase: u16, cursors: bool) -> Result<()> {
        self.tell_all(&Order::Watch { phase, cursors })?;
        self.parts.iter().for_each(|part| part.events.store(0, Ordering::Relaxed));
        Ok(())
    }

    /// Events that have come in this phase.
    pub fn events(&self) -> Events {
        Events(self.parts.iter().map(|part| Arc::clone(&part.events)).collect())
    }

    /// Waits until so many have come, or none has for so long; says whether they have.
    pub fn wait(&self, events: u64, patience: Duration) -> bool {
        let come = self.events();
        let (mut best, mut since) = (come.count(), Instant::now());
        while best < events && since.elapsed() < patience {
            std::thread::sleep(Duration::from_micros(500));
            let now = come.count();
            if now > best {
                (best, since) = (now, Instant::now());
            }
        }
        best >= events
    }

    /// Closes the account; one for each process.
    pub fn tell(&mut self, sent: Sent) -> Result<Vec<Seen>> {
        for part in &mut self.parts {
            part.order(&Order::Tell(sent))?;
        }
        let told = self.parts.iter().map(|part| match part.answer()? {
            Answer::Told(seen) => Ok(seen),
            _ => Err(part.strange()),
        });
        told.collect()
    }

    /// Has the processes behind the first give way to everything else on this machine.
    pub fn yield_behind_the_first(&self, nice: i8) {
        for part in self.parts.iter().skip(1) {
            let (nice, pid) = (nice.to_string(), part.child.id().to_string());
            let _ = Command::new("renice").args(["-n", &nice, "-p", &pid]).stdout(Stdio::null()).status();
        }
    }

    /// The ids of the processes.
    pub fn pids(&self) -> Vec<u32> {
        self.parts.iter().map(|part| part.child.id()).collect()
    }

    /// How many users there are.
    pub fn users(&self) -> u32 {
        self.parts.iter().map(|part| part.users).sum()
    }

    fn tell_all(&mut self, order: &Order) -> Result<()> {
        self.parts.iter_mut().try_for_each(|part| part.order(order))?;
        self.parts.iter().try_for_each(Part::ready)
    }
}

impl Part {
    fn start(first: u32, users: u32) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("wirebell-bench");
        let mut child = Command::new(program)
            .arg("crowd")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .whilst(|| "starting a process of clients".to_owned())?;
        let (Some(orders), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new("a process of clients has no pipes"));
        };
        let events = Arc::new(AtomicU64::new(0));
        let (sender, answers) = sync_channel(4);
        let count = Arc::clone(&events);
        std::thread::spawn(move || listen(output, &count, &sender));
        Ok(Self { child, orders, answers, events, first, users })
    }

    fn order(&mut self, order: &Order) -> Result<()> {
        let line = serde_json::to_string(order)?;
        writeln!(self.orders, "{line}").whilst(|| "giving an order to a process of clients".to_owned())
    }

    fn answer(&self) -> Result<Answer> {
        self.answers.recv_timeout(PATIENCE).whilst(|| "waiting for a process of clients".to_owned())
    }

    fn ready(&self) -> Result<()> {
        match self.answer()? {
            Answer::Ready => Ok(()),
            _ => Err(self.strange()),
        }
    }

    fn strange(&self) -> Failure {
        Failure::new(format!("the process of clients {} answered something else", self.child.id()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(output: ChildStdout, events: &AtomicU64, answers: &SyncSender<Answer>) {
    for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
        if let Some(count) = line.strip_prefix("p ") {
            events.store(count.parse().unwrap_or_default(), Ordering::Relaxed);
        } else if let Ok(answer) = serde_json::from_str(&line)
            && answers.send(answer).is_err()
        {
            return;
        }
    }
}
