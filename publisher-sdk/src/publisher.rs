//! The publisher: three ways to publish, over whichever bus.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{Durability, Event};

use crate::buffer::Buffer;
use crate::builder::Builder;
use crate::cancelled::Cancelled;
use crate::counters::Counters;
use crate::delivery::deliver;
use crate::enqueued::{Enqueued, Flushed};
use crate::error::{ConnectError, PublishError};
use crate::published::{Published, Watch};
use crate::retry::until;
use crate::stamp::{stamp, with_durability};
use crate::told::{Follow, Receipts};
use crate::transport::Transport;

/// Publishes events. Cheap to clone; all clones share one connection and one buffer. When the last one is dropped,
/// the task behind [`enqueue`](Self::enqueue) stops and what still waits is lost: call [`close`](Self::close) first.
#[derive(Debug, Clone)]
pub struct Publisher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    transport: Arc<Transport>,
    buffer: Arc<Buffer>,
    timeout: Duration,
    durability: Option<Durability>,
    task: AbortHandle,
}

impl Publisher {
    /// A publisher to the bus at `url`, with what is usual for everything else. See [`Builder::connect`].
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::builder(url).connect().await
    }

    /// A publisher to the bus at `url`, step by step.
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    pub(crate) fn new(
        transport: Transport,
        buffer: Buffer,
        timeout: Duration,
        durability: Option<Durability>,
        on: &tokio::runtime::Handle,
    ) -> Self {
        let (transport, buffer) = (Arc::new(transport), Arc::new(buffer));
        let task = on.spawn(crate::pump::pump(Arc::clone(&transport), Arc::clone(&buffer))).abort_handle();
        Self(Arc::new(Shared { transport, buffer, timeout, durability, task }))
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    /// Publishes one event, and returns once the bus has it: its id, its place in the log, and how many nodes
    /// listened, 0 if nobody is connected.
    ///
    /// It is tried until the builder's timeout is over, each time as the same event, so that it is published once
    /// however often it is tried. A wrong event and a wrong password are told at once.
    ///
    /// What becomes of an event with [`receipt`](Event::receipt) can be waited for:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use wirebell_publisher::{Event, Publisher};
    /// # async fn example(publisher: Publisher, event: Event) -> Result<(), Box<dyn std::error::Error>> {
    /// let seen = publisher.publish(event.receipt()).await?.acknowledged(Duration::from_secs(10)).await?;
    /// println!("{} has it", seen.device);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn publish(&self, event: Event) -> Result<Published, PublishError> {
        let mut answers = self.publish_all([event]).await;
        answers.pop().unwrap_or(Err(PublishError::TimedOut { after: self.0.timeout }))
    }

    /// Publishes many events, many at a time, and answers for each, in their order.
    ///
    /// Events of one channel get into its log in the order given, also where some have to be tried again. The
    /// timeout holds for each run of up to 256. Once a run could not be finished, none behind it is sent, and the
    /// error stands for each of them.
    ///
    /// One exception to the order, which no client can mend: where Redis turns away single commands for a moment
    /// (it is out of memory, say) and takes the next, the event that was turned away comes after it.
    pub async fn publish_all(
        &self,
        events: impl IntoIterator<Item = Event>,
    ) -> Vec<Result<Published, PublishError>> {
        let mut events: Vec<Event> = events.into_iter().map(|event| self.ready(event)).collect();
        for event in &mut events {
            stamp(event);
        }
        let watches: Vec<Watch> = events.iter().map(|event| Watch::of(event, &self.0.transport)).collect();
        let answers = deliver(&self.0.transport, self.0.timeout, events).await;
        let published = |(answer, watch)| Ok(Published::new(answer?, watch));
        answers.into_iter().zip(watches).map(published).collect()
    }

    /// What became of an event, on each of its channels: when the bus took it, to which connections it was written,
    /// which devices have acknowledged it, whether it has expired or fallen back. Empty if the bus knows nothing of it:
    /// it never was published, had neither [`receipt`](Event::receipt) nor [`deadline`](Event::deadline) nor
    /// [`deliver_at`](Event::deliver_at), or that is too long ago.
    pub async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, PublishError> {
        until(self.0.timeout, || self.0.transport.receipts(id)).await
    }

    /// The stream of receipts: what becomes of every watched event on this bus, whoever published it. For a service that
    /// publishes too many to wait for each. Only over Redis.
    ///
    /// ```no_run
    /// # use wirebell_publisher::{Follow, Publisher, State};
    /// # async fn example(publisher: Publisher) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut receipts = publisher.follow(&Follow::Group("orders".to_owned()))?;
    /// loop {
    ///     let told = receipts.next().await;
    ///     if told.outcome == State::Acknowledged {
    ///         println!("{} was seen on {}", told.id, told.channel);
    ///     }
    /// }
    /// # }
    /// ```
    pub fn follow(&self, follow: &Follow) -> Result<Receipts, ConnectError> {
        Ok(Receipts::new(self.0.transport.redis()?, follow))
    }

    /// Cancels an event with [`deliver_at`](Event::deliver_at) whose time has not come. Cancelling it once more changes
    /// nothing and answers the same.
    pub async fn cancel(&self, id: &str) -> Result<Cancelled, PublishError> {
        until(self.0.timeout, || self.0.transport.cancel(id)).await
    }

    /// Hands an event over and returns at once, whatever state the bus is in. It is published in the background, in
    /// the order of enqueueing, for as long as that takes; the buffer bounds how much may wait. It may be called from
    /// any thread, also outside of Tokio.
    ///
    /// An event that is refused for good is counted and logged by its id, and does not hold up those behind it. A
    /// wrong password or service key is not the event's fault: events wait until it is put right.
    pub fn enqueue(&self, event: Event) -> Enqueued {
        let mut event = self.ready(event);
        let id = stamp(&mut event);
        self.0.buffer.push(id, event)
    }

    /// Waits until everything enqueued so far has been published or refused, but no longer than `timeout`.
    pub async fn flush(&self, timeout: Duration) -> Flushed {
        self.0.buffer.flushed(timeout).await
    }

    /// Takes no more events into the buffer, waits as [`flush`](Self::flush) does, and stops the task behind it.
    /// [`publish`](Self::publish) goes on working.
    pub async fn close(&self, timeout: Duration) -> Flushed {
        self.0.buffer.close();
        let flushed = self.0.buffer.flushed(timeout).await;
        self.0.task.abort();
        flushed
    }

    fn ready(&self, event: Event) -> Event {
        with_durability(event, self.0.durability)
    }

    /// What became of the events enqueued so far.
    pub fn counters(&self) -> Counters {
        self.0.buffer.counters()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let waiting = self.buffer.counters().waiting;
        if waiting > 0 {
            tracing::warn!(waiting, "the publisher is dropped while events wait: they are lost");
        }
        self.task.abort();
    }
}
