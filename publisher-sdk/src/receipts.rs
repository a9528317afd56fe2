//! The stream of delivery updates of all tracked events, for services that publish too many to wait
//! for each.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tokio::time::sleep;
use ulid::Ulid;
use wirebell_protocol::Channel;
use wirebell_protocol::tracking::State;

use crate::failure::Failure;
use crate::redis::{ConsumerGroup, Entry, EntryId, RedisBus, StreamKind, has_code};
use crate::retry::Backoff;

/// How often the streams are polled while they are empty.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Most entries read from one shard at once.
const MAX_ENTRIES_PER_READ: usize = 100;
/// A reader without a sign of life for this long counts as gone.
const GONE_AFTER: Duration = Duration::from_secs(60);

/// Where to begin reading receipts, and whether to share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follow {
    /// All updates from now on. Updates during a restart are missed.
    Now,
    /// Shared by all readers of this group: each update goes to one of them, at least once. Reading
    /// resumes after a restart. A new group begins with the oldest update that is kept.
    Group(String),
}

/// A final delivery state of an event on one channel: acknowledged, fallen back, expired or
/// cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryUpdate {
    /// The event's id.
    pub id: String,
    /// The channel.
    pub channel: Channel,
    /// The final state.
    pub outcome: State,
    /// When it became final, in milliseconds since the Unix epoch, by the bus' clock.
    pub at: u64,
}

/// Earlier name of [`DeliveryUpdate`].
pub type Told = DeliveryUpdate;

/// The stream of the delivery updates of all services on this bus. See
/// [`Publisher::follow`](crate::Publisher::follow).
pub struct Receipts {
    source: Source,
    waiting: VecDeque<(EntryId, DeliveryUpdate)>,
    /// Returned to the caller and not acknowledged yet.
    handed_out: Vec<EntryId>,
    filter: Option<Filter>,
}

type Filter = Box<dyn Fn(&DeliveryUpdate) -> bool + Send + Sync>;

enum Source {
    Now { bus: Arc<RedisBus>, positions: Option<Vec<String>> },
    Group { group: ConsumerGroup, opened: bool },
}

impl Receipts {
    pub(crate) fn new(bus: &Arc<RedisBus>, follow: &Follow) -> Self {
        let source = match follow {
            Follow::Now => Source::Now { bus: Arc::clone(bus), positions: None },
            Follow::Group(name) => {
                let worker = Ulid::generate().to_string();
                Source::Group { group: ConsumerGroup::new(bus, StreamKind::Receipts, name, &worker), opened: false }
            }
        };
        Self { source, waiting: VecDeque::new(), handed_out: Vec::new(), filter: None }
    }

    /// Returns only the updates that match. The others are acknowledged in the group.
    #[must_use]
    pub fn only(mut self, filter: impl Fn(&DeliveryUpdate) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Waits for the next update, also through an outage of Redis. Cancel safe: dropping the future
    /// loses no update.
    ///
    /// Reading the next update acknowledges the previous one. Until then it is pending in the
    /// group, and is delivered again if this reader is gone for a minute.
    pub async fn next(&mut self) -> DeliveryUpdate {
        let mut backoff = Backoff::up_to(Duration::from_secs(2));
        loop {
            if let Some((id, update)) = self.waiting.pop_front() {
                self.handed_out.push(id);
                return update;
            }
            match self.refill().await {
                Ok(true) => {}
                Ok(false) => sleep(POLL_INTERVAL).await,
                Err(failure) => {
                    tracing::debug!(error = %failure.error, "cannot read receipts; retrying");
                    sleep(backoff.wait(failure.retry_after())).await;
                }
            }
        }
    }

    /// Acknowledges all updates returned so far. Call it before dropping the reader.
    pub async fn commit(&mut self) -> Result<(), crate::PublishError> {
        self.acknowledge().await.map_err(|failure| failure.error)
    }

    /// Converts this into a stream for `StreamExt`.
    pub fn into_stream(self) -> impl Stream<Item = DeliveryUpdate> {
        futures_util::stream::unfold(self, |mut receipts| async move {
            let update = receipts.next().await;
            Some((update, receipts))
        })
    }

    async fn acknowledge(&mut self) -> Result<(), Failure> {
        match &self.source {
            Source::Group { group, .. } if !self.handed_out.is_empty() => {
                group.acknowledge(&self.handed_out).await?;
            }
            _ => {}
        }
        self.handed_out.clear();
        Ok(())
    }

    /// Reads more entries. Returns whether there were any.
    async fn refill(&mut self) -> Result<bool, Failure> {
        self.acknowledge().await?;
        let entries = match &mut self.source {
            Source::Now { bus, positions } => read_new(bus, positions).await?,
            Source::Group { group, opened } => read_group(group, opened).await?,
        };
        let found = !entries.is_empty();
        for entry in entries {
            let update = DeliveryUpdate::read(&entry)
                .filter(|update| self.filter.as_ref().is_none_or(|filter| filter(update)));
            match update {
                Some(update) => self.waiting.push_back((entry.id, update)),
                None => self.handed_out.push(entry.id),
            }
        }
        Ok(found)
    }
}

async fn read_new(bus: &RedisBus, positions: &mut Option<Vec<String>>) -> Result<Vec<Entry>, Failure> {
    let Some(positions) = positions else {
        *positions = Some(bus.last_ids(StreamKind::Receipts).await?);
        return Ok(Vec::new());
    };
    let entries = bus.entries_after(StreamKind::Receipts, positions, MAX_ENTRIES_PER_READ).await?;
    for Entry { id: (shard, id), .. } in &entries {
        if let Some(position) = positions.get_mut(usize::from(shard.number())) {
            position.clone_from(id);
        }
    }
    Ok(entries)
}

/// Reads new entries of the group, or takes over those of readers that are gone.
async fn read_group(group: &ConsumerGroup, opened: &mut bool) -> Result<Vec<Entry>, Failure> {
    if !*opened {
        group.open().await?;
        *opened = true;
    }
    match group.read(MAX_ENTRIES_PER_READ).await {
        Ok(new) if new.is_empty() => group.take_over(GONE_AFTER, &std::collections::HashSet::new()).await,
        Err(failure) if has_code(&failure, "NOGROUP") => {
            *opened = false;
            Err(failure)
        }
        new => new,
    }
}

impl DeliveryUpdate {
    fn read(entry: &Entry) -> Option<Self> {
        let field = |name: &str| entry.fields.get(name);
        Some(Self {
            id: field("id")?.clone(),
            channel: Channel::parse(field("channel")?).ok()?,
            outcome: State::parse(field("outcome")?)?,
            at: field("at")?.parse().ok()?,
        })
    }
}

impl std::fmt::Debug for Receipts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receipts").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}
