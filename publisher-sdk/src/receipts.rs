//! The stream of delivery updates of all tracked events, for services that publish too many to wait for each.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tokio::time::sleep;
use ulid::Ulid;
use wirebell_protocol::Channel;
use wirebell_protocol::tracking::State;

use crate::failure::Failure;
use crate::redis::{Entry, EntryPlace, Group, Kind, RedisBus, has_code};
use crate::retry::Backoff;

/// How often the streams are polled while they are empty.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Most entries read from one shard at once.
const MOST_AT_ONCE: usize = 100;
/// A reader without a sign of life for this long counts as gone.
const GONE_AFTER: Duration = Duration::from_secs(60);

/// Where to begin reading receipts, and whether to share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follow {
    /// All updates from now on. Updates during a restart are missed.
    Now,
    /// Shared by all readers of this group: each update goes to one of them, at least once. Reading resumes after a
    /// restart. A new group begins with the oldest update that is kept.
    Group(String),
}

/// A final delivery state of an event on one channel: acknowledged, fallen back, expired or cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
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

/// The stream of the delivery updates of all services on this bus. See [`Publisher::follow`](crate::Publisher::follow).
pub struct Receipts {
    source: Source,
    waiting: VecDeque<(EntryPlace, Told)>,
    /// Returned to the caller and not acknowledged yet.
    handed_out: Vec<EntryPlace>,
    wanted: Option<Wanted>,
}

type Wanted = Box<dyn Fn(&Told) -> bool + Send + Sync>;

enum Source {
    Now { bus: Arc<RedisBus>, ends: Option<Vec<String>> },
    Group { group: ConsumerGroup, opened: bool },
}

impl Receipts {
    pub(crate) fn new(bus: &Arc<RedisBus>, follow: &Follow) -> Self {
        let source = match follow {
            Follow::Now => Source::Now { bus: Arc::clone(bus), ends: None },
            Follow::Group(name) => {
                let worker = Ulid::generate().to_string();
                Source::Group { group: ConsumerGroup::new(bus, Kind::Receipts, name, &worker), opened: false }
            }
        };
        Self { source, waiting: VecDeque::new(), handed_out: Vec::new(), wanted: None }
    }

    /// Returns only the updates that match. The others are acknowledged in the group.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&Told) -> bool + Send + Sync + 'static) -> Self {
        self.wanted = Some(Box::new(wanted));
        self
    }

    /// Waits for the next update, also through an outage of Redis. Cancel safe: dropping the future loses no update.
    ///
    /// Reading the next update acknowledges the previous one. Until then it is pending in the group, and is delivered
    /// again if this reader is gone for a minute.
    pub async fn next(&mut self) -> Told {
        let mut backoff = Backoff::up_to(Duration::from_secs(2));
        loop {
            if let Some((place, told)) = self.waiting.pop_front() {
                self.handed_out.push(place);
                return told;
            }
            match self.refill().await {
                Ok(true) => {}
                Ok(false) => sleep(LOOK_EVERY).await,
                Err(failure) => {
                    tracing::debug!(error = %failure.error, "cannot read receipts: retrying");
                    sleep(backoff.wait(failure.retry_after())).await;
                }
            }
        }
    }

    /// Acknowledges all updates returned so far. Call it before dropping the reader.
    pub async fn commit(&mut self) -> Result<(), crate::PublishError> {
        self.settle().await.map_err(|failure| failure.error)
    }

    /// Converts this into a stream for `StreamExt`.
    pub fn into_stream(self) -> impl Stream<Item = Told> {
        futures_util::stream::unfold(self, |mut receipts| async move {
            let told = receipts.next().await;
            Some((told, receipts))
        })
    }

    async fn settle(&mut self) -> Result<(), Failure> {
        match &self.source {
            Source::Group { group, .. } if !self.handed_out.is_empty() => group.done(&self.handed_out).await?,
            _ => {}
        }
        self.handed_out.clear();
        Ok(())
    }

    /// Reads more entries. Returns whether there were any.
    async fn refill(&mut self) -> Result<bool, Failure> {
        self.settle().await?;
        let entries = match &mut self.source {
            Source::Now { bus, ends } => read_on(bus, ends).await?,
            Source::Group { group, opened } => read_shared(group, opened).await?,
        };
        let found = !entries.is_empty();
        for entry in entries {
            let told = Told::read(&entry).filter(|told| self.wanted.as_ref().is_none_or(|wanted| wanted(told)));
            match told {
                Some(told) => self.waiting.push_back((entry.place, told)),
                None => self.handed_out.push(entry.place),
            }
        }
        Ok(found)
    }
}

async fn read_on(bus: &RedisBus, ends: &mut Option<Vec<String>>) -> Result<Vec<Entry>, Failure> {
    let Some(ends) = ends else {
        *ends = Some(bus.ends_of(Kind::Receipts).await?);
        return Ok(Vec::new());
    };
    let entries = bus.behind(Kind::Receipts, ends, MOST_AT_ONCE).await?;
    for Entry { place: (shard, id), .. } in &entries {
        if let Some(end) = ends.get_mut(usize::from(shard.number())) {
            end.clone_from(id);
        }
    }
    Ok(entries)
}

async fn read_shared(group: &Group, opened: &mut bool) -> Result<Vec<Entry>, Failure> {
    if !*opened {
        group.open().await?;
        *opened = true;
    }
    match group.read(MOST_AT_ONCE).await {
        Ok(new) if new.is_empty() => group.take_over(GONE_AFTER, &std::collections::HashSet::new()).await,
        Err(failure) if has_code(&failure, "NOGROUP") => {
            *opened = false;
            Err(failure)
        }
        new => new,
    }
}

impl Told {
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
