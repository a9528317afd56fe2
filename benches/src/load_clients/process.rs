//! The main loop of a client process: one thread over all sockets.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};

use super::client::{Client, Shared, State};
use super::connect::{connect, reset};
use super::messages::{ClientStats, ConnectStats, Request, Response, Sent};
use crate::failure::{Failure, Result};
use crate::latency::Latency;
use crate::mark::now;
use crate::peers;
use crate::windows::Windows;

const REQUESTS: Token = Token(usize::MAX);
/// Shortest time between two reports of the event count.
const REPORT_INTERVAL: u64 = 1_000_000;
/// How long to retry connecting.
const CONNECT_TIMEOUT: u64 = 60_000_000_000;

/// Serves the requests from standard input until it ends.
pub fn serve() -> Result<()> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), REQUESTS)?);
    let (sender, requests) = sync_channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
            let _ = waker.wake();
        }
        drop(sender);
        let _ = waker.wake();
    });
    let begin = requests.recv().map_err(|_| Failure::new("expected a request on standard input"))?;
    let Request::Start { peer, config, first, users } = serde_json::from_str(&begin)? else {
        return Err(Failure::new("expected `Start` as the first request"));
    };
    let peer = peers::by_name(&peer).ok_or_else(|| Failure::new(format!("unknown system {peer:?}")))?;
    let tokens = (first..first + users).map(|user| Ok(Client::new(user, peer.token(&config.issuer, user)?)));
    let clients = tokens.collect::<Result<Vec<_>>>()?;
    let shared = Shared {
        peer,
        config: *config,
        phase: 0,
        cursors: false,
        seen: ClientStats::default(),
        single_latency: Latency::default(),
        single_windows: Windows::default(),
        broadcast_latency: Latency::default(),
        events: 0,
        buffer: vec![0; 64 * 1024],
    };
    respond(&Response::Ready)?;
    Process { poll, clients, shared, connecting: None, last_report: (0, 0) }.run(&requests)
}

/// The progress of a request to connect.
struct Connecting {
    begun: u64,
    next: usize,
    up_to: usize,
    in_flight: usize,
    at_once: usize,
    resume: bool,
    retries: Vec<usize>,
    failed: u32,
    reason: String,
    latency: Latency,
}

struct Process {
    poll: Poll,
    clients: Vec<Client>,
    shared: Shared,
    connecting: Option<Connecting>,
    /// The last reported event count, and when it was reported.
    last_report: (u64, u64),
}

impl Process {
    fn run(mut self, requests: &Receiver<String>) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = self.report()?;
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            for event in &events {
                if event.token() != REQUESTS {
                    self.handle_event(event);
                }
            }
            self.connect_more()?;
            loop {
                match requests.try_recv() {
                    Ok(request) => self.handle(&serde_json::from_str(&request)?)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
        }
    }

    fn handle_event(&mut self, event: &Event) {
        let at = event.token().0;
        let Some(client) = self.clients.get_mut(at) else { return };
        let before = client.state;
        let mut outcome = Ok(());
        if event.is_writable() {
            outcome = client.write();
        }
        if outcome.is_ok() && (event.is_readable() || event.is_error()) {
            outcome = client.read(&mut self.shared);
        }
        let subscribed = before != State::Subscribed && client.state == State::Subscribed;
        if let Err(reason) = outcome {
            self.handle_disconnect(at, before == State::Subscribed || subscribed, reason);
        } else if subscribed && let Some(connecting) = &mut self.connecting {
            connecting.in_flight -= 1;
            connecting.latency.record(now() - self.clients[at].begun);
        }
    }

    fn handle_disconnect(&mut self, at: usize, subscribed: bool, reason: String) {
        if self.clients[at].disconnect().is_none() {
            return;
        }
        if subscribed {
            self.shared.seen.single.lost += 1;
            if self.shared.seen.single.lost <= 3 {
                eprintln!("connection lost: {reason}");
            }
        } else if let Some(connecting) = &mut self.connecting {
            connecting.in_flight -= 1;
            connecting.failed += 1;
            connecting.reason = reason;
            connecting.retries.push(at);
        }
    }

    /// Starts as many connections as may be in progress. Responds once all are subscribed.
    fn connect_more(&mut self) -> Result<()> {
        let Some(mut connecting) = self.connecting.take() else { return Ok(()) };
        let timed_out = now() - connecting.begun > CONNECT_TIMEOUT;
        while connecting.in_flight < connecting.at_once && !timed_out {
            let Some(at) = connecting.next(&self.clients) else { break };
            let client = &mut self.clients[at];
            match connect(client.user, self.shared.config.clients) {
                Ok(mut socket) => {
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(&mut socket, Token(at), interest)?;
                    client.start(socket, &self.shared, connecting.resume);
                    connecting.in_flight += 1;
                }
                Err(error) => {
                    connecting.failed += 1;
                    connecting.reason = format!("connecting: {error}");
                    connecting.retries.push(at);
                    break;
                }
            }
        }
        let done =
            connecting.in_flight == 0 && connecting.retries.is_empty() && connecting.next >= connecting.up_to;
        if !done && !timed_out {
            self.connecting = Some(connecting);
            return Ok(());
        }
        let here = self.clients.iter().filter(|client| client.state == State::Subscribed).count();
        respond(&Response::Connected(ConnectStats {
            connected: u32::try_from(here).unwrap_or(u32::MAX),
            failed: connecting.failed,
            reason: connecting.reason,
            nanos: now() - connecting.begun,
            latency: connecting.latency.counts(),
        }))
    }

    fn handle(&mut self, request: &Request) -> Result<()> {
        match *request {
            Request::Start { .. } => Err(Failure::new("unexpected second `Start`")),
            Request::Connect { up_to, at_once, resume } => {
                self.connecting = Some(Connecting {
                    begun: now(),
                    next: 0,
                    up_to: self.clients.len().min(up_to as usize),
                    in_flight: 0,
                    at_once: at_once as usize,
                    resume,
                    retries: Vec::new(),
                    failed: 0,
                    reason: String::new(),
                    latency: Latency::default(),
                });
                self.connect_more()
            }
            Request::Reset => {
                self.clients.iter_mut().filter_map(Client::disconnect).for_each(reset);
                respond(&Response::Ready)
            }
            Request::BeginPhase { phase, cursors } => {
                self.begin_phase(phase, cursors);
                respond(&Response::Ready)
            }
            Request::EndPhase(sent) => respond(&Response::PhaseEnded(self.end_phase(sent))),
        }
    }

    fn begin_phase(&mut self, phase: u16, cursors: bool) {
        (self.shared.phase, self.shared.cursors) = (phase, cursors);
        self.shared.seen = ClientStats::default();
        self.shared.single_latency.reset();
        self.shared.single_windows = Windows::default();
        self.shared.broadcast_latency.reset();
        self.shared.events = 0;
        self.last_report = (0, 0);
        for client in &mut self.clients {
            (client.own, client.all) = Default::default();
        }
    }

    fn end_phase(&self, sent: Sent) -> ClientStats {
        let mut seen = self.shared.seen.clone();
        for client in &self.clients {
            client.own.finish(sent.to(client.user), &mut seen.single);
            client.all.finish(sent.broadcast, &mut seen.broadcast);
        }
        seen.single_latency = self.shared.single_latency.counts();
        seen.single_windows = self.shared.single_windows.counts();
        seen.broadcast_latency = self.shared.broadcast_latency.counts();
        seen
    }

    /// Reports the event count if it is time. Returns how long no report is due.
    fn report(&mut self) -> Result<Duration> {
        let (count, at) = self.last_report;
        if self.shared.events == count {
            return Ok(Duration::from_millis(100));
        }
        let now = now();
        if let Some(wait) = (at + REPORT_INTERVAL).checked_sub(now).filter(|wait| *wait > 0) {
            return Ok(Duration::from_nanos(wait));
        }
        self.last_report = (self.shared.events, now);
        let mut out = std::io::stdout().lock();
        writeln!(out, "p {}", self.shared.events)?;
        out.flush()?;
        Ok(Duration::from_millis(100))
    }
}

impl Connecting {
    fn next(&mut self, clients: &[Client]) -> Option<usize> {
        if let Some(at) = self.retries.pop() {
            return Some(at);
        }
        let from = self.next;
        let found = (from..self.up_to).find(|at| clients[*at].state == State::Disconnected);
        self.next = found.map_or(self.up_to, |at| at + 1);
        found
    }
}

fn respond(response: &Response) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(response)?)?;
    out.flush()?;
    Ok(())
}
