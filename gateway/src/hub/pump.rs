//! The pump: the one task through which every event passes on its way from the bus to the outboxes, which is what
//! keeps the order of each channel.

use std::future::ready;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::yield_now;
use wirebell_protocol::{Announcement, Channel};

use super::Hub;
use super::backlog::{Backlog, Turn, Waiting};
use super::chain::{Advance, Left, Verdict};
use super::fanout::{Fanout, SLICE};
use super::line::{Lane, Line};
use super::notice::{Batch, Notice};
use super::repair::Piece;
use crate::bus::{Deliveries, Delivery};

/// Pumps for as long as the bus lives. What is for a few is handed on as it comes; in between, and at least as often
/// as that much work has been done, a slice of what is for many.
pub(super) async fn run(hub: Arc<Hub>, mut deliveries: Deliveries, mut pieces: mpsc::Receiver<Vec<Piece>>) {
    let mut pump = Pump { hub, fanout: Fanout::default(), backlog: Backlog::default() };
    loop {
        let waits = !pump.backlog.is_empty();
        tokio::select! {
            biased;
            () = ready(()), if waits && pump.fanout.is_tired() => pump.turn().await,
            came = arrival(&mut deliveries, &mut pieces) => match came {
                Arrival::Delivery(Some(delivery)) => pump.take(delivery),
                Arrival::Delivery(None) => return,
                Arrival::Pieces(found) => pump.mend_all(found).await,
            },
            // Nothing more has come that could share a call.
            () = ready(()), if pump.fanout.has_unsent() => pump.fanout.send(&pump.hub),
            () = ready(()), if waits => pump.turn().await,
        }
        if !waits {
            pump.rest_if_tired().await;
        }
    }
}

enum Arrival {
    Delivery(Option<Delivery>),
    Pieces(Vec<Piece>),
}

async fn arrival(deliveries: &mut Deliveries, pieces: &mut mpsc::Receiver<Vec<Piece>>) -> Arrival {
    tokio::select! {
        delivery = deliveries.next() => Arrival::Delivery(delivery),
        Some(found) = pieces.recv() => Arrival::Pieces(found),
    }
}

struct Pump {
    hub: Arc<Hub>,
    fanout: Fanout,
    backlog: Backlog<Batch>,
}

impl Pump {
    fn take(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Event(event) => self.announced(event),
            Delivery::Reply(reply) => self.hub.replied(reply),
            Delivery::Order(order) => self.hub.obey(&order),
            Delivery::Missed(channels) => self.suspect(&channels),
            Delivery::MissedAny => {
                let suspects = self.hub.lock().suspect_all(self.hub.node);
                self.hub.repair.ask(suspects);
            }
        }
    }

    fn announced(&mut self, event: Announcement) {
        self.hub.meters.announced(event.class);
        let waits = self.backlog.holds(&event.channel);
        let has_room = !waits || !self.backlog.is_full();
        let line = Line::of(&event);
        let verdict = match event.place {
            Some(place) if has_room => self.hub.lock().judge(&line, place),
            Some(place) => self.hub.lock().miss(&line, place),
            None => has_room.then_some(Verdict::Deliver),
        };
        if !has_room {
            self.hub.metrics.backlog_overflows.with_label_values(&[event.class.as_str()]).inc();
        }
        match verdict {
            Some(Verdict::Deliver) => {
                if waits || !self.fanout.deliver(&self.hub, &event, SLICE) {
                    self.backlog.push(event.channel.clone(), Waiting::Event(event));
                }
            }
            Some(Verdict::Broken(after)) => {
                if has_room {
                    self.hub.metrics.chain_breaks.inc();
                }
                self.hub.repair.ask([(line, after)]);
            }
            // Handed on before, on its way from the log, or for a channel that nobody listens for any more.
            Some(Verdict::Repeat | Verdict::Held) | None => {}
        }
    }

    fn suspect(&mut self, channels: &[Channel]) {
        let mut registry = self.hub.lock();
        let suspects: Vec<_> = channels
            .iter()
            .flat_map(|channel| [Line::log(channel), Line::retained(channel)])
            .filter_map(|line| registry.suspect(&line).map(|after| (line, after)))
            .collect();
        drop(registry);
        self.hub.repair.ask(suspects);
    }

    async fn mend_all(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            self.mend(piece);
            self.rest_if_tired().await;
        }
    }

    /// Hands on what the log had, and reads on if that was not all.
    fn mend(&mut self, piece: Piece) {
        let is_large = self.hub.lock().has_more_than(SLICE, &piece.line.channel);
        if is_large || self.backlog.holds(&piece.line.channel) {
            return self.backlog.push(piece.line.channel.clone(), Waiting::Piece(piece));
        }
        for event in &piece.events {
            match self.advance(event) {
                Advance::Repeat => continue,
                Advance::Next => {}
                Advance::Gap(last) => self.fanout.gap(&self.hub, event, last),
            }
            self.fanout.deliver(&self.hub, event, usize::MAX);
        }
        self.mended(piece.line, piece.complete);
    }

    /// Takes an event of the log to be the channel's next, if it is new.
    fn advance(&self, event: &Announcement) -> Advance {
        let Some(place) = event.place else { return Advance::Repeat };
        let advance = self.hub.lock().advance(&Line::of(event), place);
        if advance != Advance::Repeat {
            self.hub.metrics.repaired.inc();
        }
        if matches!(advance, Advance::Gap(_)) {
            self.hub.metrics.gaps.inc();
        }
        advance
    }

    fn mended(&self, line: Line, complete: bool) {
        let left = self.hub.lock().repaired(&line, complete);
        if let Left::Read(after) = left {
            self.hub.repair.ask([(line, after)]);
        }
    }

    /// Gives the next channel of many listeners its turn: one slice of them.
    async fn turn(&mut self) {
        let Some((channel, turn)) = self.backlog.next() else { return };
        let mut batch = match turn {
            Turn::GoOn(batch) => batch,
            Turn::Begin(events) => self.begin(&channel, events.iter().map(Notice::event).collect(), None),
            Turn::Mend(piece) => {
                self.begin(&channel, self.notices(&piece), Some((piece.line.lane, piece.complete)))
            }
        };
        if self.fanout.slice(&self.hub, &channel, &mut batch) {
            self.backlog.done(channel, Some(batch));
        } else {
            if let Some((lane, complete)) = batch.piece {
                self.mended(Line { channel: channel.clone(), lane }, complete);
            }
            self.backlog.done(channel, None);
        }
        self.rest().await;
    }

    fn begin(&self, channel: &Channel, notices: Vec<Notice>, piece: Option<(Lane, bool)>) -> Batch {
        if !notices.is_empty() {
            self.hub.lock().open(channel);
        }
        Batch::new(channel, notices, piece)
    }

    /// What of a piece of log is new, and what it has lost.
    fn notices(&self, piece: &Piece) -> Vec<Notice> {
        let mut notices = Vec::with_capacity(piece.events.len());
        for event in &piece.events {
            match self.advance(event) {
                Advance::Repeat => continue,
                Advance::Next => {}
                Advance::Gap(last) => notices.push(Notice::gap(event, last)),
            }
            notices.push(Notice::event(event));
        }
        notices
    }

    async fn rest_if_tired(&mut self) {
        if self.fanout.is_tired() {
            self.rest().await;
        }
    }

    /// Sends what is to be sent, and lets the sessions run that were woken.
    async fn rest(&mut self) {
        self.fanout.send(&self.hub);
        self.fanout.rest();
        yield_now().await;
    }
}
