//! The publisher and its three ways to publish.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{Durability, Event, Keys};

use crate::buffer::Buffer;
use crate::builder::Builder;
use crate::cancelled::Cancelled;
use crate::counters::Counters;
use crate::delivery::deliver;
use crate::enqueued::{Enqueued, Flushed};
use crate::error::{ConnectError, PublishError};
use crate::failure::FailureKind;
use crate::options::Options;
use crate::published::{AckTracker, Published};
use crate::receipts::{Follow, Receipts};
use crate::retry::retry_until;
use crate::stamp::{stamp, with_durability};
use crate::transport::Transport;

/// Publishes events. Cheap to clone; all clones share one connection and one buffer. When the last
/// clone is dropped, the background task of [`enqueue`](Self::enqueue) stops and waiting events are
/// lost: call [`close`](Self::close) first.
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

impl Builder {
    /// Creates the publisher and opens a connection to Redis, which reveals a wrong password early
    /// and spares the first event the connection setup.
    ///
    /// An unreachable Redis is no error, since a service must be able to start while Redis is down.
    /// `enqueue` works at once; `publish` fails with [`PublishError::Unavailable`] until Redis is
    /// available. This call takes at most the connect timeout; [`connect_lazy`](Self::connect_lazy)
    /// does not wait at all. Over HTTP nothing is sent before the first event.
    pub async fn connect(self) -> Result<Publisher, ConnectError> {
        let publisher = self.connect_lazy()?;
        match publisher.transport().open().await {
            Ok(()) => {}
            Err(failure) => match (failure.error, failure.kind) {
                (PublishError::Refused(refusal), FailureKind::Configuration) => {
                    return Err(ConnectError::Refused(refusal));
                }
                (error, _) => {
                    tracing::warn!(%error, "no connection to the bus yet; events wait until there is one");
                }
            },
        }
        Ok(publisher)
    }

    /// Creates the publisher and sends nothing before the first event. Must be called within a
    /// Tokio runtime.
    pub fn connect_lazy(self) -> Result<Publisher, ConnectError> {
        let runtime = Handle::try_current().map_err(|_| ConnectError::Runtime)?;
        let keys = self.prefix.as_deref().map_or_else(|| Ok(Keys::default()), Keys::new)?;
        let options = Options {
            keys,
            retentions: self.retentions,
            service_key: self.service_key,
            connect_timeout: self.connect_timeout,
            // An attempt must end before the whole call times out: only a finished attempt reveals
            // a dead connection.
            answer_timeout: self.answer_timeout.min(self.timeout.mul_f64(0.8)),
        };
        let transport = Transport::new(&self.url, options)?;
        Ok(Publisher::new(transport, Buffer::new(self.limits), self.timeout, self.durability, &runtime))
    }
}

impl Publisher {
    /// Creates a publisher for the bus at `url` with default options. See [`Builder::connect`].
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::builder(url).connect().await
    }

    /// Returns a builder for a publisher of the bus at `url`.
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    pub(crate) fn new(
        transport: Transport,
        buffer: Buffer,
        timeout: Duration,
        durability: Option<Durability>,
        on: &Handle,
    ) -> Self {
        let (transport, buffer) = (Arc::new(transport), Arc::new(buffer));
        let task = on.spawn(crate::pump::pump(Arc::clone(&transport), Arc::clone(&buffer))).abort_handle();
        Self(Arc::new(Shared { transport, buffer, timeout, durability, task }))
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    /// Publishes one event and waits until the bus has it. Returns its id, its cursor in the log,
    /// and how many nodes had subscribers: 0 if no client is connected.
    ///
    /// Retries until the builder's timeout. Every attempt sends the same event, so it is published
    /// once. An invalid event and a wrong password are reported at once.
    ///
    /// The acknowledgement of an event with [`receipt`](Event::receipt) can be awaited:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use wirebell_publisher::{Event, Publisher};
    /// # async fn example(publisher: Publisher, event: Event) -> Result<(), Box<dyn std::error::Error>> {
    /// let seen = publisher.publish(event.receipt()).await?.acknowledged(Duration::from_secs(10)).await?;
    /// println!("{} has acknowledged it", seen.device);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn publish(&self, event: Event) -> Result<Published, PublishError> {
        let mut answers = self.publish_all([event]).await;
        answers.pop().unwrap_or(Err(PublishError::TimedOut { after: self.0.timeout }))
    }

    /// Publishes many events in batches and returns a result for each, in order.
    ///
    /// Events of one channel are logged in the given order, also if some are retried. The timeout
    /// applies to each batch of up to 256 events. After a batch that fails, later batches are not
    /// sent, and its error stands for their events.
    ///
    /// There is one exception to the order, which no client can prevent. If Redis rejects single
    /// commands temporarily, for example because it is out of memory, and accepts the next one, the
    /// rejected event is logged after it.
    pub async fn publish_all(
        &self,
        events: impl IntoIterator<Item = Event>,
    ) -> Vec<Result<Published, PublishError>> {
        let mut events: Vec<Event> = events.into_iter().map(|event| self.ready(event)).collect();
        for event in &mut events {
            stamp(event);
        }
        let trackers: Vec<AckTracker> =
            events.iter().map(|event| AckTracker::of(event, &self.0.transport)).collect();
        let answers = deliver(&self.0.transport, self.0.timeout, events).await;
        let published = |(answer, tracker)| Ok(Published::new(answer?, tracker));
        answers.into_iter().zip(trackers).map(published).collect()
    }

    /// Returns the delivery status of an event on each of its channels: when the bus accepted it,
    /// to which connections it was written, which devices acknowledged it, whether it expired or
    /// went to the fallback stream. Empty if the bus has no delivery record: the event is unknown,
    /// has none of [`receipt`](Event::receipt), [`deadline`](Event::deadline) and
    /// [`deliver_at`](Event::deliver_at), or its record has expired.
    pub async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, PublishError> {
        retry_until(self.0.timeout, || self.0.transport.receipts(id)).await
    }

    /// Returns the stream of delivery updates of all tracked events on this bus, of every
    /// publisher. For services that publish too many events to wait for each. Only over Redis.
    ///
    /// ```no_run
    /// # use wirebell_publisher::{Follow, Publisher, State};
    /// # async fn example(publisher: Publisher) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut receipts = publisher.follow(&Follow::Group("orders".to_owned()))?;
    /// loop {
    ///     let update = receipts.next().await;
    ///     if update.outcome == State::Acknowledged {
    ///         println!("{} was acknowledged on {}", update.id, update.channel);
    ///     }
    /// }
    /// # }
    /// ```
    pub fn follow(&self, follow: &Follow) -> Result<Receipts, ConnectError> {
        Ok(Receipts::new(self.0.transport.redis()?, follow))
    }

    /// Cancels an event before its [`deliver_at`](Event::deliver_at). Idempotent: a repeated call
    /// returns the same.
    pub async fn cancel(&self, id: &str) -> Result<Cancelled, PublishError> {
        retry_until(self.0.timeout, || self.0.transport.cancel(id)).await
    }

    /// Adds an event to the buffer and returns at once, whether the bus is available or not. The
    /// event is published in the background, in the order of `enqueue` calls, and retried for as
    /// long as it takes. The buffer bounds how much may wait. May be called from any thread, also
    /// outside of Tokio.
    ///
    /// A permanently rejected event is counted and logged by its id, and does not block later
    /// events. A wrong password or API key blocks all events until it is fixed.
    pub fn enqueue(&self, event: Event) -> Enqueued {
        let mut event = self.ready(event);
        let id = stamp(&mut event);
        self.0.buffer.push(id, event)
    }

    /// Waits until everything enqueued so far is published or permanently rejected, at most for
    /// `timeout`.
    pub async fn flush(&self, timeout: Duration) -> Flushed {
        self.0.buffer.flushed(timeout).await
    }

    /// Closes the buffer, waits as [`flush`](Self::flush) does, and stops the background task.
    /// [`publish`](Self::publish) still works.
    pub async fn close(&self, timeout: Duration) -> Flushed {
        self.0.buffer.close();
        let flushed = self.0.buffer.flushed(timeout).await;
        self.0.task.abort();
        flushed
    }

    fn ready(&self, event: Event) -> Event {
        with_durability(event, self.0.durability)
    }

    /// Returns the counters of `enqueue`.
    pub fn counters(&self) -> Counters {
        self.0.buffer.counters()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let waiting = self.buffer.counters().waiting;
        if waiting > 0 {
            tracing::warn!(
                waiting,
                "the publisher was dropped with events in its buffer, which are lost; call `close` first"
            );
        }
        self.task.abort();
    }
}
