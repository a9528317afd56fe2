//! The builder of a worker: everything that can be chosen, with the reason for what is usual.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use ulid::Ulid;
use wirebell_protocol::Keys;
use wirebell_protocol::publish::Retentions;

use super::desk::{Desk, Settings};
use super::{Work, Worker};
use crate::error::{ConnectError, PublishError};
use crate::failure::Verdict;
use crate::redis::Group;
use crate::transport::{Options, Transport};

/// What a worker is made from.
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
            // Together, ten tries take about eight minutes: an outage of whoever sends text messages, not a night.
            backoff: (Duration::from_secs(1), Duration::from_secs(300)),
            // A worker says three times within that time that it is alive. A pause longer than that is a death.
            gone_after: Duration::from_secs(30),
            at_once: 16,
            timeout: Duration::from_secs(5),
        };
        let (url, group) = (url.to_owned(), group.to_owned());
        Self { url, group, worker: None, prefix: None, settings, made: PhantomData }
    }

    /// The prefix of the keys in Redis, as the nodes have it in `bus.prefix`. Usual: `wb`.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.to_owned());
        self
    }

    /// How often an event is tried before it becomes a dead letter. A worker that dies over it has tried it, too.
    /// Usual: 10.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.settings.tries = tries.max(1);
        self
    }

    /// How long to wait before the second try, and at most before any; each wait is twice the one before. Usual: one
    /// second, five minutes.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff = (first, longest.max(first));
        self
    }

    /// A worker that has given no sign of life for so long is gone, and others take over what it had in its hand. A
    /// handler may take longer than that: its worker goes on giving signs. Usual: 30 seconds.
    #[must_use]
    pub fn gone_after(mut self, idle: Duration) -> Self {
        self.settings.gone_after = idle.max(Duration::from_millis(100));
        self
    }

    /// How many events `run` hands out at once. Usual: 16.
    #[must_use]
    pub fn at_once(mut self, at_once: usize) -> Self {
        self.settings.at_once = at_once.max(1);
        self
    }

    /// The worker's name in the group. No two that run at the same time may share it. Usual: one that nobody else has.
    #[must_use]
    pub fn worker(mut self, name: &str) -> Self {
        self.worker = Some(name.to_owned());
        self
    }

    pub(crate) async fn start<T: Work>(self) -> Result<Worker<T>, ConnectError> {
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
            match (failure.error, failure.verdict) {
                (PublishError::Refused(refusal), Verdict::Door) => return Err(ConnectError::Refused(refusal)),
                (error, _) => tracing::warn!(%error, "no connection yet, it is tried again"),
            }
        }
        let worker = self.worker.unwrap_or_else(|| Ulid::generate().to_string());
        let group = Group::new(bus, T::KIND, &self.group, &worker);
        Ok(Worker::start(Arc::new(Desk::new(group, self.settings)), &runtime))
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
        // Without the URL, which may hold a password.
        f.debug_struct("WorkerBuilder")
            .field("group", &self.group)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
