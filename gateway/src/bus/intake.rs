//! The bounded queue between a bus and the hub. When it is full, an announcement is dropped, counted, and its
//! channel remembered, so that the hub reads the log instead: the queue may lose, the node may not. A reply that is dropped
//! is one that did not come in time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};
use wirebell_protocol::message::Reply;
use wirebell_protocol::{Announcement, Channel, Message, NodeCommand};

use crate::telemetry::Metrics;

/// What the bus has for the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// An event.
    Event(Announcement),
    /// An answer to one of this node's connections.
    Reply(Reply),
    /// Something to be done to one of this node's sessions.
    Command(NodeCommand),
    /// Announcements of these channels may have been missed: look into their logs.
    Missed(Vec<Channel>),
    /// Announcements of any channel may have been missed: the connection was lost for a while.
    MissedAny,
}

/// The bus' end.
#[derive(Clone)]
pub struct Intake {
    queue: mpsc::Sender<Message>,
    missed: Arc<Missed>,
    metrics: Arc<Metrics>,
}

/// The hub's end.
pub struct Deliveries {
    queue: mpsc::Receiver<Message>,
    missed: Arc<Missed>,
}

#[derive(Default)]
struct Missed {
    what: Mutex<What>,
    news: Notify,
}

#[derive(Default)]
struct What {
    any: bool,
    channels: HashSet<Channel>,
}

/// A queue of at most `capacity` messages.
pub fn intake(capacity: usize, metrics: Arc<Metrics>) -> (Intake, Deliveries) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    let missed = Arc::new(Missed::default());
    (Intake { queue: sender, missed: Arc::clone(&missed), metrics }, Deliveries { queue: receiver, missed })
}

impl Intake {
    /// Hands a message over, or notes that it was missed. Never waits.
    pub fn offer(&self, message: Message) {
        if let Err(mpsc::error::TrySendError::Full(message)) = self.queue.try_send(message) {
            self.metrics.bus_overflows.inc();
            match message {
                Message::Event(announcement) if announcement.position.is_some() => {
                    self.missed.note(|what| _ = what.channels.insert(announcement.channel));
                }
                // An order waits in its node's list as well.
                Message::Event(_) | Message::Reply(_) | Message::Command(_) => {}
            }
        }
    }

    /// Notes that announcements of any channel may have been missed.
    pub fn missed_any(&self) {
        self.missed.note(|what| what.any = true);
    }
}

impl Deliveries {
    /// The next delivery, or none when the bus is gone. What is queued comes before what was missed: it is older,
    /// and its gaps show by themselves.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            tokio::select! {
                biased;
                message = self.queue.recv() => return message.map(|message| match message {
                    Message::Event(announcement) => Delivery::Event(announcement),
                    Message::Reply(reply) => Delivery::Reply(reply),
                    Message::Command(command) => Delivery::Command(command),
                }),
                () = self.missed.news.notified() => {
                    if let Some(delivery) = self.missed.take() {
                        return Some(delivery);
                    }
                }
            }
        }
    }
}

impl Missed {
    fn note(&self, change: impl FnOnce(&mut What)) {
        change(&mut self.what.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_one();
    }

    fn take(&self) -> Option<Delivery> {
        let what = std::mem::take(&mut *self.what.lock().unwrap_or_else(PoisonError::into_inner));
        if what.any {
            return Some(Delivery::MissedAny);
        }
        (!what.channels.is_empty()).then(|| Delivery::Missed(what.channels.into_iter().collect()))
    }
}
