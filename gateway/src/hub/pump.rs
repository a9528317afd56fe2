//! The pump: the one task through which every event passes on its way from the bus to the outboxes, which is what
//! keeps the order of each channel.

use std::sync::Arc;

use tokio::sync::mpsc;
use wirebell_protocol::{Announcement, Channel};

use super::Hub;
use super::chain::{Advance, Left, Verdict};
use super::fanout::Fanout;
use super::repair::Piece;
use crate::bus::{Deliveries, Delivery};

/// Pumps for as long as the bus lives.
pub(super) async fn run(hub: Arc<Hub>, mut deliveries: Deliveries, mut pieces: mpsc::Receiver<Vec<Piece>>) {
    let mut pump = Pump { hub, fanout: Fanout::default() };
    loop {
        tokio::select! {
            delivery = deliveries.next() => match delivery {
                Some(delivery) => pump.take(delivery),
                None => return,
            },
            Some(found) = pieces.recv() => found.into_iter().for_each(|piece| pump.mend(piece)),
        }
    }
}

struct Pump {
    hub: Arc<Hub>,
    fanout: Fanout,
}

impl Pump {
    fn take(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Event(event) => self.announced(&event),
            Delivery::Missed(channels) => self.suspect(channels),
            Delivery::MissedAny => {
                let suspects = self.hub.lock().suspect_all(self.hub.node);
                self.hub.repair.ask(suspects);
            }
        }
    }

    fn announced(&mut self, event: &Announcement) {
        self.hub.metrics.announced.with_label_values(&[event.class.as_str()]).inc();
        let verdict = match event.place {
            Some(place) => self.hub.lock().judge(&event.channel, place),
            None => Some(Verdict::Deliver),
        };
        match verdict {
            Some(Verdict::Deliver) => self.fanout.deliver(&self.hub, event),
            Some(Verdict::Broken(after)) => {
                self.hub.metrics.chain_breaks.inc();
                self.hub.repair.ask([(event.channel.clone(), after)]);
            }
            // Handed on before, on its way from the log, or for a channel that nobody listens for any more.
            Some(Verdict::Repeat | Verdict::Held) | None => {}
        }
    }

    fn suspect(&mut self, channels: Vec<Channel>) {
        let mut registry = self.hub.lock();
        let suspects: Vec<_> = channels
            .into_iter()
            .filter_map(|channel| registry.suspect(&channel).map(|after| (channel, after)))
            .collect();
        drop(registry);
        self.hub.repair.ask(suspects);
    }

    /// Hands on what the log had, and reads on if that was not all.
    fn mend(&mut self, piece: Piece) {
        for event in &piece.events {
            let Some(place) = event.place else { continue };
            let advance = self.hub.lock().advance(&piece.channel, place);
            match advance {
                Advance::Repeat => continue,
                Advance::Next => {}
                Advance::Gap(last) => self.fanout.gap(&self.hub, event, place, last),
            }
            self.hub.metrics.repaired.inc();
            self.fanout.deliver(&self.hub, event);
        }
        let left = self.hub.lock().repaired(&piece.channel, piece.complete);
        if let Left::Read(after) = left {
            self.hub.repair.ask([(piece.channel, after)]);
        }
    }
}
