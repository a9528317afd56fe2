//! The bounded queue from a bus to the hub.
//!
//! When the queue is full, a message is dropped and counted. The channel of a dropped announcement
//! is remembered, and the hub reads its log instead, so the node loses no durable event. A dropped
//! reply is lost for the client.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};
use wirebell_protocol::message::Reply;
use wirebell_protocol::{Announcement, Channel, Message, NodeCommand};

use crate::telemetry::Metrics;

/// A message from the bus to the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// An event.
    Event(Announcement),
    /// A reply to one of this node's connections.
    Reply(Reply),
    /// A command to one of this node's sessions.
    Command(NodeCommand),
    /// Announcements of these channels may have been missed; the hub must read their logs.
    Missed(Vec<Channel>),
    /// Announcements of any channel may have been missed, because the connection was lost.
    MissedAny,
}

/// The sending half, used by the bus.
#[derive(Clone)]
pub struct DeliverySender {
    queue: mpsc::Sender<Message>,
    missed: Arc<Missed>,
    metrics: Arc<Metrics>,
}

/// The receiving half, used by the hub.
pub struct DeliveryReceiver {
    queue: mpsc::Receiver<Message>,
    missed: Arc<Missed>,
}

/// What the receiver missed.
#[derive(Default)]
struct Missed {
    channels: Mutex<MissedChannels>,
    changed: Notify,
}

#[derive(Default)]
struct MissedChannels {
    any: bool,
    channels: HashSet<Channel>,
}

/// Creates a queue of up to `capacity` messages.
pub fn delivery_queue(capacity: usize, metrics: Arc<Metrics>) -> (DeliverySender, DeliveryReceiver) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    let missed = Arc::new(Missed::default());
    let sender = DeliverySender { queue: sender, missed: Arc::clone(&missed), metrics };
    (sender, DeliveryReceiver { queue: receiver, missed })
}

impl DeliverySender {
    /// Sends a message without waiting. If the queue is full, drops it and marks the channel of an
    /// event as missed.
    pub fn send(&self, message: Message) {
        if let Err(mpsc::error::TrySendError::Full(message)) = self.queue.try_send(message) {
            self.metrics.bus_overflows.inc();
            match message {
                Message::Event(announcement) if announcement.position.is_some() => {
                    self.missed.update(|missed| _ = missed.channels.insert(announcement.channel));
                }
                // A command is also stored in the list of its node.
                Message::Event(_) | Message::Reply(_) | Message::Command(_) => {}
            }
        }
    }

    /// Marks all channels as missed.
    pub fn mark_all_missed(&self) {
        self.missed.update(|missed| missed.any = true);
    }
}

impl DeliveryReceiver {
    /// Returns the next delivery, or `None` once the bus is gone. Queued messages come before
    /// missed channels: they are older, and their gaps are visible in `previous`.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            tokio::select! {
                biased;
                message = self.queue.recv() => return message.map(|message| match message {
                    Message::Event(announcement) => Delivery::Event(announcement),
                    Message::Reply(reply) => Delivery::Reply(reply),
                    Message::Command(command) => Delivery::Command(command),
                }),
                () = self.missed.changed.notified() => {
                    if let Some(delivery) = self.missed.take() {
                        return Some(delivery);
                    }
                }
            }
        }
    }
}

impl Missed {
    fn update(&self, change: impl FnOnce(&mut MissedChannels)) {
        change(&mut self.channels.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    fn take(&self) -> Option<Delivery> {
        let missed = std::mem::take(&mut *self.channels.lock().unwrap_or_else(PoisonError::into_inner));
        if missed.any {
            return Some(Delivery::MissedAny);
        }
        (!missed.channels.is_empty()).then(|| Delivery::Missed(missed.channels.into_iter().collect()))
    }
}
