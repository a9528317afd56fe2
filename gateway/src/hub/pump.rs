//! The pump: the one task that takes every event from the bus and passes it to the send buffers.
//! One task keeps the order of each channel.

use std::future::ready;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::yield_now;
use wirebell_protocol::{Announcement, Channel};

use super::Hub;
use super::backlog::{Backlog, QueuedItem, Task};
use super::chain::{Advance, Remaining, Verdict};
use super::fanout::{Fanout, SLICE};
use super::log_kind::{ChannelLog, LogKind};
use super::repair::LogChunk;
use super::shared_frame::{DeliveryBatch, SharedFrame};
use crate::bus::{Delivery, DeliveryReceiver};

/// Runs until the bus ends its stream of deliveries. Events with few subscribers are delivered as
/// they arrive. Events with many subscribers are delivered in slices: one slice whenever nothing
/// arrives, and at least one after each [`SLICE`] of other work.
pub(super) async fn run(
    hub: Arc<Hub>,
    mut deliveries: DeliveryReceiver,
    mut chunks: mpsc::Receiver<Vec<LogChunk>>,
) {
    let mut pump = Pump { hub, fanout: Fanout::default(), backlog: Backlog::default() };
    loop {
        let has_queue = !pump.backlog.is_empty();
        tokio::select! {
            biased;
            () = ready(()), if has_queue && pump.fanout.needs_yield() => pump.run_slice().await,
            arrived = arrival(&mut deliveries, &mut chunks) => match arrived {
                Arrival::Delivery(Some(delivery)) => pump.take(delivery),
                Arrival::Delivery(None) => return,
                Arrival::Chunks(chunks) => pump.repair_all(chunks).await,
            },
            // Nothing more has arrived that could share a write.
            () = ready(()), if pump.fanout.has_unsent() => pump.fanout.send(&pump.hub),
            () = ready(()), if has_queue => pump.run_slice().await,
        }
        if !has_queue {
            pump.yield_if_needed().await;
        }
    }
}

enum Arrival {
    Delivery(Option<Delivery>),
    Chunks(Vec<LogChunk>),
}

async fn arrival(deliveries: &mut DeliveryReceiver, chunks: &mut mpsc::Receiver<Vec<LogChunk>>) -> Arrival {
    tokio::select! {
        delivery = deliveries.next() => Arrival::Delivery(delivery),
        Some(chunks) = chunks.recv() => Arrival::Chunks(chunks),
    }
}

struct Pump {
    hub: Arc<Hub>,
    fanout: Fanout,
    backlog: Backlog<DeliveryBatch>,
}

impl Pump {
    /// Handles one delivery of the bus.
    fn take(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Event(event) => self.handle_event(event),
            Delivery::Reply(reply) => self.hub.deliver_reply(reply),
            Delivery::Command(command) => self.hub.execute(&command),
            Delivery::Missed(channels) => self.suspect(&channels),
            Delivery::MissedAny => {
                let suspects = self.hub.lock().suspect_all(self.hub.node);
                self.hub.repair.request(suspects);
            }
        }
    }

    /// Delivers an announced event, queues it, or requests a repair of its log.
    fn handle_event(&mut self, event: Announcement) {
        self.hub.meters.announced(event.class);
        let has_queue = self.backlog.has_queue(&event.channel);
        let has_room = !has_queue || !self.backlog.is_full();
        let log = ChannelLog::of(&event);
        let verdict = match event.position {
            Some(position) if has_room => self.hub.lock().judge(&log, position),
            Some(position) => self.hub.lock().miss(&log, position),
            None => has_room.then_some(Verdict::Deliver),
        };
        if !has_room {
            self.hub.metrics.backlog_overflows.with_label_values(&[event.class.as_str()]).inc();
        }
        match verdict {
            Some(Verdict::Deliver) => {
                if has_queue || !self.fanout.deliver(&self.hub, &event, SLICE) {
                    self.backlog.push(event.channel.clone(), QueuedItem::Event(event));
                }
            }
            Some(Verdict::Broken(after)) => {
                if has_room {
                    self.hub.metrics.chain_breaks.inc();
                }
                self.hub.repair.request([(log, after)]);
            }
            // Delivered before, about to be read from the log, or without a subscriber.
            Some(Verdict::Repeat | Verdict::Held) | None => {}
        }
    }

    /// Requests a repair of the logs of channels whose announcements may have been missed.
    fn suspect(&mut self, channels: &[Channel]) {
        let mut registry = self.hub.lock();
        let suspects: Vec<_> = channels
            .iter()
            .flat_map(|channel| [ChannelLog::durable(channel), ChannelLog::retained(channel)])
            .filter_map(|log| registry.suspect(&log).map(|after| (log, after)))
            .collect();
        drop(registry);
        self.hub.repair.request(suspects);
    }

    async fn repair_all(&mut self, chunks: Vec<LogChunk>) {
        for chunk in chunks {
            self.repair(chunk);
            self.yield_if_needed().await;
        }
    }

    /// Delivers a chunk of a log, and reads on if the log continues.
    fn repair(&mut self, chunk: LogChunk) {
        let is_large = self.hub.lock().has_more_than(SLICE, &chunk.log.channel);
        if is_large || self.backlog.has_queue(&chunk.log.channel) {
            return self.backlog.push(chunk.log.channel.clone(), QueuedItem::Chunk(chunk));
        }
        for event in &chunk.events {
            match self.advance(event) {
                Advance::Repeat => continue,
                Advance::Next => {}
                Advance::Gap(last) => self.fanout.gap(&self.hub, event, last),
            }
            self.fanout.deliver(&self.hub, event, usize::MAX);
        }
        self.finish_chunk(chunk.log, chunk.is_last);
    }

    /// Moves the channel's chain to an event of the log.
    fn advance(&self, event: &Announcement) -> Advance {
        let Some(position) = event.position else { return Advance::Repeat };
        let advance = self.hub.lock().advance(&ChannelLog::of(event), position);
        if advance != Advance::Repeat {
            self.hub.metrics.repaired.inc();
        }
        if matches!(advance, Advance::Gap(_)) {
            self.hub.metrics.gaps.inc();
        }
        advance
    }

    fn finish_chunk(&self, log: ChannelLog, is_last: bool) {
        let remaining = self.hub.lock().chunk_applied(&log, is_last);
        if let Remaining::Read(after) = remaining {
            self.hub.repair.request([(log, after)]);
        }
    }

    /// Delivers a batch of the next channel in the backlog to one slice of its subscribers.
    async fn run_slice(&mut self) {
        let Some((channel, task)) = self.backlog.next() else { return };
        let mut batch = match task {
            Task::Continue(batch) => batch,
            Task::Start(events) => {
                self.start_batch(&channel, events.iter().map(SharedFrame::event).collect(), None)
            }
            Task::Repair(chunk) => {
                self.start_batch(&channel, self.frames(&chunk), Some((chunk.log.kind, chunk.is_last)))
            }
        };
        if self.fanout.slice(&self.hub, &channel, &mut batch) {
            self.backlog.done(channel, Some(batch));
        } else {
            if let Some((kind, is_last)) = batch.chunk {
                self.finish_chunk(ChannelLog { channel: channel.clone(), kind }, is_last);
            }
            self.backlog.done(channel, None);
        }
        self.send_and_yield().await;
    }

    fn start_batch(
        &self,
        channel: &Channel,
        frames: Vec<SharedFrame>,
        chunk: Option<(LogKind, bool)>,
    ) -> DeliveryBatch {
        if !frames.is_empty() {
            self.hub.lock().open_window(channel);
        }
        DeliveryBatch::new(channel, frames, chunk)
    }

    /// Returns frames for the chunk's new events and for the gaps between them.
    fn frames(&self, chunk: &LogChunk) -> Vec<SharedFrame> {
        let mut frames = Vec::with_capacity(chunk.events.len());
        for event in &chunk.events {
            match self.advance(event) {
                Advance::Repeat => continue,
                Advance::Next => {}
                Advance::Gap(last) => frames.push(SharedFrame::gap(event, last)),
            }
            frames.push(SharedFrame::event(event));
        }
        frames
    }

    async fn yield_if_needed(&mut self) {
        if self.fanout.needs_yield() {
            self.send_and_yield().await;
        }
    }

    /// Sends the pending frames, and lets the woken sessions run.
    async fn send_and_yield(&mut self) {
        self.fanout.send(&self.hub);
        self.fanout.reset();
        yield_now().await;
    }
}
