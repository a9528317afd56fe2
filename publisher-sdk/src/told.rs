//! The stream of receipts: what becomes of every watched event, for a service that publishes too many to wait for each.

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

/// How often the streams are looked at while nothing comes, and while something does.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Entries of one shard that are taken at once.
const MOST_AT_ONCE: usize = 100;
/// A worker that has been silent for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(60);

/// Where to begin reading receipts, and with whom to share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follow {
    /// What is told from now on, all of it, and nothing of what was missed meanwhile after a restart.
    Now,
    /// Shared with all others who name this group: each receipt goes to one of them, at least once, and goes on where
    /// they were after a restart. A new group begins with the oldest receipts that are kept.
    Group(String),
}

/// What has become of an event on one channel: it was acknowledged, has fallen back, has expired, or was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The event's id.
    pub id: String,
    /// The channel.
    pub channel: Channel,
    /// What has become of it.
    pub outcome: State,
    /// When, in milliseconds since the Unix epoch, by the bus' clock.
    pub at: u64,
}

/// The stream of receipts of all services on this bus. See [`Publisher::follow`](crate::Publisher::follow).
pub struct Receipts {
    source: Source,
    waiting: VecDeque<(EntryPlace, Told)>,
    /// Handed to the caller, who comes back for the next once done with it.
    handed_out: Vec<EntryPlace>,
    wanted: Option<Wanted>,
}

type Wanted = Box<dyn Fn(&Told) -> bool + Send + Sync>;

enum Source {
    Now { bus: Arc<RedisBus>, ends: Option<Vec<String>> },
    Group { group: Group, opened: bool },
}

impl Receipts {
    pub(crate) fn new(bus: &Arc<RedisBus>, follow: &Follow) -> Self {
        let source = match follow {
            Follow::Now => Source::Now { bus: Arc::clone(bus), ends: None },
            Follow::Group(name) => {
                let worker = Ulid::generate().to_string();
                Source::Group { group: Group::new(bus, Kind::Receipts, name, &worker), opened: false }
            }
        };
        Self { source, waiting: VecDeque::new(), handed_out: Vec::new(), wanted: None }
    }

    /// Only those that fit. Of a group's, the others are done with.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&Told) -> bool + Send + Sync + 'static) -> Self {
        self.wanted = Some(Box::new(wanted));
        self
    }

    /// The next receipt. It waits for as long as there is none, also through an outage of Redis; dropping the future
    /// loses nothing. Coming back for the next one says that the last one has been attended to; until then it stands
    /// in the group as begun, and is handed out again should this reader be gone for a minute.
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
                    tracing::debug!(error = %failure.error, "receipts cannot be read, and it is tried again");
                    sleep(backoff.wait(failure.come_back_after())).await;
                }
            }
        }
    }

    /// Says that everything handed out so far has been attended to, before this reader goes.
    pub async fn commit(&mut self) -> Result<(), crate::PublishError> {
        self.settle().await.map_err(|failure| failure.error)
    }

    /// As a stream for `StreamExt` and the like.
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

    /// Answers whether anything was found.
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
