//! A process of clients: one thread, one loop over all of their sockets.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};

use super::client::{Client, Desk, State};
use super::connect::{connecting, vanish};
use super::orders::{Answer, Arrivals, Order, Seen, Sent};
use crate::failure::{Failure, Result};
use crate::latency::Latency;
use crate::mark::now;
use crate::peers;
use crate::windows::Windows;

const ORDERS: Token = Token(usize::MAX);
/// How often at most it is told how many events have come.
const BETWEEN_REPORTS: u64 = 1_000_000;
/// For how long clients try to connect before it is given up.
const PATIENCE: u64 = 60_000_000_000;

/// Carries out the orders that come by standard input, until that ends.
pub fn serve() -> Result<()> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), ORDERS)?);
    let (sender, orders) = sync_channel(16);
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
    let begin = orders.recv().map_err(|_| Failure::new("expected an order"))?;
    let Order::Begin { peer, place, first, users } = serde_json::from_str(&begin)? else {
        return Err(Failure::new("expected `Begin` as the first order"));
    };
    let peer = peers::by_name(&peer).ok_or_else(|| Failure::new(format!("there is no system {peer:?}")))?;
    let tokens = (first..first + users).map(|user| Ok(Client::new(user, peer.token(&place.issuer, user)?)));
    let clients = tokens.collect::<Result<Vec<_>>>()?;
    let desk = Desk {
        peer,
        place: *place,
        phase: 0,
        cursors: false,
        seen: Seen::default(),
        one_latency: Latency::default(),
        one_windows: Windows::default(),
        all_latency: Latency::default(),
        events: 0,
        buffer: vec![0; 64 * 1024],
    };
    say(&Answer::Ready)?;
    Process { poll, clients, desk, arriving: None, reported: (0, 0) }.run(&orders)
}

/// Clients on their way in.
struct Arriving {
    begun: u64,
    next: usize,
    up_to: usize,
    under_way: usize,
    at_once: usize,
    resume: bool,
    again: Vec<usize>,
    failed: u32,
    why: String,
    latency: Latency,
}

struct Process {
    poll: Poll,
    clients: Vec<Client>,
    desk: Desk,
    arriving: Option<Arriving>,
    /// How many events were reported, and when.
    reported: (u64, u64),
}

impl Process {
    fn run(mut self, orders: &Receiver<String>) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = self.report()?;
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            for event in &events {
                if event.token() != ORDERS {
                    self.happened(event);
                }
            }
            self.arrive()?;
            loop {
                match orders.try_recv() {
                    Ok(order) => self.obey(&serde_json::from_str(&order)?)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
        }
    }

    fn happened(&mut self, event: &Event) {
        let at = event.token().0;
        let Some(client) = self.clients.get_mut(at) else { return };
        let before = client.state;
        let mut outcome = Ok(());
        if event.is_writable() {
            outcome = client.write();
        }
        if outcome.is_ok() && (event.is_readable() || event.is_error()) {
            outcome = client.read(&mut self.desk);
        }
        let arrived = before != State::Subscribed && client.state == State::Subscribed;
        if let Err(why) = outcome {
            self.ended(at, before == State::Subscribed || arrived, why);
        } else if arrived && let Some(arriving) = &mut self.arriving {
            arriving.under_way -= 1;
            arriving.latency.record(now() - self.clients[at].begun);
        }
    }

    fn ended(&mut self, at: usize, subscribed: bool, why: String) {
        if self.clients[at].forget().is_none() {
            return;
        }
        if subscribed {
            self.desk.seen.ones.lost += 1;
            if self.desk.seen.ones.lost <= 3 {
                eprintln!("a connection was lost: {why}");
            }
        } else if let Some(arriving) = &mut self.arriving {
            arriving.under_way -= 1;
            arriving.failed += 1;
            arriving.why = why;
            arriving.again.push(at);
        }
    }

    /// Starts as many connections as may be under way, and tells when all have arrived.
    fn arrive(&mut self) -> Result<()> {
        let Some(mut arriving) = self.arriving.take() else { return Ok(()) };
        let given_up = now() - arriving.begun > PATIENCE;
        while arriving.under_way < arriving.at_once && !given_up {
            let Some(at) = arriving.next(&self.clients) else { break };
            let client = &mut self.clients[at];
            match connecting(client.user, self.desk.place.clients) {
                Ok(mut socket) => {
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(&mut socket, Token(at), interest)?;
                    client.begin(socket, &self.desk, arriving.resume);
                    arriving.under_way += 1;
                }
                Err(error) => {
                    arriving.failed += 1;
                    arriving.why = format!("connecting: {error}");
                    arriving.again.push(at);
                    break;
                }
            }
        }
        let done = arriving.under_way == 0 && arriving.again.is_empty() && arriving.next >= arriving.up_to;
        if !done && !given_up {
            self.arriving = Some(arriving);
            return Ok(());
        }
        let here = self.clients.iter().filter(|client| client.state == State::Subscribed).count();
        say(&Answer::Connected(Arrivals {
            connected: u32::try_from(here).unwrap_or(u32::MAX),
            failed: arriving.failed,
            why: arriving.why,
            nanos: now() - arriving.begun,
            latency: arriving.latency.counts(),
        }))
    }

    fn obey(&mut self, order: &Order) -> Result<()> {
        match *order {
            Order::Begin { .. } => Err(Failure::new("it has begun already")),
            Order::Connect { up_to, at_once, resume } => {
                self.arriving = Some(Arriving {
                    begun: now(),
                    next: 0,
                    up_to: self.clients.len().min(up_to as usize),
                    under_way: 0,
                    at_once: at_once as usize,
                    resume,
                    again: Vec::new(),
                    failed: 0,
                    why: String::new(),
                    latency: Latency::default(),
                });
                self.arrive()
            }
            Order::Vanish => {
                self.clients.iter_mut().filter_map(Client::forget).for_each(vanish);
                say(&Answer::Ready)
            }
            Order::Watch { phase, cursors } => {
                self.watch(phase, cursors);
                say(&Answer::Ready)
            }
            Order::Tell(sent) => say(&Answer::Told(self.tell(sent))),
        }
    }

    fn watch(&mut self, phase: u16, cursors: bool) {
        (self.desk.phase, self.desk.cursors) = (phase, cursors);
        self.desk.seen = Seen::default();
        self.desk.one_latency.reset();
        self.desk.one_windows = Windows::default();
        self.desk.all_latency.reset();
        self.desk.events = 0;
        self.reported = (0, 0);
        for client in &mut self.clients {
            (client.own, client.all) = Default::default();
        }
    }

    fn tell(&self, sent: Sent) -> Seen {
        let mut seen = self.desk.seen.clone();
        for client in &self.clients {
            client.own.close(sent.to(client.user), &mut seen.ones);
            client.all.close(sent.alls, &mut seen.alls);
        }
        seen.one_latency = self.desk.one_latency.counts();
        seen.one_windows = self.desk.one_windows.counts();
        seen.all_latency = self.desk.all_latency.counts();
        seen
    }

    /// Tells how many events have come, now and then; gives for how long nothing needs to be told.
    fn report(&mut self) -> Result<Duration> {
        let (count, at) = self.reported;
        if self.desk.events == count {
            return Ok(Duration::from_millis(100));
        }
        let now = now();
        if let Some(wait) = (at + BETWEEN_REPORTS).checked_sub(now).filter(|wait| *wait > 0) {
            return Ok(Duration::from_nanos(wait));
        }
        self.reported = (self.desk.events, now);
        let mut out = std::io::stdout().lock();
        writeln!(out, "p {}", self.desk.events)?;
        out.flush()?;
        Ok(Duration::from_millis(100))
    }
}

impl Arriving {
    fn next(&mut self, clients: &[Client]) -> Option<usize> {
        if let Some(at) = self.again.pop() {
            return Some(at);
        }
        let from = self.next;
        let found = (from..self.up_to).find(|at| clients[*at].state == State::Away);
        self.next = found.map_or(self.up_to, |at| at + 1);
        found
    }
}

fn say(answer: &Answer) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    out.flush()?;
    Ok(())
}
