//! The builder of a worker: all options, with the reasons for their defaults.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use ulid::Ulid;
use wirebell_protocol::Keys;
use wirebell_protocol::publish::Retentions;

use super::queue::{LeaseQueue, Settings};
use super::{Job, Worker};
use crate::error::{ConnectError, PublishError};
use crate::failure::FailureKind;
use crate::options::Options;
use crate::redis::ConsumerGroup;
use crate::transport::Transport;

/// Options of a worker.
pub struct WorkerBuilder<W> {
    url: String,
    group: String,
    worker: Option<String>,
    prefix: Option<String>,
    settings: Settings,
    made: PhantomData<fn() -> W>,
}

impl<W> WorkerBuilder<W> {
    pub(crate) fn new(url: &str, group: &str) -> Self {
        let settings = Settings {
            tries: 10,
            // Ten attempts take about eight minutes: they cover an outage of a text message
            // provider, not a night.
            backoff: (Duration::from_secs(1), Duration::from_secs(300)),
            // A worker renews its leases three times within that time. A longer pause counts as its
            // death.
            gone_after: Duration::from_secs(30),
            at_once: 16,
            timeout: Duration::from_secs(5),
        };
        let (url, group) = (url.to_owned(), group.to_owned());
        Self { url, group, worker: None, prefix: None, settings, made: PhantomData }
    }

    /// Sets the prefix of the keys in Redis. It must equal the nodes' `bus.prefix`. Default: `wb`.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.to_owned());
        self
    }

    /// Sets the number of attempts before an event becomes a dead letter. An attempt during which
    /// the worker dies counts. Default: 10.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.settings.tries = tries.max(1);
        self
    }

    /// Sets the pause before the second attempt, and the longest pause; each pause is twice the
    /// previous one. Default: one second, five minutes.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff = (first, longest.max(first));
        self
    }

    /// Sets how long a worker may go without renewing its leases before it counts as gone and
    /// others take over its events. A handler may take longer, since its worker keeps renewing.
    /// Default: 30 seconds.
    #[must_use]
    pub fn gone_after(mut self, idle: Duration) -> Self {
        self.settings.gone_after = idle.max(Duration::from_millis(100));
        self
    }

    /// Sets how many events `run` handles at once. Default: 16.
    #[must_use]
    pub fn at_once(mut self, at_once: usize) -> Self {
        self.settings.at_once = at_once.max(1);
        self
    }

    /// Sets the worker's name, which must be unique among the running workers of the group.
    /// Default: a random one.
    #[must_use]
    pub fn worker(mut self, name: &str) -> Self {
        self.worker = Some(name.to_owned());
        self
    }

    /// Starts the worker. If Redis is down, the worker connects in the background.
    pub(crate) async fn start<T: Job>(self) -> Result<Worker<T>, ConnectError> {
        let runtime = Handle::try_current().map_err(|_| ConnectError::Runtime)?;
        let keys = self.prefix.as_deref().map_or_else(|| Ok(Keys::default()), Keys::new)?;
        let timeouts = Duration::from_secs(2);
        let options = Options {
            keys,
            retentions: Retentions::default(),
            service_key: None,
            connect_timeout: timeouts,
            answer_timeout: timeouts,
        };
        let transport = Transport::new(&self.url, options)?;
        let bus = transport.redis()?;
        if let Err(failure) = bus.open().await {
            match (failure.error, failure.kind) {
                (PublishError::Refused(refusal), FailureKind::Configuration) => {
                    return Err(ConnectError::Refused(refusal));
                }
                (error, _) => tracing::warn!(%error, "no connection to Redis yet; retrying in the background"),
            }
        }
        let worker = self.worker.unwrap_or_else(|| Ulid::generate().to_string());
        let group = ConsumerGroup::new(bus, T::KIND, &self.group, &worker);
        Ok(Worker::start(Arc::new(LeaseQueue::new(group, self.settings)), &runtime))
    }
}

impl<W> Clone for WorkerBuilder<W> {
    fn clone(&self) -> Self {
        Self {
            url: self.url.clone(),
            group: self.group.clone(),
            worker: self.worker.clone(),
            prefix: self.prefix.clone(),
            settings: self.settings,
            made: PhantomData,
        }
    }
}

impl<W> std::fmt::Debug for WorkerBuilder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Omits the URL, which may contain a password.
        f.debug_struct("WorkerBuilder")
            .field("group", &self.group)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
